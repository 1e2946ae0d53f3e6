-- What life needs beyond a simulation: workers that know of one another, and flows that stand still for a while.

-- A worker says that it lives, so that the others count those too that hold no bucket yet.
create table worker (
    owner text primary key,
    until timestamptz not null
);

-- Since when a flow stands still (rule 33); null while it runs.
alter table flow add column paused_at timestamptz;

-- Sends that were due before this moment are skipped as expired: the flow stood still, and was resumed with `skip`.
alter table enrollment add column skip_before timestamptz;
