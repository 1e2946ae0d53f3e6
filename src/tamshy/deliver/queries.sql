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
-- have changed since it was decided: suppression, consent, the end of its enrollment, the inbox that is not read yet, and the
-- message's own expiry. It goes on where it left off, so that what is locked, or was dealt with, is not passed by again and
-- again: while a transaction of somebody else's is open, the dead entries of the index cannot be forgotten.
with due as materialized (
    select d.profile, d.message, d.state, d.attempts, d.fence, d.reason, d.doubts, d.next_at, d.queued_at
    from delivery d
    where d.bucket = %(bucket)s and d.state in ('queued', 'handing_over') and d.next_at <= %(now)s
        and (d.next_at, d.message) > (%(after_at)s::timestamptz, %(after_message)s::uuid)
    order by d.next_at, d.message
    limit %(limit)s
    for update skip locked
)
select d.profile, d.message, d.state, d.attempts, d.fence, d.reason, d.doubts, d.next_at, d.queued_at, m.workspace, m.kind,
    m.topic, m.flow, m.address,
    m.decided_at, c.subject, convert_to(c.html, 'UTF8'), convert_to(c.plain, 'UTF8'), c.from_address, c.reply_to,
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
        -- ended while it was in somebody's hands, who brought it back; a person who has it sent again knows better
        when d.attempts > 0 and exists (
            select from enrollment e
            where e.bucket = %(bucket)s and e.profile = d.profile and e.id = m.enrollment
                and not e.active and e.exit_reason in ('exit_on', 'merged', 'archived')
        ) and not exists (
            select from settlement s
            where s.bucket = %(bucket)s and s.profile = d.profile and s.message = d.message and s.did = 'resend'
        ) then (
            select e.exit_reason from enrollment e
            where e.bucket = %(bucket)s and e.profile = d.profile and e.id = m.enrollment)
        when (m.facts ->> 'expires_at')::timestamptz < %(now)s then 'expired'
        when d.queued_at < %(give_up_before)s then 'gave_up'
        when c.message is null then 'no_content'
        when exists (
            select from inbox i
            where i.bucket = %(bucket)s and i.profile = d.profile and i.kind in ('event', 'merge') and i.moment <= %(now)s
                -- the engine's word about a message, which ends nothing before its hand-over
                and not (i.origin = 1 and i.name = 'Message Sent')
        ) then 'unread'
        -- by address, because another profile may have brought the suppression
        when exists (select from suppression s where s.workspace = m.workspace and s.address = m.address)
            or exists (
                select from erasure_key k
                join suppression s on s.workspace = k.workspace and s.address = keyed_address(k.inner_pad, k.outer_pad, m.address)
                where k.workspace = m.workspace) then 'suppressed'
    end,
    -- behind: decided late, or let go on with the flow, or waiting for long; what is in doubt is a person's, or its own
    m.kind = 'marketing' and d.doubts = 0
        and (m.facts ? 'late' or m.due_at <= f.resumed_at or d.queued_at < %(behind_before)s),
    exists (select from paused_domain g where g.workspace = m.workspace and g.resumed_at is null)
from due d
join message m on m.bucket = %(bucket)s and m.profile = d.profile and m.id = d.message
left join flow f on f.workspace = m.workspace and f.name = m.flow
left join profile p on p.bucket = %(bucket)s and p.id = d.profile and p.merged_into is null
left join content c on c.bucket = %(bucket)s and c.profile = d.profile and c.message = d.message
order by d.next_at, d.message

-- name: usual
-- The busiest hour of the last days, by what was decided in time. Asked when something is behind, every ten minutes at most.
select coalesce(max(h.messages), 0) from (
    select count(*)::integer as messages from message m
    join flow f on f.workspace = m.workspace and f.name = m.flow
    where m.state = 'sent' and m.kind = 'marketing' and m.decided_at > %(since)s and m.decided_at <= %(now)s
        and not m.facts ? 'late' and not coalesce(m.due_at <= f.resumed_at, false)
    group by date_bin('1 hour', m.decided_at, timestamptz 'epoch')
) h

