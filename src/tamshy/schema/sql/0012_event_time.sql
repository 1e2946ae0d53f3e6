-- By what was done, and when: for a question about everybody. `event_name` answers for one person; asked of a million it is read
-- from end to end.
create index event_time on event (bucket, name, occurred_at) include (profile, origin);
