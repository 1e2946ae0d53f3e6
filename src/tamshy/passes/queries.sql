-- name: prepare
-- The working tables of a session: what the pass under way holds in its hand. Each pass empties them itself: `on commit delete
-- rows` costs milliseconds a commit whether they were used or not.
create temp table if not exists agenda (
    profile uuid, due boolean, place bigint, moment timestamptz, emitted boolean, ord bigint, kind text, id uuid, origin smallint,
    name text, occurred_at timestamptz, properties jsonb, context jsonb, facts jsonb, spot tid
);
create temp table if not exists candidate (
    profile uuid, place bigint, flow text collate "C", version integer, key text collate "C", too_old boolean,
    paused boolean
);
create temp table if not exists fresh (profile uuid, enrollment uuid, moment timestamptz);
create temp table if not exists move (
    profile uuid, enrollment uuid, version integer, target smallint, reached_at timestamptz, moment timestamptz, reason text
);
create temp table if not exists assignment (
    profile uuid, enrollment uuid, place bigint, moment timestamptz, patch jsonb
);
create temp table if not exists hindrance (
    profile uuid, enrollment uuid, flow text collate "C", version integer, step smallint, visit integer, key text collate "C",
    moment timestamptz, zone text, due_at timestamptz, deadline timestamptz, step_id text, message text, message_version integer,
    marketing boolean, topic text, target smallint, trigger_event uuid, address text, suppressed text, consented boolean,
    reason text, round text, noted jsonb
);
analyze agenda, candidate, fresh, move, assignment, hindrance

-- name: clear_few
-- Nothing of an earlier pass is left in the hand: for a handful of rows. Gives the bytes that their dead rows take by now.
with a as (delete from agenda), c as (delete from candidate), f as (delete from fresh), m as (delete from move),
    s as (delete from assignment), h as (delete from hindrance)
select greatest(pg_relation_size('agenda'), pg_relation_size('candidate'), pg_relation_size('fresh'), pg_relation_size('move'),
    pg_relation_size('assignment'), pg_relation_size('hindrance'))

-- name: clear_many
-- The same after a large pass: new files cost less than rows that are dead. Of a table that was never analysed the planner takes ten
-- pages to be full, and reads a bucket whole for so many.
truncate agenda, candidate, fresh, move, assignment, hindrance;
analyze agenda, candidate, fresh, move, assignment, hindrance

-- name: hold_lease
-- Holds the bucket for this transaction, if the fence is still ours, and counts the pass: passes over one bucket never overlap.
update lease set pass = pass + 1 where bucket = %(bucket)s and fence = %(fence)s returning pass

