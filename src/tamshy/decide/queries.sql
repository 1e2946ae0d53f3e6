-- name: accepted
-- What waits for its rendering, with all that its templates may ask for.
select m.profile, m.id, m.message_version, p.properties ->> 'locale', p.zone, m.decided_at, p.properties::text,
    (n.properties || jsonb_build_object('occurred_at', n.occurred_at, 'context', n.context))::text, e.vars::text, m.address
from (
    select * from message m
    where m.bucket = %(bucket)s and m.state = 'accepted' and (%(only)s::uuid[] is null or m.profile = any(%(only)s))
        and not exists (select from set_aside s where s.bucket = m.bucket and s.profile = m.profile and s.until > %(horizon)s::timestamptz)
    limit %(limit)s
) m
join profile p on p.bucket = %(bucket)s and p.id = m.profile
join enrollment e on e.bucket = %(bucket)s and e.profile = m.profile and e.id = m.enrollment
join entry n on n.bucket = %(bucket)s and n.profile = m.profile and n.enrollment = m.enrollment

-- name: keep_content
-- What a sent message says is kept: for its hand-over, and so that a repeat is the same to the byte.
insert into content (bucket, profile, message, subject, preheader, html, plain, from_address, reply_to, links)
select %(bucket)s, profile, message, subject, preheader, convert_from(html, 'UTF8'), convert_from(plain, 'UTF8'), from_address,
    reply_to, links::jsonb
from unnest(%(profiles)b::uuid[], %(messages)b::uuid[], %(subjects)b::text[], %(preheaders)b::text[], %(htmls)b::bytea[],
    %(plains)b::bytea[], %(from_addresses)b::text[], %(reply_tos)b::text[], %(links)b::text[])
    as r (profile, message, subject, preheader, html, plain, from_address, reply_to, links)
on conflict do nothing

-- name: queue_delivery
-- A sent message stands in line for its hand-over from the moment it was decided.
insert into delivery (bucket, profile, message, workspace, state, next_at, queued_at)
select %(bucket)s, m.profile, m.id, %(workspace)s, 'queued', m.decided_at, m.decided_at
from json_to_recordset(%(rows)s::json) as r (profile uuid, message uuid, error text)
join message m on m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.message and m.state = 'accepted'
where r.error is null
on conflict do nothing
