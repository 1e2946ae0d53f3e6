-- name: buckets_due
-- The buckets that have something to hand over, or a claim whose owner is gone; one look at the index per bucket.
select l.bucket from lease l
where exists (
    select from delivery d
    where d.bucket = l.bucket and d.state in ('queued', 'handing_over') and d.next_at <= %(now)s
)
order by l.bucket

-- name: due
-- Locks what is due in one bucket, oldest first, past rows that another worker holds, and looks once more at what may
-- have changed since it was decided: suppression, consent, the inbox that is not read yet, and the message's own
-- expiry.
with due as materialized (
    select d.profile, d.message, d.state, d.attempts, d.fence, d.reason, d.queued_at
    from delivery d
    where d.bucket = %(bucket)s and d.state in ('queued', 'handing_over') and d.next_at <= %(now)s
    order by d.next_at
    limit %(limit)s
    for update skip locked
)
select d.profile, d.message, d.state, d.attempts, d.fence, d.reason, m.workspace, m.kind, m.topic, m.flow, m.address,
    m.decided_at, c.subject, c.html, c.plain, c.from_address, c.reply_to,
    case
        when p.id is null or p.suppressed = 'erased' then 'erased'
        when p.suppressed is not null then 'suppressed'
        when exists (
            select from inbox i where i.bucket = %(bucket)s and i.profile = d.profile and i.kind = 'suppress'
        ) then 'suppressed'
        when m.kind = 'marketing' and p.consents -> m.topic ->> 'on' = 'false' then 'no_consent'
        when m.kind = 'marketing' and exists (
            select from inbox i
            where i.bucket = %(bucket)s and i.profile = d.profile and i.kind = 'consent'
                and i.facts ->> 'topic' = m.topic and i.facts ->> 'granted' = 'false'
                -- the latest own time holds, at one time the withdrawal (rule 23)
                and extract(epoch from i.occurred_at) * 1000000
                    >= coalesce((p.consents -> m.topic ->> 'at')::numeric, '-infinity')
                and not exists (
                    select from inbox later
                    where later.bucket = %(bucket)s and later.profile = d.profile and later.kind = 'consent'
                        and later.facts ->> 'topic' = m.topic and later.facts ->> 'granted' = 'true'
                        and later.occurred_at > i.occurred_at
                )
        ) then 'no_consent'
        when (m.facts ->> 'expires_at')::timestamptz < %(now)s then 'expired'
        when d.queued_at < %(give_up_before)s then 'gave_up'
        when c.message is null then 'no_content'
        when exists (
            select from inbox i
            where i.bucket = %(bucket)s and i.profile = d.profile and i.kind in ('event', 'merge') and i.moment <= %(now)s
                -- the engine's word about a message, which ends nothing before its hand-over
                and not (i.origin = 1 and i.name = 'Message Sent')
        ) then 'unread'
    end
from due d
join message m on m.bucket = %(bucket)s and m.profile = d.profile and m.id = d.message
left join profile p on p.bucket = %(bucket)s and p.id = d.profile and p.merged_into is null
left join content c on c.bucket = %(bucket)s and c.profile = d.profile and c.message = d.message

-- name: suppressed_addresses
-- Which of these addresses nobody writes to; asked by address because another profile may have brought the suppression.
select distinct s.workspace, s.address
from json_to_recordset(%(rows)s::json) as r (workspace integer, address text)
join suppression s on s.workspace = r.workspace and s.address = r.address

-- name: claim
-- Writes what was made of the locked rows: claimed, withdrawn, failed or left for later. The fence grows whenever the
-- row changes hands, so that whoever had it before can record nothing any more.
update delivery d
set state = r.state, reason = r.reason, next_at = r.next_at, owner = r.owner, attempts = r.attempts, fence = r.fence,
    settled_at = r.settled_at
from json_to_recordset(%(rows)s::json) as r (
    profile uuid, message uuid, state text, reason text, next_at timestamptz, owner text, attempts integer,
    fence bigint, settled_at timestamptz
)
where d.bucket = %(bucket)s and d.profile = r.profile and d.message = r.message

-- name: extend
-- Keeps the claims that are under way from being taken for those of a dead owner; gives the ones that still are ours.
update delivery d
set next_at = %(until)s
from json_to_recordset(%(rows)s::json) as r (profile uuid, message uuid, fence bigint)
where d.bucket = %(bucket)s and d.profile = r.profile and d.message = r.message
    and d.state = 'handing_over' and d.fence = r.fence
returning d.message

-- name: record
-- Writes how the tries ended, only where the claim still is the one that was handed over.
update delivery d
set state = r.state, reason = r.reason, reply = r.reply, next_at = r.next_at, owner = null, settled_at = r.settled_at
from json_to_recordset(%(rows)s::json) as r (
    profile uuid, message uuid, fence bigint, state text, reason text, reply text, next_at timestamptz,
    settled_at timestamptz
)
where d.bucket = %(bucket)s and d.profile = r.profile and d.message = r.message
    and d.state = 'handing_over' and d.fence = r.fence
returning d.message

-- name: bounce
-- Tells the engine of mailboxes that are gone: the event, and the suppression of the address.
insert into inbox (
    bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, facts
)
select %(bucket)s, m.profile, %(now)s, false, 0, r.id, m.workspace, 'suppress', 1, 'Message Bounced', %(now)s,
    jsonb_build_object('message', m.message, 'flow', m.flow, 'step', m.step, 'message_id', m.id, 'enrollment',
    m.enrollment), jsonb_build_object('reason', 'hard_bounce', 'address', m.address, 'evidence',
    jsonb_build_object('reply', r.reply))
from json_to_recordset(%(rows)s::json) as r (profile uuid, message uuid, id uuid, reply text)
join message m on m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.message
on conflict do nothing

-- name: settle
-- A person's word on a delivery whose answer was lost: it was sent, it is to be sent again, or it is given up.
update delivery d
set state = %(state)s, next_at = %(now)s, fence = d.fence + 1, settled_at = %(settled_at)s
where d.bucket = %(bucket)s and d.profile = %(profile)s and d.message = %(message)s and d.state = 'uncertain'
returning d.state

-- name: uncertain
-- The deliveries of a workspace whose answer was lost, oldest first, a page at a time.
select d.bucket, d.profile, d.message, d.queued_at, d.attempts, d.reason, d.reply
from delivery d
where d.workspace = %(workspace)s and d.state = 'uncertain'
    and (d.queued_at, d.message) > (%(after_queued_at)s::timestamptz, %(after_message)s::uuid)
order by d.queued_at, d.message
limit %(limit)s