-- name: next_moments
-- Gives out so many moments, one after the other; whoever asks at the same time gets those behind them.
insert into ramp as r (next_at) values (%(now)s::timestamptz + %(count)s * %(step)s::interval)
on conflict (one) do update set next_at = greatest(r.next_at, %(now)s) + %(count)s * %(step)s::interval
returning r.next_at - %(count)s * %(step)s::interval

-- name: barred
-- Which of these sending domains are paused; asked where some domain of the workspace is.
select distinct p.workspace, p.domain
from json_to_recordset(%(rows)s::json) as r (workspace integer, domain text)
join paused_domain p on p.workspace = r.workspace and p.domain = r.domain and p.resumed_at is null

-- name: claim
-- Writes what was made of the locked rows: claimed, withdrawn, failed or left for later. The fence grows whenever the
-- row changes hands, so that whoever had it before can record nothing any more but the server's own answer. Who had it stays
-- known where nobody can say how it ended.
update delivery d
set state = r.state, reason = r.reason, next_at = r.next_at, attempts = r.attempts, fence = r.fence,
    owner = case when r.state = 'uncertain' then d.owner else r.owner end, settled_at = r.settled_at,
    claimed_at = case when r.state = 'handing_over' then %(now)s else d.claimed_at end,
    link = case when r.state = 'handing_over' then null else d.link end, doubts = d.doubts + r.doubted
