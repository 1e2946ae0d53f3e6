-- name: prepare_pairs
-- The merges under way: each pair of profiles once.
create temp table if not exists pair (
    merge uuid, moment timestamptz, survivor uuid, survivor_bucket smallint, loser uuid, loser_bucket smallint
)

-- name: waiting
-- Whether any merge waits in the workspace's buckets.
select distinct bucket from inbox
where kind = 'merge' and bucket = any(%(buckets)s) and moment <= %(horizon)s
    and profile = (facts ->> 'survivor')::uuid

-- name: ready
-- Merges whose turn has come for both profiles: nothing of either is earlier, and no message of either is being rendered or handed
-- over. What stands still, and what is so late that it is worked at the horizon, is not waited for.
insert into pair (merge, moment, survivor, survivor_bucket, loser, loser_bucket)
select i.id, i.moment, (i.facts ->> 'survivor')::uuid, i.bucket, (i.facts ->> 'loser')::uuid,
    (i.facts ->> 'loser_bucket')::smallint
from inbox i
join inbox o on o.kind = 'merge' and o.bucket = (i.facts ->> 'loser_bucket')::smallint and o.id = i.id
    and o.profile = (i.facts ->> 'loser')::uuid
where i.kind = 'merge' and i.bucket = %(bucket)s and i.profile = (i.facts ->> 'survivor')::uuid and i.moment <= %(horizon)s
    and o.profile <> i.profile
    and (%(only)s::uuid[] is null or i.profile = any(%(only)s))
    and not exists (
        select from set_aside s
        where s.until > %(horizon)s
            and ((s.bucket = i.bucket and s.profile = i.profile) or (s.bucket = o.bucket and s.profile = o.profile)))
    and not exists (
        select from inbox e where e.bucket = i.bucket and e.profile = i.profile
            and (e.moment, e.emitted, e.ord, e.id) < (i.moment, i.emitted, i.ord, i.id))
    and not exists (
        select from inbox e where e.bucket = o.bucket and e.profile = o.profile
            and (e.moment, e.emitted, e.ord, e.id) < (o.moment, o.emitted, o.ord, o.id))
    and not exists (
        select from occasion e where e.bucket = i.bucket and e.profile = i.profile and e.at < i.moment)
    and not exists (
        select from occasion e where e.bucket = o.bucket and e.profile = o.profile and e.at < i.moment)
    and not exists (
        select from (values (i.bucket, i.profile), (o.bucket, o.profile)) s (bucket, profile)
        where exists (
                select from enrollment e
                where e.bucket = s.bucket and e.profile = s.profile and e.active and e.work_at < i.moment
                    and e.work_at >= coalesce(%(late_before)s::timestamptz, '-infinity') and e.flow <> all(%(paused)s))
            or exists (
                select from flip f
                where f.bucket = s.bucket and f.profile = s.profile and f.at < i.moment
                    and f.at >= coalesce(%(late_before)s::timestamptz, '-infinity'))
            or exists (
                select from message m where m.bucket = s.bucket and m.profile = s.profile and m.state = 'accepted')
            or exists (
                select from coupon o where o.bucket = s.bucket and o.profile = s.profile and o.state in ('asked', 'dealt'))
            or exists (
                select from errand g where g.bucket = s.bucket and g.profile = s.profile and g.state = 'under_way')
            or exists (
                select from delivery d where d.bucket = s.bucket and d.profile = s.profile and d.state = 'handing_over'))

-- name: hold_both
-- Holds the buckets of both sides, in order, against passes over them.
select bucket from lease where bucket = any(%(buckets)s) order by bucket for update

-- name: count_pass
-- A merge comes after every pass over any of its buckets: the lines that both profiles bring along stay in their order.
update lease
set pass = 1 + (select max(o.pass) from lease o where o.bucket = any(%(buckets)s))
where bucket = %(bucket)s
returning pass

-- name: drop_merges
-- A merge that is done leaves both inboxes.
delete from inbox i using pair r
where i.kind = 'merge' and i.id = r.merge
    and ((i.bucket = r.survivor_bucket and i.profile = r.survivor) or (i.bucket = r.loser_bucket and i.profile = r.loser))

-- name: end_doubles
-- Of two active enrollments of one flow and key the earlier stays (rule 30).
with rivals as materialized (
    select r.moment, r.survivor, r.survivor_bucket,
        case when l.entered_at < s.entered_at then s.bucket else l.bucket end as bucket,
        case when l.entered_at < s.entered_at then s.profile else l.profile end as profile,
        case when l.entered_at < s.entered_at then s.id else l.id end as id
    from pair r
    join enrollment s on s.bucket = r.survivor_bucket and s.profile = r.survivor and s.active
    join enrollment l on l.bucket = r.loser_bucket and l.profile = r.loser and l.active and l.flow = s.flow and l.key = s.key
), ended as (
    update enrollment e
    set active = false, exited_at = v.moment, exit_reason = 'merged', work_at = 'infinity'
    from rivals v
    where e.bucket = v.bucket and e.profile = v.profile and e.id = v.id
    returning e.id, e.flow, e.version, e.key, v.survivor, v.survivor_bucket, v.moment
)
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, key)
select survivor_bucket, survivor, %(pass)s, 10, id, %(workspace)s, moment, 'enrollment', flow, version, id, 'exited', 'merged', key
from ended

-- name: join_profiles
-- Each property with its latest own time, the first source, the latest consent (the withdrawal on a tie), either's suppression.
update profile s
set properties = t.properties, stamps = t.stamps, consents = t.consents, suppressed = coalesce(s.suppressed, t.suppressed),
    created_at = least(s.created_at, t.created_at), address = case when t.their_email then t.address else s.address end,
    zone = coalesce((select z.zone from zone_span z where z.zone = t.properties ->> 'timezone' limit 1), %(zone)s)
