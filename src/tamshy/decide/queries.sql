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
