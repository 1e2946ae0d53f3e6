-- name: forget_members
-- Members of segments that nobody listens to any more.
delete from membership where bucket >= %(first)s and bucket < %(beyond)s and segment <> all(%(kept)s::text[])

-- name: forget_flips
-- Their moments.
delete from flip where bucket >= %(first)s and bucket < %(beyond)s and segment <> all(%(kept)s::text[])

-- name: drop_members
-- A segment that is published anew is found anew.
delete from membership where bucket = %(bucket)s and segment = %(segment)s

-- name: drop_flips
-- Its moments too.
delete from flip where bucket = %(bucket)s and segment = %(segment)s

-- name: place_all
-- Whoever is there when a segment is published is looked at then.
update profile set placed = true where bucket = %(bucket)s and not placed

-- name: backfill
-- One flow is told of those who were inside already. An item each, behind what has arrived.
insert into inbox (bucket, profile, moment, ord, id, workspace, kind, origin, name, occurred_at, properties, context)
select m.bucket, m.profile, %(at)s, 0,
    md5(concat_ws('|', 'backfill', m.profile, m.segment, %(flow)s::text, %(at)s::timestamptz))::uuid, %(workspace)s,
    'event', 1, %(event)s, %(at)s, jsonb_build_object('segment', m.segment), jsonb_build_object('flow', %(flow)s::text)
from membership m
where m.bucket >= %(first)s and m.bucket < %(beyond)s and m.segment = any(%(names)s::text[])
on conflict do nothing

-- name: ranked_at
-- When what is computed daily of a workspace was last computed.
select at from ranked where workspace = %(workspace)s

-- name: rank_now
-- Whoever comes first computes it: the others wait here, and find it done.
insert into ranked (workspace, at) values (%(workspace)s, %(at)s)
on conflict (workspace) do update set at = excluded.at where ranked.at < excluded.at

-- name: forget_measures
-- Measures that no segment goes by any more.
delete from best where bucket >= %(first)s and bucket < %(beyond)s and measure <> all(%(kept)s::text[])

-- name: hold_buckets
-- Waits for the passes under way, in the order of buckets like everybody who holds several.
select bucket from lease where bucket >= %(first)s and bucket < %(beyond)s order by bucket for update

-- name: next_moment
-- The earliest moment at which anything can be worked, and whether anybody is among the best, or has figures of a buyer.
select least(
    (select min(moment) from inbox where bucket >= %(first)s and bucket < %(beyond)s),
    (select min(at) from flip where bucket >= %(first)s and bucket < %(beyond)s),
    (select min(work_at) from enrollment where bucket >= %(first)s and bucket < %(beyond)s and active)),
    exists (select from best where bucket >= %(first)s and bucket < %(beyond)s)
        or exists (select from buyer where bucket >= %(first)s and bucket < %(beyond)s)
