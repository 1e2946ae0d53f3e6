-- name: merged
-- Who was merged into a person: what is left of them says what they were first known by.
select p.bucket, p.id from profile p
where p.bucket = any(%(buckets)s) and p.merged_into = %(profile)s

-- name: merging
-- Who is about to be merged with a person: they are one already, and the rows come together later.
select (i.facts ->> 'survivor_bucket')::smallint, (i.facts ->> 'survivor')::uuid, (i.facts ->> 'loser_bucket')::smallint,
    (i.facts ->> 'loser')::uuid, i.id
from inbox i
where i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'merge'

-- name: identifier
-- What they go by.
select to_jsonb(t) from identifier t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.kind, t.since, t.value

-- name: naming
-- Which devices named a user. Read through: it is asked once for a person, and an index would be written at every call.
select to_jsonb(t) from naming t
where t.workspace = %(workspace)s and t.user_id = any(%(users)s::text[])
order by t.at, t.device

-- name: suppression
-- What is said of a person's addresses, in plain or under the key.
select to_jsonb(t) from suppression t
where t.workspace = %(workspace)s and (t.address = any(%(addresses)s::text[]) or t.address in (
    select keyed_address(k.inner_pad, k.outer_pad, a) from erasure_key k, unnest(%(addresses)s::text[]) a
    where k.workspace = %(workspace)s))
order by t.since, t.address

-- name: soft_bounce
-- Mails that their full mailbox did not take.
select to_jsonb(t) from soft_bounce t
where t.workspace = %(workspace)s and t.address = any(%(addresses)s::text[])
order by t.at, t.message

-- name: paused_domain
-- Where a server's answer to a mail to this person paused a sending domain.
select to_jsonb(t) from paused_domain t
join message m on m.bucket = %(bucket)s and m.profile = %(profile)s and m.id = t.message
where t.workspace = %(workspace)s
order by t.paused_at

-- name: retention
-- Whether the round that lets go of history rests at this person.
select to_jsonb(t) from retention t where t.bucket = %(bucket)s and t.after = %(profile)s

-- name: profile
-- What is known of them.
select to_jsonb(t) from profile t where t.bucket = %(bucket)s and t.id = %(profile)s

-- name: consent
-- What they have agreed to, and taken back.
select to_jsonb(t) from consent t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.occurred_at, t.id

-- name: inbox
-- What has arrived and is not taken in yet.
select to_jsonb(t) from inbox t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.moment, t.emitted, t.ord, t.id

-- name: occasion
-- When a date of theirs comes round, or a schedule that means them.
select to_jsonb(t) from occasion t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.at, t.flow, t.mark, t.item

-- name: event
-- What they have done.
select to_jsonb(t) from event t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.occurred_at, t.id

-- name: cart
-- What lies in their carts.
select to_jsonb(t) from cart t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.touched_at, t.id

-- name: orders
-- What they have ordered, and what became of it.
select to_jsonb(t) from orders t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.touched_at, t.id

-- name: reorder
-- When what they have bought is due again.
select to_jsonb(t) from reorder t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.at, t.sku, t.flow

-- name: enrollment
-- The flows that they are or were inside.
select to_jsonb(t) from enrollment t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.entered_at, t.id

-- name: entry
-- What made them enter.
select to_jsonb(t) from entry t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.occurred_at, t.enrollment

-- name: arm
-- Which arms of experiments they are in.
select to_jsonb(t) from arm t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.experiment

-- name: conversion
-- What came of it.
select to_jsonb(t) from conversion t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.occurred_at, t.enrollment

-- name: message
-- What was decided to send to them, or not.
select to_jsonb(t) from message t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.decided_at, t.id

-- name: content
-- What the mails say.
select to_jsonb(t) from content t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.message

-- name: delivery
-- How they were handed over.
select to_jsonb(t) from delivery t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.queued_at, t.message

-- name: settlement
-- A person's word on lost answers.
select to_jsonb(t) from settlement t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.at, t.message, t.fence

