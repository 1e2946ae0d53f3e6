-- name: server
-- The server's version and clock, and whether a commit reaches the disk before it is told.
select
    current_setting('server_version_num')::integer, clock_timestamp(), current_setting('fsync'),
    current_setting('synchronous_commit'), current_setting('server_encoding');

-- name: workspaces
-- Every workspace.
select w.id from workspace as w order by w.id;

-- name: newest_schema
-- The newest schema file that was applied, null where the database is empty.
select max(s.name) from schema_version as s;