from (
    select r.survivor, r.survivor_bucket, l.suppressed, l.created_at, l.address,
        p.properties || coalesce(theirs.properties, '{}') as properties,
        p.stamps || coalesce(theirs.stamps, '{}') as stamps,
        p.consents || coalesce(consents.theirs, '{}') as consents,
        coalesce(theirs.properties ? 'email', false) as their_email
    from pair r
    join profile p on p.bucket = r.survivor_bucket and p.id = r.survivor
    join profile l on l.bucket = r.loser_bucket and l.id = r.loser
    cross join lateral (
        select jsonb_object_agg(j.key, j.value),
            jsonb_object_agg(j.key, l.stamps -> j.key) filter (where l.stamps ? j.key)
        from jsonb_each(l.properties) j
        where case
            when j.key = 'created_at' and not l.stamps ? j.key and not p.stamps ? j.key then l.created_at < p.created_at
            when j.key = 'source' then coalesce((l.stamps ->> j.key)::bigint < (p.stamps ->> j.key)::bigint, true)
            when not p.properties ? j.key then true
            else coalesce((l.stamps ->> j.key)::bigint, -1) > coalesce((p.stamps ->> j.key)::bigint, -1) end
    ) as theirs (properties, stamps)
    cross join lateral (
        select jsonb_object_agg(c.key, c.value)
        from jsonb_each(l.consents) c
        where coalesce((p.consents -> c.key ->> 'at')::bigint < (c.value ->> 'at')::bigint
            or ((p.consents -> c.key ->> 'at')::bigint = (c.value ->> 'at')::bigint and not (c.value ->> 'on')::boolean), true)
    ) as consents (theirs)
) t
where s.bucket = t.survivor_bucket and s.id = t.survivor

-- name: rename_merges
-- Merges that still wait, and name the profile that has gone, name the one that stays instead: on both their sides.
with waiting as materialized (
    select m.id, r.loser, r.survivor, r.survivor_bucket, b.bucket
    from pair r
    join inbox m on m.bucket = r.survivor_bucket and m.profile = r.survivor and m.kind = 'merge'
    cross join lateral (values (m.bucket), ((m.facts ->> 'survivor_bucket')::smallint), ((m.facts ->> 'loser_bucket')::smallint))
        as b (bucket)
    where r.loser in ((m.facts ->> 'survivor')::uuid, (m.facts ->> 'loser')::uuid)
)
update inbox i
set facts = i.facts
    || case when (i.facts ->> 'survivor')::uuid = w.loser
        then jsonb_build_object('survivor', w.survivor, 'survivor_bucket', w.survivor_bucket) else '{}' end
    || case when (i.facts ->> 'loser')::uuid = w.loser
        then jsonb_build_object('loser', w.survivor, 'loser_bucket', w.survivor_bucket) else '{}' end
from waiting w
where i.kind = 'merge' and i.bucket = w.bucket and i.id = w.id

-- name: drop_empty_merges
-- Of the profile that stays with itself there is nothing to merge.
delete from inbox i using pair r
where i.kind = 'merge' and i.bucket = r.survivor_bucket and i.profile = r.survivor
    and i.facts ->> 'survivor' = i.facts ->> 'loser'

-- name: bury
-- The profile that went leaves a sign where it went to, for the links in its mails.
update profile l
set merged_into = r.survivor, properties = '{}', stamps = '{}', consents = '{}', address = null
from pair r
where l.bucket = r.loser_bucket and l.id = r.loser

-- name: drop_occasions
-- The dates of the profile that goes are those of the one that stays from now on, or nobody's: they are planned anew.
with come as (
    delete from inbox i using pair r where i.bucket = r.loser_bucket and i.profile = r.loser and i.kind = 'occasion'
)
delete from occasion o using pair r where o.bucket = r.loser_bucket and o.profile = r.loser

-- name: freshen
-- Every enrollment of the merged profile hears what is known of it; those that have ended may still be converted (rule 28).
insert into fresh (profile, enrollment, moment)
select e.profile, e.id, r.moment
from pair r
join enrollment e on e.bucket = r.survivor_bucket and e.profile = r.survivor

-- name: review
-- The one that stays is looked at whole, as the two are now; what either was in, it was in before.
with idle as (
    delete from flip f using pair r where f.bucket = r.loser_bucket and f.profile = r.loser
)
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, occurred_at, properties)
select r.survivor_bucket, r.survivor, r.moment, true, %(pass)s, md5(concat_ws('|', 'review', r.merge))::uuid, %(workspace)s, 'review', 1,
    r.moment, '{"all": true}'
from pair r
on conflict do nothing

-- name: withdraw
-- What is decided and not yet handed over when its enrollment ends is withdrawn.
update delivery d
set state = 'withdrawn', reason = e.exit_reason, settled_at = e.exited_at
from pair r
join enrollment e on e.bucket = r.survivor_bucket and e.profile = r.survivor and e.exited_at = r.moment
join message m on m.bucket = e.bucket and m.profile = e.profile and m.enrollment = e.id
where d.bucket = m.bucket and d.profile = m.profile and d.message = m.id and d.state = 'queued'
    and e.exit_reason in ('exit_on', 'merged')

-- name: columns
-- The columns of a table beyond bucket and profile, in order.
select attname from pg_attribute
where attrelid = %(table)s::regclass and attnum > 2 and not attisdropped order by attnum
