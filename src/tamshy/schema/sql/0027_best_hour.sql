-- The hour of the day at which a workspace's people open and click most, each by their own clock, as it was found at a moment.
create table best_hour (
    workspace integer not null,
    at timestamptz not null,
    hour smallint not null check (hour between 0 and 23),
    primary key (workspace, at)
);
