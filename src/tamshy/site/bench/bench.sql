-- name: fill_profiles
-- People of the made-up shop, p1 to pN, with the ids that ingest would give them, and with consent.
insert into profile (bucket, id, workspace, die, created_at, properties, address, zone, consents)
select
    %(first_bucket)s::integer + ('x' || left(p.h, 4))::bit(16)::integer %% %(span)s::integer, p.h::uuid, %(workspace)s,
    'user_id:p' || p.n, %(noon)s::timestamptz - interval '200 days',
    jsonb_build_object('email', 'p' || p.n || '@example.com', 'first_name', 'Айгүл', 'city', 'Almaty', 'visits', p.n %% 50),
    'p' || p.n || '@example.com', 'Asia/Almaty', '{"offers": {"on": true, "at": 1700000000000000}}'
from (
    select n, md5(%(name)s::text || '|user_id:p' || n) as h
    from generate_series(%(first)s::integer, %(last)s::integer) n
) p

-- name: fill_identifiers
-- Their user ids.
insert into identifier (workspace, kind, value, bucket, profile, since)
select
    %(workspace)s, 'user_id', 'p' || p.n,
    %(first_bucket)s::integer + ('x' || left(p.h, 4))::bit(16)::integer %% %(span)s::integer, p.h::uuid,
    %(noon)s::timestamptz - interval '200 days'
from (
    select n, md5(%(name)s::text || '|user_id:p' || n) as h
    from generate_series(%(first)s::integer, %(last)s::integer) n
) p

-- name: fill_events
-- What each of them did in the 90 days before: mostly looking at things.
insert into event (bucket, profile, id, name, occurred_at, received_at, origin, properties, context)
select
    %(first_bucket)s::integer + ('x' || left(p.h, 4))::bit(16)::integer %% %(span)s::integer, p.h::uuid, md5(p.h || k)::uuid,
    (array['Product Viewed', 'Product Added', 'Product Viewed', 'Order Completed', 'Checkout Started'])[1 + (p.n + k) %% 5], t.at, t.at, 0,
    jsonb_build_object('value', 100 * k, 'cart_id', 'c' || k, 'product_id', 'sku-' || p.n %% 97, 'category', 'tea'), '{}'
from (
    select n, md5(%(name)s::text || '|user_id:p' || n) as h
    from generate_series(%(first)s::integer, %(last)s::integer) n
) p
cross join generate_series(1, %(past)s::integer) k
cross join lateral (
    select %(noon)s::timestamptz - interval '2 days' - k * interval '9 days' + p.n %% 86400 * interval '1 second'
) t (at)

-- name: fill_entries
-- What started them in the flow.
insert into entry (bucket, profile, enrollment, name, occurred_at, properties, context)
select
    %(first_bucket)s::integer + ('x' || left(p.h, 4))::bit(16)::integer %% %(span)s::integer, p.h::uuid,
    md5(p.h || %(flow)s::text)::uuid, 'Checkout Started', %(noon)s::timestamptz - interval '1 day',
    jsonb_build_object('cart_id', 'c' || p.n, 'value', 6900.5), '{}'
from (
    select n, md5(%(name)s::text || '|user_id:p' || n) as h
    from generate_series(%(first)s::integer, %(last)s::integer) n
) p

-- name: fill_enrollments
-- At the flow's first step: those that are due within the 30 seconds before noon, all others in a year.
insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit, priority, held_out,
    entered_at, reached_at, due_at, work_at)
select
    %(first_bucket)s::integer + ('x' || left(p.h, 4))::bit(16)::integer %% %(span)s::integer, p.h::uuid,
    md5(p.h || %(flow)s::text)::uuid, %(workspace)s, %(flow)s, %(version)s, '', md5(p.h || 'trigger')::uuid, true, 0, 1, 0, false,
    t.at - interval '1 day', t.at - interval '1 day', t.at, t.at
from (
    select n, md5(%(name)s::text || '|user_id:p' || n) as h
    from generate_series(%(first)s::integer, %(last)s::integer) n
) p
cross join lateral (
    select %(noon)s::timestamptz + case
        when %(every)s::integer > 0 and p.n %% nullif(%(every)s::integer, 0) = 0 then p.n %% 30 * interval '-1 second'
        else interval '365 days' + p.n %% 864000 * interval '1 second' end
) t (at)

-- name: fill_messages
-- Three mails that each of them was sent in the weeks before: what caps and duplicates are looked for among.
insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step, visit, message, message_version,
    kind, topic, trigger_event, state, address, due_at, decided_at)
