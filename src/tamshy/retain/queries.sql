-- name: hold
-- The bucket, if the fence still fits: no pass is under way in it meanwhile.
select from lease where bucket = %(bucket)s and fence = %(fence)s for update

-- name: progress
-- How far the round through a bucket has come, and when it began.
select after, began from retention where bucket = %(bucket)s

-- name: keep_progress
-- The same, written down; no `after`: the round is over.
insert into retention as l (bucket, after, began) values (%(bucket)s, %(after)s, %(began)s)
on conflict (bucket) do update set after = excluded.after, began = excluded.began

-- name: people
-- The next profiles of a bucket, by id.
select id from profile where bucket = %(bucket)s and id > %(after)s order by id limit %(limit)s

-- name: events
-- What happened before anything that a rule may ask for; whoever is inside a flow keeps all that has happened since they entered, and
-- what made them enter. What an open cart or an order is made of stays as long as these do: a late word of one makes it anew of all.
delete from event v
where v.bucket = %(bucket)s and v.profile = any(%(people)s::uuid[]) and v.occurred_at < %(events)s and v.received_at < %(events)s
    and not exists (
        select from orders o
        where o.bucket = %(bucket)s and o.profile = v.profile and o.id in (shop_key(v.properties -> 'order_id'), v.id::text))
    and not exists (
        select from cart c
        where c.bucket = %(bucket)s and c.profile = v.profile and v.name = any(%(cart_events)s::text[])
            and c.id = shop_key(v.properties -> 'cart_id') and c.opened_at <= v.occurred_at)
    and not exists (
        select from jsonb_each_text(%(kept)s::jsonb) k
        where k.key = v.name and (k.value is null or v.occurred_at >= k.value::timestamptz))
    and not exists (
        select from enrollment e
        where e.bucket = %(bucket)s and e.profile = v.profile and e.active
            and (e.entered_at <= v.occurred_at or e.trigger_event = v.id))

-- name: carts
-- Carts that nobody has touched for so long, of people who are inside nothing.
delete from cart c
where c.bucket = %(bucket)s and c.profile = any(%(people)s::uuid[]) and c.touched_at < %(carts)s
    and not exists (select from enrollment e where e.bucket = %(bucket)s and e.profile = c.profile and e.active)

-- name: entries
-- What started those who have left, and can convert no more.
delete from entry n
using enrollment e
where n.bucket = %(bucket)s and n.profile = any(%(people)s::uuid[])
    and e.bucket = %(bucket)s and e.profile = n.profile and e.id = n.enrollment and not e.active
    and e.entered_at < %(entries)s and e.exited_at < %(entries)s

-- name: decisions
-- The journal of those who have left.
delete from journal j
where j.bucket = %(bucket)s and j.profile = any(%(people)s::uuid[]) and j.at < %(decisions)s
    and not exists (
        select from enrollment e
        where e.bucket = %(bucket)s and e.profile = j.profile and e.id = j.enrollment and e.active)

-- name: messages
-- Messages that are settled, of enrollments that have ended, with all that belongs to them; not those whose trigger keeps somebody
-- inside another flow, who must not get the same once more.
with gone as (
    delete from message m
    where m.bucket = %(bucket)s and m.profile = any(%(people)s::uuid[]) and m.decided_at < %(messages)s and m.state <> 'accepted'
        and not exists (
            select from delivery d
            where d.bucket = %(bucket)s and d.profile = m.profile and d.message = m.id
                and d.state in ('queued', 'handing_over', 'uncertain'))
        and not exists (
            select from enrollment e
            where e.bucket = %(bucket)s and e.profile = m.profile and e.active
                and (e.id = m.enrollment or e.trigger_event = m.trigger_event))
    returning m.profile, m.id
), bodies as (
    delete from content c using gone g where c.bucket = %(bucket)s and c.profile = g.profile and c.message = g.id
), deliveries as (
    delete from delivery d using gone g where d.bucket = %(bucket)s and d.profile = g.profile and d.message = g.id
), words as (
    delete from settlement s using gone g where s.bucket = %(bucket)s and s.profile = g.profile and s.message = g.id
), hits as (
    delete from engagement h
    using gone g
    where h.bucket = %(bucket)s and h.profile = any(%(people)s::uuid[]) and h.profile = g.profile and h.message = g.id
)
select count(*) from gone

-- name: bodies
-- What settled messages said. Their links stay: people click in old mails.
update content c
set subject = '', preheader = '', html = '', plain = ''
from message m
where c.bucket = %(bucket)s and c.profile = any(%(people)s::uuid[]) and (c.html <> '' or c.plain <> '')
    and m.bucket = %(bucket)s and m.profile = c.profile and m.id = c.message and m.decided_at < %(bodies)s
    and not exists (
        select from delivery d
        where d.bucket = %(bucket)s and d.profile = c.profile and d.message = c.message
            and d.state in ('queued', 'handing_over', 'uncertain'))