-- name: coupon
-- Which codes they took, and which of them they used.
select to_jsonb(t) from coupon t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.asked_at, t.id

-- name: errand
-- What was called out or told because of them.
select to_jsonb(t) from errand t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.asked_at, t.id

-- name: engagement
-- What they opened and clicked.
select to_jsonb(t) from engagement t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.occurred_at, t.id

-- name: journal
-- What was done and decided for them.
select to_jsonb(t) from journal t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.at, t.pass, t.ord, t.id

-- name: set_aside
-- Whether an item of theirs raised an error.
select to_jsonb(t) from set_aside t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.since

-- name: membership
-- The segments that they are in, of those that are kept.
select to_jsonb(t) from membership t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.segment

-- name: flip
-- When time may bring them into one, or out of it.
select to_jsonb(t) from flip t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.segment

-- name: best
-- By which measures they are among the best.
select to_jsonb(t) from best t where t.bucket = %(bucket)s and t.profile = %(profile)s order by t.measure

-- name: buyer
-- What is known and foreseen of them, as they have ordered.
select to_jsonb(t) from buyer t where t.bucket = %(bucket)s and t.profile = %(profile)s

-- name: addresses
-- Every address that is, or was, written to for a person.
select p.address from profile p where p.bucket = %(bucket)s and p.id = %(profile)s and p.address is not null
union
select i.value from identifier i where i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'email'
union
select m.address from message m where m.bucket = %(bucket)s and m.profile = %(profile)s and m.address is not null
order by 1

-- name: sharing
-- Others with one of these addresses.
select p.bucket, p.id, p.die from profile p
where p.workspace = %(workspace)s and p.address = any(%(addresses)s::text[]) and p.id <> all(%(people)s::uuid[])
    and p.merged_into is null
order by p.created_at, p.id
limit 20

-- name: hold
-- Holds the buckets against passes, in order.
select bucket from lease where bucket = any(%(buckets)s) order by bucket for update

-- name: hold_names
-- Holds what a person goes by against calls that would tie something to it, in one order for all.
select 1 from identifier i
join json_to_recordset(%(rows)s::json) as r (bucket smallint, profile uuid) on r.bucket = i.bucket and r.profile = i.profile
order by i.kind, i.value
for update of i

-- name: make_key
-- The key of a workspace's erased addresses; the first one made stays.
insert into erasure_key (workspace, inner_pad, outer_pad) values (%(workspace)s, %(inner_pad)s, %(outer_pad)s)
on conflict (workspace) do nothing

-- name: erased_since
-- Since when an address is kept as that of somebody who was erased.
select s.since from erasure_key k
join suppression s on s.workspace = k.workspace and s.address = keyed_address(k.inner_pad, k.outer_pad, %(address)s)
where k.workspace = %(workspace)s

-- name: keep_keyed
-- Of an address stays what tells it again and does not tell it.
insert into suppression (workspace, address, reason, since)
select distinct k.workspace, keyed_address(k.inner_pad, k.outer_pad, a), 'erased', %(now)s::timestamptz
from erasure_key k, unnest(%(addresses)s::text[]) a
where k.workspace = %(workspace)s
on conflict (workspace, address) do nothing

-- name: erase_suppression
-- Erases it by value.
delete from suppression where workspace = %(workspace)s and address = any(%(addresses)s::text[])

-- name: erase_soft_bounce
-- Erases: mails that their full mailbox did not take.
delete from soft_bounce where workspace = %(workspace)s and address = any(%(addresses)s::text[])

-- name: erase_naming
-- Erases it by value.
delete from naming where workspace = %(workspace)s and user_id = any(%(users)s::text[])

-- name: erase_identifier
-- Erases: what they go by.
delete from identifier where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_paused_domain
-- A sending domain stays paused; the server's words to this person go.
update paused_domain t set reply = 'erased'
from message m
where t.workspace = %(workspace)s and m.bucket = %(bucket)s and m.profile = %(profile)s and m.id = t.message