select
    e.bucket, e.profile, md5(concat(e.id, k))::uuid, e.workspace, md5(concat(e.id, 'before'))::uuid, 'before', 0, 0, 'letter', k,
    'letter', 0, 'marketing', 'offers', md5(concat(e.id, k))::uuid, 'sent', 'x@example.com',
    %(noon)s::timestamptz - k * interval '8 days', %(noon)s::timestamptz - k * interval '8 days'
from enrollment e
cross join generate_series(1, 3) k

-- name: fill_suppressions
-- Addresses that are never written to; nobody's who is in the way.
insert into suppression (workspace, address, reason, since)
select %(workspace)s, 'gone' || n || '@example.com', 'hard_bounce', %(noon)s::timestamptz - interval '30 days'
from generate_series(1, %(count)s::integer) n

-- name: fill_inbox
-- Events that have arrived and are not taken in yet.
insert into inbox (bucket, profile, moment, ord, id, workspace, kind, name, occurred_at, properties)
select p.bucket, p.id, %(noon)s::timestamptz - n * interval '1 millisecond', n, md5(concat('inbox', n))::uuid, p.workspace, 'event',
    'Product Viewed', %(noon)s, jsonb_build_object('product_id', 'sku-' || n %% 97, 'category', 'tea', 'price', n %% 1000)
from generate_series(%(first)s::integer, %(last)s::integer) n
join (select bucket, id, workspace, row_number() over () as place from profile) p
    on p.place = 1 + n %% (select count(*) from profile)

-- name: fill_seen
-- Their message ids.
insert into seen_message (workspace, digest, seen_at)
select %(workspace)s, md5(concat('seen', n))::uuid, %(noon)s::timestamptz - n * interval '1 millisecond'
from generate_series(%(first)s::integer, %(last)s::integer) n

-- name: smallest_bucket
-- How many wait in the bucket with the fewest.
select min(b.n) from (select count(*) as n from enrollment group by bucket) b

-- name: put_back
-- The bare update beside which advancing is measured: the rows that a round has moved, all that it changed set back.
update enrollment
set active = true, step = 0, visit = visit + 1, reached_at = entered_at, due_at = entered_at + interval '1 day', met_at = null,
    work_at = entered_at + interval '1 day', reached = '{}', exited_at = null, exit_reason = null
where bucket = %(bucket)s and active and work_at > %(horizon)s and work_at < %(horizon)s::timestamptz + interval '300 days'

-- name: singly_claim
-- One person who is due at the branch, with their zone: what a worker that goes person by person takes in hand.
select e.profile, e.id, e.due_at, p.zone
from enrollment e
join profile p on p.bucket = e.bucket and p.id = e.profile
where e.bucket = %(bucket)s and e.active and e.work_at <= %(horizon)s and e.version = %(version)s and e.step = 1
order by e.work_at limit 1
for update of e skip locked

-- name: singly_ask
-- What the branch asks of that person.
select count(*) from event
where bucket = %(bucket)s and profile = %(profile)s and name = 'Product Viewed' and occurred_at > %(since)s
    and occurred_at <= %(horizon)s

-- name: singly_move
-- Where they go.
update enrollment
set step = %(step)s, visit = visit + 1, reached_at = %(reached_at)s, due_at = %(due_at)s, work_at = %(due_at)s
where bucket = %(bucket)s and profile = %(profile)s and id = %(enrollment)s

-- name: put_back_decided
-- The same beside deciding: whoever waits for a mail to be rendered stands before the decision again.
update enrollment set work_at = due_at where bucket = %(bucket)s and active and work_at = 'infinity'

-- name: drop_decisions
-- What a round has decided is forgotten, so that the next decides it anew.
delete from message where state = 'accepted'

-- name: empty_inbox
-- Nothing waits any more: what comes next is all that a worker has to take in.
truncate inbox

-- name: oldest
-- Since when the oldest event waits that nobody has taken in.
select min(i.moment) from inbox as i

-- name: owners
-- How many workers hold buckets of the shop, and how many buckets nobody holds.
select count(distinct owner), count(*) filter (where owner is null) from lease

-- name: answered
-- Which of the orders that are watched have been answered, and when they arrived.
select r.event, e.received_at
from json_to_recordset(%(rows)s::json) as r (bucket smallint, profile uuid, event uuid)
join event e on e.bucket = r.bucket and e.profile = r.profile and e.id = r.event
where exists (
    select from message m
    where m.bucket = r.bucket and m.profile = r.profile and m.trigger_event = r.event and m.flow = %(flow)s
        and m.state <> 'accepted')