from json_to_recordset(%(rows)s::json) as r (
    profile uuid, message uuid, state text, reason text, next_at timestamptz, owner text, attempts integer,
    fence bigint, settled_at timestamptz, doubted integer
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
-- Writes how the tries ended, only where the claim still is the one that was handed over. Where somebody else has found its
-- owner gone meanwhile and nobody has acted on that, an answer that the server did give is better than not knowing.
with written as (
    update delivery d
    set state = r.state, reason = r.reason, reply = r.reply, next_at = r.next_at, settled_at = r.settled_at, link = r.link,
        owner = case when r.state = 'uncertain' then d.owner end,
        doubts = d.doubts + r.doubted - (d.fence - r.fence)::integer
    from json_to_recordset(%(rows)s::json) as r (
        profile uuid, message uuid, fence bigint, state text, reason text, reply text, next_at timestamptz,
        settled_at timestamptz, link text, doubted integer, known boolean
    )
    where d.bucket = %(bucket)s and d.profile = r.profile and d.message = r.message
        and (d.state = 'handing_over' and d.fence = r.fence
            or r.known and d.state in ('uncertain', 'queued') and d.reason = 'owner_lost' and d.fence = r.fence + 1)
    returning d.message, d.state
), taken as (
    -- a mailbox that takes mail again has no past
    delete from soft_bounce s
    using json_to_recordset(%(rows)s::json) as r (message uuid, workspace integer, address text)
    where s.workspace = r.workspace and s.address = r.address
        and exists (select from written w where w.message = r.message and w.state = 'sent')
)
select message from written

-- name: soften
-- Keeps which mailboxes were too full for a message; a mailbox is counted once for each message.
insert into soft_bounce (workspace, address, message, at)
select r.workspace, r.address, r.message, %(now)s
from json_to_recordset(%(rows)s::json) as r (workspace integer, address text, message uuid)
on conflict do nothing

-- name: worn_out
-- Which of these addresses have been full for so many messages over so long that nobody reads them any more.
select s.workspace, s.address
from json_to_recordset(%(rows)s::json) as r (workspace integer, address text)
join soft_bounce s on s.workspace = r.workspace and s.address = r.address
group by s.workspace, s.address
having count(distinct s.message) >= %(least)s and max(s.at) - min(s.at) >= %(span)s::interval

-- name: bounce
-- Tells the engine of mailboxes that are gone: the event, and the suppression of the address.
insert into inbox (
    bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, facts
)
select %(bucket)s, m.profile, %(now)s, false, 0, r.id, m.workspace, 'suppress', 1, 'Message Bounced', %(now)s,
    jsonb_build_object('message', m.message, 'flow', m.flow, 'step', m.step, 'message_id', m.id, 'enrollment',
    m.enrollment), case when r.soft then '{"reason": "soft_bounces"}'::jsonb else '{"reason": "hard_bounce"}'::jsonb end
    || jsonb_build_object('address', m.address, 'evidence', jsonb_build_object('reply', r.reply))
from json_to_recordset(%(rows)s::json) as r (profile uuid, message uuid, id uuid, reply text, soft boolean)
join message m on m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.message
on conflict do nothing

-- name: pause_domains
-- Sending domains that were refused for what they are: nothing more is handed over for them until a person says so.
insert into paused_domain (workspace, domain, paused_at, reply, message)
select r.workspace, r.domain, %(now)s, r.reply, r.message
from json_to_recordset(%(rows)s::json) as r (workspace integer, domain text, reply text, message uuid)
where r.domain <> ''
on conflict do nothing

-- name: paused_domains
-- The sending domains of a workspace that are paused now, and since when.
select domain, paused_at, reply, message
from paused_domain where workspace = %(workspace)s and resumed_at is null
order by domain

-- name: resume_domain
-- A person says that a sending domain is mended.
update paused_domain set resumed_at = %(now)s, resumed_by = %(by)s
where workspace = %(workspace)s and domain = %(domain)s and resumed_at is null

-- name: hasten
-- What waited for a paused domain is due at once; what waits for another finds that out when it is looked at.
update delivery d set next_at = %(now)s
from workspace w
where w.id = %(workspace)s and d.bucket >= w.first_bucket and d.bucket < w.first_bucket + w.buckets
    and d.state = 'queued' and d.reason = 'domain_paused' and d.next_at > %(now)s

-- name: settle
-- A person's word on deliveries whose answer was lost: they were sent, or they are to be sent again. Kept with who said it, once
-- for each doubt. Sent again, its three days of trying begin anew.
with chosen as materialized (
    select d.bucket, d.profile, d.message, d.fence from delivery d
    where d.workspace = %(workspace)s and d.state = 'uncertain' and d.message = any(%(messages)s::uuid[])
    order by d.bucket, d.profile, d.message
    for update
), noted as (
    insert into settlement (bucket, profile, message, fence, workspace, did, by, at)
    select c.bucket, c.profile, c.message, c.fence, %(workspace)s, %(did)s::text, %(by)s::text, %(now)s::timestamptz from chosen c
    on conflict do nothing
)
update delivery d
set state = case when %(did)s::text = 'sent' then 'sent' else 'queued' end, next_at = %(now)s, fence = d.fence + 1, owner = null,
    settled_at = case when %(did)s::text = 'sent' then %(now)s::timestamptz end,
    queued_at = case when %(did)s::text = 'sent' then d.queued_at else %(now)s end
from chosen c
where d.bucket = c.bucket and d.profile = c.profile and d.message = c.message
returning d.message

-- name: settled
-- Who has settled these before, the last word of each.
select distinct on (s.message) s.message, s.did, s.by, s.at
from settlement s
where s.workspace = %(workspace)s and s.message = any(%(messages)s::uuid[])
order by s.message, s.at desc, s.fence desc

-- name: uncertain
-- The deliveries of a workspace whose answer was lost, oldest first, a page at a time, with all that is known of them.
select d.bucket, d.profile, d.message, d.queued_at, d.claimed_at, d.next_at, d.attempts, d.reason, d.reply, d.owner, d.link,
    m.address, m.kind, m.flow, m.step, m.message, m.subject, (m.facts ->> 'expires_at')::timestamptz
from (
    select * from delivery u
    where u.workspace = %(workspace)s and u.state = 'uncertain'
        and (u.queued_at, u.message) > (%(after_queued_at)s::timestamptz, %(after_message)s::uuid)
    order by u.queued_at, u.message
    limit %(limit)s
) d
join message m on m.bucket = d.bucket and m.profile = d.profile and m.id = d.message
order by d.queued_at, d.message

-- name: counting
-- How many answers were lost and not settled, since when the oldest, and how many sending domains are paused.
select
    (select count(*) from delivery d where d.state = 'uncertain'),
    (select min(d.next_at) from delivery d where d.state = 'uncertain'),
    (select count(*) from paused_domain p where p.resumed_at is null)

-- name: in_doubt
-- How many answers of one workspace were lost and are not settled.
select count(*) from delivery d where d.workspace = %(workspace)s and d.state = 'uncertain'