-- name: erase_retention
-- The round through a bucket rests right before where the person was.
update retention set after = %(before)s where bucket = %(bucket)s and after = %(profile)s

-- name: erase_merges
-- The other sides of merges that wait: they would wait for ever.
delete from inbox where bucket = any(%(buckets)s) and kind = 'merge' and id = any(%(merges)s::uuid[])

-- name: end_enrollments
-- Whoever is inside a flow leaves it; counted, and not told of anybody any more.
insert into tally as t (bucket, kind, outcome, reason, count)
select e.bucket, 'enrollment', 'exited', 'erased', count(*) from enrollment e
where e.bucket = %(bucket)s and e.profile = %(profile)s and e.active
group by e.bucket
on conflict (bucket, kind, outcome, reason) do update set count = t.count + excluded.count
returning count

-- name: withdraw
-- What is on its way is not handed over; hand-overs are counted under bucket -1.
insert into tally as t (bucket, kind, outcome, reason, count)
select -1, 'delivery', 'withdrawn', 'erased', count(*) from delivery d
where d.bucket = %(bucket)s and d.profile = %(profile)s and d.state in ('queued', 'handing_over')
having count(*) > 0
on conflict (bucket, kind, outcome, reason) do update set count = t.count + excluded.count

-- name: inside
-- How many flows they are inside, and how many mails are on their way.
select (select count(*)::integer from enrollment e where e.bucket = %(bucket)s and e.profile = %(profile)s and e.active),
    (select count(*)::integer from delivery d
        where d.bucket = %(bucket)s and d.profile = %(profile)s and d.state in ('queued', 'handing_over'))

-- name: erase_profile
-- Erases: what is known of them.
delete from profile where bucket = %(bucket)s and id = %(profile)s

-- name: erase_consent
-- Erases: what they have agreed to, and taken back.
delete from consent where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_inbox
-- Erases: what has arrived and is not taken in yet.
delete from inbox where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_occasion
-- Erases: when a date of theirs comes round, or a schedule that means them.
delete from occasion where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_event
-- Erases: what they have done.
delete from event where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_cart
-- Erases: what lies in their carts.
delete from cart where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_orders
-- Erases: what they have ordered.
delete from orders where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_reorder
-- Erases: when what they have bought is due again.
delete from reorder where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_enrollment
-- Erases: the flows that they are or were inside.
delete from enrollment where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_entry
-- Erases: what made them enter.
delete from entry where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_conversion
-- Erases: what came of it.
delete from conversion where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_arm
-- Erases: which arms of experiments they are in.
delete from arm where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_message
-- Erases: what was decided to send to them, or not.
delete from message where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_content
-- Erases: what the mails say.
delete from content where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_delivery
-- Erases: how they were handed over.
delete from delivery where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_settlement
-- Erases: a person's word on lost answers.
delete from settlement where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_coupon
-- Erases: which codes they took. Nobody gets these again: how far a pool is given out stands elsewhere.
delete from coupon where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_errand
-- Erases: what was called out or told because of them.
delete from errand where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_engagement
-- Erases: what they opened and clicked.
delete from engagement where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_journal
-- Erases: what was done and decided for them.
delete from journal where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_membership
-- Erases: the segments that they are in.
delete from membership where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_flip
-- Erases: when that may change.
delete from flip where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_best
-- Erases: what they are among the best by.
delete from best where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_buyer
-- Erases: what is known and foreseen of them as they have ordered.
delete from buyer where bucket = %(bucket)s and profile = %(profile)s

-- name: erase_set_aside
-- Erases: whether an item of theirs raised an error.
delete from set_aside where bucket = %(bucket)s and profile = %(profile)s

-- name: under_way
-- Transactions of others that had begun by now: a call that one of them is storing may still be tied to who was erased.
select a.pid, a.xact_start from pg_stat_activity a
where a.datname = current_database() and a.xact_start is not null and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
