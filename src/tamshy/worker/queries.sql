-- name: live
-- We are there; those that have said so too long ago are not.
with gone as (
    delete from worker where owner <> %(owner)s and owner in (
        select owner from worker where until <= %(now)s or until > %(far)s for update skip locked)
)
insert into worker (owner, until) values (%(owner)s, %(until)s)
on conflict (owner) do update set until = excluded.until

-- name: leave
-- We are not there any more.
delete from worker where owner = %(owner)s

-- name: renew
-- Our leases last a while longer; those that another has taken are not ours any more. Locked in the order of buckets, as merges
-- and publishing do, so that nobody waits for each other.
update lease l set until = %(until)s
from (select bucket from lease where owner = %(owner)s order by bucket for update) ours
where l.bucket = ours.bucket and l.owner = %(owner)s
returning l.bucket, l.fence

-- name: others
-- How many other workers live, with leases or without; how many buckets there are; and when the first of the others' words runs
-- out.
select
    (select count(*)::integer from worker where owner <> %(owner)s and until > %(now)s), count(*)::integer,
    least((select min(until) from worker where owner <> %(owner)s and until > %(now)s),
        min(until) filter (where owner <> %(owner)s and until > %(now)s))
from lease

-- name: take
-- Takes free or abandoned buckets, with a fence that nobody held before. A lease that reaches farther than anybody writes was
-- written before the clock was put back.
update lease l set owner = %(owner)s, until = %(until)s, fence = l.fence + 1
from (
    select bucket from lease where owner is null or until is null or until <= %(now)s or until > %(far)s
    order by bucket limit %(count)s for update skip locked
) free
where l.bucket = free.bucket
returning l.bucket, l.fence

-- name: give_back
-- Buckets beyond our share, or all of them at the end.
update lease l set owner = null, until = null
from (
    select bucket from lease
    where owner = %(owner)s and (%(buckets)s::smallint[] is null or bucket = any(%(buckets)s::smallint[]))
    order by bucket for update
) ours
where l.bucket = ours.bucket

-- name: discover
-- Which of our buckets have anything to work up to the horizon, and in which somebody who was set aside is let in again. Those
-- due up to `after` stand in a paused flow, and are not looked at again.
select b, work, let_in
from (
    select b, exists (
        select from inbox i where i.bucket = b and i.moment <= %(horizon)s
            and not exists (
                select from set_aside s where s.bucket = b and s.profile = i.profile and s.until > %(horizon)s))
        or exists (
            select from enrollment e where e.bucket = b and e.active and e.work_at <= %(horizon)s
                and e.work_at > coalesce(after, '-infinity')
                and not exists (
                    select from set_aside s where s.bucket = b and s.profile = e.profile and s.until > %(horizon)s))
        or exists (select from occasion o where o.bucket = b and o.at <= %(horizon)s)
        or exists (
            select from flip f where f.bucket = b and f.at <= %(horizon)s
                and not exists (
                    select from set_aside s where s.bucket = b and s.profile = f.profile and s.until > %(horizon)s))
        or exists (
            select from message m where m.bucket = b and m.state = 'accepted'
                and not exists (
                    select from set_aside s where s.bucket = b and s.profile = m.profile and s.until > %(horizon)s))
        or exists (
            select from errand g where g.bucket = b and g.waits and g.state in ('done', 'failed')
                and not exists (
                    select from flow f where f.workspace = g.workspace and f.name = g.flow and f.paused)
                and not exists (
                    select from set_aside s where s.bucket = b and s.profile = g.profile and s.until > %(horizon)s))
        or exists (select from reorder r where r.bucket = b and r.at <= %(horizon)s)
        or exists (select from catalogue_turn t where t.bucket = b and t.at <= %(horizon)s) as work,
    exists (select from set_aside s where s.bucket = b and s.until <= %(horizon)s) as let_in
    from unnest(%(buckets)s::smallint[], %(after)s::timestamptz[]) as ours (b, after)
    offset 0
) looked
where work or let_in

-- name: workspaces
-- Every workspace with its buckets, its newest publication and message, and its pauses: when these change, its rulebook is read
-- anew.
select w.name, w.first_bucket, w.buckets, (select max(p.number) from publication p where p.workspace = w.id),
    (select max(m.id) from message_version m where m.workspace = w.id),
    (select coalesce(string_agg(f.name, ',' order by f.name), '') from flow f where f.workspace = w.id and f.paused)
from workspace w order by w.first_bucket

-- name: set_aside
-- Whoever's item raised waits: a little, then longer, then for a person.
insert into set_aside as s (bucket, profile, since, tries, until, error)
select %(bucket)s, profile, %(now)s, 1, %(first)s::timestamptz, error
from json_to_recordset(%(rows)s::json) as r (profile uuid, error text)
on conflict (bucket, profile) do update
set tries = s.tries + 1, error = excluded.error, until = case s.tries when 1 then %(second)s::timestamptz else 'infinity' end

-- name: let_in
-- Whoever was let in again, and raised no more, is as everybody.
delete from set_aside where bucket = %(bucket)s and until <= %(horizon)s

-- name: aside
-- Who is set aside, longest first; without an end those that wait for a person.
select profile, since, tries, nullif(until, 'infinity'), error
from set_aside where bucket >= %(first_bucket)s and bucket < %(first_bucket)s + %(buckets)s order by since, profile

-- name: let_in_now
-- A person says that the cause is mended: this profile, or all, are as everybody.
delete from set_aside
where bucket >= %(first_bucket)s and bucket < %(first_bucket)s + %(buckets)s and (%(profile)s::uuid is null or profile = %(profile)s)
