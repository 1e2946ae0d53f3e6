-- Rounds of `repeat`, arms of `split`, and what daily looks at experiments have shown.

-- step id of each `repeat` that the enrollment is inside of -> {"n": its round, from 1, "at": when that began}
alter table enrollment add column rounds jsonb not null default '{}';
alter table enrollment alter column rounds set statistics 0;
-- experiment -> arm, of every `split` that the enrollment has passed
alter table enrollment add column arms jsonb not null default '{}';
alter table enrollment alter column arms set statistics 0;

-- Which arm of an experiment a profile is in, from its first `split` of it on: weights may change, people do not.
create table arm (
    bucket smallint not null,
    profile uuid not null,
    experiment text collate "C" not null,
    arm text collate "C" not null,
    since timestamptz not null,
    -- in the holdout of the flow of that first split: sent nothing, and so not counted
    held_out boolean not null,
    primary key (bucket, profile, experiment)
);

-- What a look at an experiment has seen, and what it meant for newcomers from then on.
create table look (
    workspace integer not null references workspace (id),
    experiment text collate "C" not null,
    at timestamptz not null,
    -- the experiment as it was published: who has entered it since `since` is counted, from a change of it on anew
    definition jsonb not null,
    since timestamptz not null,
    -- arm -> {"people", "total", "squares", "cubes", "magnitude"}
    samples jsonb not null,
    -- arm -> its weight for newcomers; null: as published
    weights jsonb,
    winner text,
    why text not null,
    primary key (workspace, experiment, at)
);
alter table look alter column definition set statistics 0;
alter table look alter column samples set statistics 0;
alter table look alter column weights set statistics 0;
