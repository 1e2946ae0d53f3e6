-- Which user was named with a device, and when (rule 36): what came from the device without a user belongs to the one named
-- last before it, by own times, in whatever order calls arrive. Names the user, not the profile, so that merging leaves it
-- alone. Keyed by value like `identifier`; pruned after 30 days but for each device's newest.
create table naming (
    workspace integer not null,
    device text not null,
    -- own time of the call that named both
    at timestamptz not null,
    user_id text not null,
    primary key (workspace, device, at)
);
create index naming_age on naming (at);
