-- name: take
-- Puts somebody's item into the inbox, unless it came before with the same key.
with accepted as (
    insert into seen_message (workspace, digest, seen_at) values (%(workspace)s, %(digest)s, %(at)s)
    on conflict do nothing
    returning digest
)
insert into inbox (bucket, profile, moment, ord, id, workspace, kind, occurred_at, properties, facts)
select %(bucket)s, %(profile)s, %(at)s, 0, digest, %(workspace)s, 'by_hand', %(at)s, %(event)s::jsonb,
    jsonb_build_object('flow', %(flow)s::text)
from accepted