-- name: fill_busy
-- What people of the busy shop have done and nobody has taken in yet: so many events for each of its buckets.
insert into inbox (bucket, profile, moment, ord, id, workspace, kind, name, occurred_at, properties)
select p.bucket, p.id, %(moment)s::timestamptz - n * interval '1 millisecond', n, md5(concat(%(round)s::integer, '|', n))::uuid,
    p.workspace, 'event',
    (array['Product Viewed', 'Page Viewed', 'Product Viewed', 'Product Added', 'Product Viewed', 'Checkout Started', 'Product Viewed',
        'Order Completed'])[1 + n %% 8],
    %(moment)s::timestamptz - n * interval '1 millisecond',
    jsonb_build_object('value', n %% 100, 'cart_id', concat('c', %(round)s::integer, n), 'order_id', concat('o', %(round)s::integer, n),
        'product_id', 'sku-' || n %% 97, 'category', case when n %% 3 = 0 then 'tea' else 'bowls' end)
from generate_series(1, %(count)s::integer) n
join (select bucket, id, workspace, row_number() over (order by bucket, id) as place from profile) p
    on p.place = 1 + n %% (select count(*) from profile)

-- name: done
-- Whether nothing is left of it: all taken in, all decided, all rendered.
select not exists (select from inbox) and not exists (select from message where state = 'accepted')
    and not exists (select from enrollment where active and work_at <= %(horizon)s)

-- name: fill_behaviour
-- What everybody did in the half year before, in the order of its time: mostly looking at things, some orders, some mails opened.
insert into event (bucket, profile, id, name, occurred_at, received_at, origin, properties, context)
select
    p.bucket, p.id, md5(concat(p.id, k))::uuid, w.name, t.at, t.at, case when w.name = 'Message Opened' then 1 else 0 end,
    jsonb_build_object('value', 100 * k, 'cart_id', 'c' || k, 'product_id', 'sku-' || p.n %% 97), '{}'
from (select bucket, id, substr(die, 10)::bigint as n from profile) p
cross join generate_series(1, %(past)s::integer) k
cross join lateral (
    select (array['Product Viewed', 'Product Viewed', 'Product Viewed', 'Product Viewed', 'Product Viewed', 'Product Added',
        'Product Added', 'Checkout Started', 'Order Completed', 'Message Opened'])[
        1 + (hashint8extended(p.n * 64 + k, 1) & 1023) %% 10]
) w (name)
cross join lateral (
    select %(noon)s::timestamptz - (hashint8extended(p.n * 64 + k, 2) & 1073741823) %% 15552000 * interval '1 second'
) t (at)
order by t.at

-- name: ask_by_profile
-- The question asked of the index that finds what one person did, read from end to end.
select count(*) from (
    select profile from event
    where bucket = %(bucket)s and occurred_at <= %(noon)s
        and (name = 'Order Completed' and occurred_at > %(noon)s::timestamptz - interval '90 days'
            or name = 'Message Opened' and occurred_at > %(noon)s::timestamptz - interval '30 days')
    group by profile
    having count(*) filter (where name = 'Order Completed') >= 3 and count(*) filter (where name = 'Message Opened') >= 1
) q

-- name: fill_baskets
-- Four products in the event that started each, as shops send them.
update entry n set properties = n.properties || jsonb_build_object('products', (
    select jsonb_agg(jsonb_build_object(
        'product_id', concat('sku-', k), 'name', concat('Bowl No. ', k, ' <blue>'), 'price', 1200 + 350 * k, 'quantity', 1 + k %% 2,
        'url', concat('https://bench.example/p/', left(n.profile::text, 2), '-', k),
        'image_url', concat('https://bench.example/i/', left(n.profile::text, 2), '-', k, '.jpg')) order by k)
    from generate_series(0, 3) k))

-- name: hide_messages
-- What was decided waits out of the press's sight.
update message set state = 'skipped' where state = 'accepted'

-- name: show_messages
-- So many of them are accepted, all at once.
update message set state = 'accepted' where (bucket, profile, id) in (
    select bucket, profile, id from message where state = 'skipped' limit %(count)s)

-- name: mail_under_way
-- Whether anything is accepted and not rendered, or rendered and not settled.
select exists (select from message where state = 'accepted')
    or exists (select from delivery where state in ('queued', 'handing_over'))

-- name: count_mails
-- What was sent, for how many decisions, in how many attempts, and how many answers were lost.
select count(*), count(distinct (m.bucket, m.profile, m.enrollment, m.step_index, m.visit)), coalesce(sum(d.attempts), 0),
    coalesce(sum(d.doubts), 0)
from delivery d
join message m on m.bucket = d.bucket and m.profile = d.profile and m.id = d.message
where d.state = 'sent'

-- name: end_all
-- Who still waits in a flow leaves it, so that no round works what an earlier one has left.
update enrollment set active = false, work_at = 'infinity' where active
