-- name: people_named
-- The profiles that go by a name: an identifier of any kind, their address, or their own id.
select p.bucket, p.id, p.die, p.address, p.suppressed, p.consents, p.zone, p.properties
from profile as p
where
    p.workspace = %(workspace)s and p.merged_into is null
    and (
        p.id = %(id)s or p.address = lower(%(name)s)
        or (p.bucket, p.id) in (
            select i.bucket, i.profile from identifier as i where i.workspace = %(workspace)s and i.value = any(%(names)s)
        )
    )
order by p.created_at, p.id
limit 20;

-- name: story
-- What was done and decided for one profile, as it happened.
select j.at, j.kind, j.flow, j.outcome, j.reason, j.key, j.step, j.message, j.until, j.address, j.locale, j.subject, j.facts
from journal as j
where
    j.bucket = %(bucket)s and j.profile = %(profile)s
    and (%(flow)s = '' or j.flow = %(flow)s) and (%(message)s = '' or j.message = %(message)s)
order by j.at, j.pass, j.ord, j.id;

-- name: ahead
-- Where a profile stands now, and when that goes on (null: when its message is rendered).
select
    e.flow, e.version, e.step, e.key, e.entered_at, nullif(e.due_at, 'infinity'), nullif(e.work_at, 'infinity'), e.held_out
from enrollment as e
where e.bucket = %(bucket)s and e.profile = %(profile)s and e.active and (%(flow)s = '' or e.flow = %(flow)s)
order by e.work_at, e.flow, e.key;

-- name: handing_over
-- Mails of a profile that were decided and are not handed over yet, or whose outcome is not known.
select m.flow, m.message, d.state, d.attempts, d.next_at, d.reason, d.reply
from delivery as d
inner join message as m on m.bucket = d.bucket and m.profile = d.profile and m.id = d.message
where
    d.bucket = %(bucket)s and d.profile = %(profile)s and d.state not in ('sent', 'withdrawn')
    and (%(flow)s = '' or m.flow = %(flow)s) and (%(message)s = '' or m.message = %(message)s)
order by d.queued_at, d.message;

-- name: server
-- The server's version and clock, and whether a commit reaches the disk before it is told.
select
    current_setting('server_version_num')::integer, clock_timestamp(), current_setting('fsync'),
    current_setting('synchronous_commit'), current_setting('server_encoding');

-- name: newest_schema
-- The newest schema file that was applied, null where the database is empty.
select max(s.name) from schema_version as s;