-- name: pick
-- At most the earliest item of each profile, by its own time (rule 1): an event as taken in, what is due, what was emitted. A
-- profile waits while a message of its is being rendered, while a code is dealt to it, while it is about to be merged, or while it
-- is set aside. While the bucket has a turn with what has changed in the catalogue, nothing is picked that comes behind it: it
-- follows the events of its moment, and goes before what is due then (rule 1). Gives the survey of what was picked.
with recursive turn as materialized (
    select coalesce(max(at), 'infinity') as at from catalogue_turn where bucket = %(bucket)s and at <= %(horizon)s
), head as (
    -- The first row of each profile in the order of the key: from one profile straight to the next.
    (
        select profile, moment, emitted, ord, id, 1 as n from inbox
        where bucket = %(bucket)s and moment <= (select at from turn)
        order by profile, moment, emitted, ord, id
        limit 1
    )
    union all
    select i.* from head h
    cross join lateral (
        select profile, moment, emitted, ord, id, h.n + 1 from inbox
        where bucket = %(bucket)s and profile > h.profile and moment <= (select at from turn)
        order by profile, moment, emitted, ord, id
        limit 1
    ) i
    where h.n < %(limit)s
), overdue as materialized (
    select profile, id, work_at, priority, due_at, flow, key, version, step, ctid as spot from enrollment
    where bucket = %(bucket)s and active and work_at <= %(horizon)s and flow <> all(%(paused)s)
    order by work_at, profile
    limit %(limit)s
), ticking as materialized (
    -- Whose segments time may turn.
    select profile, at from flip
    where bucket = %(bucket)s and at <= %(horizon)s
    order by at, profile
    limit %(limit)s
), known as materialized (
    -- With more in the inbox than a pass takes, what waits there for somebody overdue is looked up: it may be earlier.
    select profile, moment, emitted, ord, id from head
    union all
    select i.* from (select profile from overdue union select profile from ticking) o
    cross join lateral (
        select profile, moment, emitted, ord, id from inbox
        where bucket = %(bucket)s and profile = o.profile
        order by profile, moment, emitted, ord, id
        limit 1
    ) i
    where (select count(*) from head) >= %(limit)s and not exists (select from head h where h.profile = o.profile)
), due as materialized (
    -- What is late is worked at the horizon: after all that has arrived, an order in an outage stops its reminder.
    select distinct on (o.profile) o.profile, o.id, l.at, o.version::bigint * 1000 + o.step as place, o.spot, o.flips
    from (
        select *, false as flips from overdue where (select count(*) from overdue) < %(limit)s
        union all
        -- With more due than a pass takes, all that is due for each of its profiles is looked up: some may go before.
        select e.*, false from (
            select profile from overdue union select profile from ticking
            union select profile from head where moment <= %(horizon)s
        ) w
        cross join lateral (
            select profile, id, work_at, priority, due_at, flow, key, version, step, ctid as spot from enrollment
            where bucket = %(bucket)s and profile = w.profile and active and work_at <= %(horizon)s and flow <> all(%(paused)s)
            offset 0
        ) e
        where (select count(*) from overdue) >= %(limit)s
        union all
        -- Time turns a segment before anything is due at that moment, and after the events of it.
        select profile, null, at, null, null, null, null, null, null, null, true from ticking
        where (select count(*) from ticking) < %(limit)s
        union all
        select f.* from (
            select profile from overdue union select profile from ticking
            union select profile from head where moment <= %(horizon)s
        ) w
        cross join lateral (
            select profile, null::uuid, at, null::integer, null::timestamptz, null::text, null::text, null::integer, null::smallint,
                null::tid, true
            from flip
            where bucket = %(bucket)s and profile = w.profile and at <= %(horizon)s
            offset 0
        ) f
        where (select count(*) from ticking) >= %(limit)s
    ) o
    cross join lateral (
        select case when o.work_at < %(late_before)s::timestamptz then %(horizon)s else o.work_at end
    ) as l (at)
    order by o.profile, l.at, o.flips desc, o.priority desc, o.due_at, o.flow, o.key
), candidate as materialized (
    select coalesce(e.profile, h.profile) as profile, h.moment, h.emitted, h.ord, h.id, e.id as due, e.at, e.place, e.spot,
        coalesce(e.flips, false) as flips,
        h.id is not null and (e.profile is null or h.moment < e.at or (h.moment = e.at and not h.emitted)) as taken
    from due e
    full join (select * from known where moment <= %(horizon)s) h on h.profile = e.profile
), free as (
    select c.* from candidate c
    where (%(only)s::uuid[] is null or c.profile = any(%(only)s))
        and case when c.taken then c.moment < (select at from turn) or (c.moment = (select at from turn) and not c.emitted)
            else c.at < (select at from turn) or (c.at = (select at from turn) and c.flips) end
        -- Read once, and hashed: as joins they are compared with one another where the planner takes them for few.
        and c.profile not in (select m.profile from message m where m.bucket = %(bucket)s and m.state = 'accepted')
        and c.profile not in (select o.profile from coupon o where o.bucket = %(bucket)s and o.state in ('asked', 'dealt'))
        and c.profile not in (select s.profile from set_aside s where s.bucket = %(bucket)s and s.until > %(horizon)s)
), picked as (
    insert into agenda (profile, due, place, moment, emitted, ord, kind, id, origin, name, occurred_at, properties, context, facts,
        spot)
    select c.profile, not c.taken and not c.flips, case when c.taken then null else c.place end,
        case when c.taken then c.moment else c.at end, c.taken and c.emitted, i.ord,
        case when c.taken then i.kind when c.flips then 'flip' else 'due' end, case when c.taken then i.id else c.due end,
        i.origin, case when not c.taken and c.flips then '' else i.name end, i.occurred_at, i.properties, i.context, i.facts, c.spot
    from free c
    left join lateral (
        select * from inbox i
        where c.taken and i.bucket = %(bucket)s and i.profile = c.profile and i.moment = c.moment and i.emitted = c.emitted
            and i.ord = c.ord and i.id = c.id
        offset 0
    ) i on true
    where i.kind is distinct from 'merge' and (not c.taken or i.id is not null)
    order by c.profile
    returning kind, name, emitted, facts ? 'ambient' or facts ? 'source' as ambient, place
)
select kind, name, count(*)::integer, bool_or(emitted), bool_or(ambient), place from picked group by kind, name, place

-- name: in_hand
-- Whose items the pass has in its hand.
select profile from agenda order by profile

-- name: between_passes
-- Who is let go of between two passes: those who ask for a code or were dealt one, and whose webhook was answered.
select profile from coupon where bucket = %(bucket)s and state in ('asked', 'dealt')
union
select profile from errand where bucket = %(bucket)s and waits and state in ('done', 'failed')

-- name: left_between
-- Whether anybody waits for a mail's rendering, asks for a code, was dealt one, or has the answer to a webhook: one look for all.
select exists (select from message where bucket = %(bucket)s and state = 'accepted'),
    exists (select from coupon where bucket = %(bucket)s and state = 'asked'),
    exists (select from coupon where bucket = %(bucket)s and state = 'dealt'),
    exists (
        select from errand where bucket = %(bucket)s and waits and state in ('done', 'failed') and flow <> all(%(paused)s))

