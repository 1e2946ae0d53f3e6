-- name: server
-- Which server this is: made once with its files, and kept by every restart and by every copy of the files.
select system_identifier::text from pg_control_system()

-- name: timeline
-- The server's line of history: a promoted stand-by, or one restored to a point in time, begins a new one.
select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)

-- name: place
-- Where the server's files lie, for those who may know.
select md5(current_setting('data_directory'))

-- name: database
-- Which database and which table: numbers that the server gives once, and a restored copy gets anew.
select d.oid::text, 'installation'::regclass::oid::text from pg_database d where d.datname = current_database()

-- name: installation
-- What is written down of this installation.
select id, whereabouts, held_since, held_for, seen from installation

-- name: found
-- A database that is founded lies where it should.
insert into installation (id, whereabouts, confirmed_at) values (%(id)s, %(whereabouts)s::jsonb, %(at)s)
on conflict do nothing

-- name: learn
-- What was not known of its whereabouts before is taken as it is.
update installation set whereabouts = %(whereabouts)s::jsonb || whereabouts
where not whereabouts @> (%(whereabouts)s::jsonb || whereabouts)

-- name: hold
-- Nothing leaves from now on, for these reasons beside those there were.
update installation
set held_since = coalesce(held_since, %(at)s), seen = seen || %(seen)s::jsonb,
    held_for = array(select distinct r from unnest(held_for || %(reasons)s::text[]) r order by r)
where held_since is null or not held_for @> %(reasons)s::text[] or not seen @> %(seen)s::jsonb

-- name: release
-- One reason is gone by itself.
update installation
set held_for = array_remove(held_for, %(reason)s::text),
    held_since = case when array_remove(held_for, %(reason)s::text) <> '{}' then held_since end
where held_for @> array[%(reason)s::text]

-- name: confirm
-- A person says that this is the one that mails, where it lies now.
update installation
set id = %(id)s, whereabouts = whereabouts || seen || %(whereabouts)s::jsonb, confirmed_at = %(at)s, held_since = null,
    held_for = '{}', seen = '{}'

-- name: waiting
-- What is decided and not handed over, and what is being.
select count(*) filter (where state = 'queued'), count(*) filter (where state = 'handing_over'),
    count(*) filter (where state = 'uncertain')
from delivery where state in ('queued', 'handing_over', 'uncertain')

-- name: due
-- How many people stand at each step that is due; those of paused flows stay there.
select e.version, e.step::integer, e.met_at is not null, count(*)::integer
from enrollment e
join flow f on f.workspace = e.workspace and f.name = e.flow and not f.paused
where e.active and e.work_at <= %(at)s and e.bucket >= %(first)s and e.bucket < %(beyond)s
group by 1, 2, 3

-- name: withdraw_queued
-- What was decided before the copy was made, and may have left the original meanwhile, is not handed over.
update delivery set state = 'withdrawn', reason = 'restored', settled_at = %(at)s, next_at = %(at)s
where state in ('queued', 'handing_over')

-- name: fail_errands
-- The same of webhooks and notices; whoever waits for an answer goes on without.
update errand set state = 'failed', reply = 'not run: the database was restored', settled_at = %(at)s, next_at = %(at)s, owner = null
where state in ('queued', 'under_way')

-- name: skip_due
-- Sends that were due before this moment are skipped as expired: the original may have sent them.
update enrollment set skip_before = %(at)s
where active and work_at <= %(at)s

-- name: anchor
-- What is known of a machine's clock since it was started.
select since_boot, at from anchor where boot = %(boot)s

-- name: drop_anchor
-- The first look at a machine's clock, or one that has drifted within what is believed.
insert into anchor (boot, since_boot, at) values (%(boot)s, %(since_boot)s, %(at)s)
on conflict (boot) do update set since_boot = excluded.since_boot, at = excluded.at

-- name: forget_anchors
-- A person says that the clocks are right: every machine's is looked at anew.
delete from anchor
