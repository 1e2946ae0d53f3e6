-- name: durability
-- Whether a commit reaches the disk before it is told, whether this server may be written to, and whether it was made to be thrown
-- away.
select
    current_setting('fsync') = 'on', current_setting('synchronous_commit') <> 'off',
    current_setting('full_page_writes') = 'on',
    pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on',
    coalesce(current_setting('tamshy.passing', true), '') = 'on';

-- name: leave_mark
-- Something to be read back: what was written must be seen by whatever is read next. It stands among the workers, dead already.
insert into worker (owner, until) values (%(mark)s, '-infinity');

-- name: see_mark
-- Read by itself, as a statement that somebody in between may think harmless to ask elsewhere.
select count(*) from worker where owner = %(mark)s;

-- name: wipe_mark
-- It has served.
delete from worker where owner = %(mark)s;