-- name: resolve_engagements
-- What somebody did with "the newest such message sent by then" (a history says no more) becomes what life would have recorded.
with found as (
    select a.profile, a.properties ->> 'did' as did, a.properties -> 'url' as url,
        coalesce((a.properties ->> 'machine')::boolean, false) as machine, m.id, m.message, m.flow, m.step, m.enrollment, m.topic
    from agenda a
    left join lateral (
        select m.* from message m
        where m.bucket = %(bucket)s and m.profile = a.profile and m.state = 'sent' and m.decided_at <= a.occurred_at
            and m.message = a.properties ->> 'message'
        order by m.decided_at desc, m.id limit 1
    ) m on true
    where a.kind = 'engage'
)
update agenda a
set kind = case when f.id is null then 'missed' when f.machine then 'machine'
        when f.did = 'unsubscribed' then 'consent' when f.did in ('bounced', 'complained') then 'suppress' else 'event' end,
    origin = 1,
    name = case when f.id is null or f.machine then '' else case f.did when 'opened' then 'Message Opened'
        when 'clicked' then 'Message Clicked' when 'unsubscribed' then 'Unsubscribed' when 'bounced' then 'Message Bounced'
        else 'Message Complained' end end,
    properties = case when f.id is null then a.properties else jsonb_strip_nulls(jsonb_build_object('message', f.message,
        'flow', f.flow, 'step', f.step, 'message_id', f.id, 'enrollment', f.enrollment, 'url', f.url,
        'topic', case when f.did = 'unsubscribed' then f.topic end)) end,
    facts = case f.did
        when 'unsubscribed' then jsonb_build_object('topic', f.topic, 'granted', false, 'source', 'link')
        when 'bounced' then '{"reason": "hard_bounce"}'::jsonb
        when 'complained' then '{"reason": "complaint"}'::jsonb else '{}' end
from found f
where a.kind = 'engage' and a.profile = f.profile

-- name: missed_engagements
-- What was done with a message that had not been sent: reported, and nothing comes of it.
select a.profile, a.occurred_at, a.properties ->> 'did', a.properties ->> 'message' from agenda a where a.kind = 'missed'

-- name: survey
-- What the pass has in its hand, by kind, name and place: which statements have anything to do. Asked again where that has changed
-- since it was picked.
select kind, name, count(*)::integer, bool_or(emitted), bool_or(facts ? 'ambient' or facts ? 'source'), place
from agenda group by kind, name, place

-- name: forward
-- What somebody stored for a profile while it was being merged follows to the profile that stays.
with strays as materialized (
    select a.profile, a.moment, a.emitted, a.ord, a.id, p.merged_into
    from agenda a
    join profile p on p.bucket = %(bucket)s and p.id = a.profile
    where not a.due and p.merged_into is not null
), gone as (
    delete from agenda a using strays s where a.profile = s.profile
), taken as (
    delete from inbox i using strays s
    where i.bucket = %(bucket)s and i.profile = s.profile and i.moment = s.moment and i.emitted = s.emitted and i.ord = s.ord
        and i.id = s.id
    returning s.merged_into, i.*
)
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, context,
    facts)
select %(first_bucket)s + ('x' || left(merged_into::text, 4))::bit(16)::integer %% %(buckets)s, merged_into, moment, emitted,
    ord, id, workspace, kind, origin, name, occurred_at, properties, context, facts
from taken
on conflict do nothing

-- name: drop_taken
-- What is on the agenda leaves the inbox in the transaction that acts on it.
delete from inbox i using agenda a
where not a.due and i.bucket = %(bucket)s and i.profile = a.profile and i.moment = a.moment and i.emitted = a.emitted
    and i.ord = a.ord and i.id = a.id

-- name: promote
-- Once nothing is due, all that was emitted at a moment is taken in as events together (rule 1).
update inbox i set emitted = false
from agenda a
where a.emitted and i.bucket = %(bucket)s and i.profile = a.profile and i.moment = a.moment and i.emitted

-- name: take_in
-- An event taken in is known to every condition from here on (rule 10).
insert into event (bucket, profile, id, name, occurred_at, received_at, origin, properties, context)
select %(bucket)s, profile, id, name, occurred_at, moment, origin, properties, context
from agenda where not due and name <> ''
on conflict do nothing

-- name: next_moment
-- The earliest moment at which anything in the bucket can be worked.
select least(
    (select min(moment) from inbox where bucket = %(bucket)s),
    (select min(at) from flip where bucket = %(bucket)s),
    (select min(work_at) from enrollment where bucket = %(bucket)s and active),
    (select min(at) from occasion where bucket = %(bucket)s),
    (select min(at) from reorder where bucket = %(bucket)s),
    (select min(at) from catalogue_turn where bucket = %(bucket)s))
