-- name: figures
-- What an operator watches. No table of people is read whole: each bucket is looked into at most so deep, in the order of an index.
select
    (select count(*) from lease l where l.owner is null or l.until is null or l.until < %(real)s),
    (select count(*) from lease),
    (select count(*) from worker w where w.until > %(real)s),
    (select count(*) from set_aside),
    (select count(*) from (select from delivery d where d.state = 'uncertain' limit %(most)s) u),
    (select count(*) from paused_domain p where p.resumed_at is null),
    pg_database_size(current_database()),
    (select count(*) from pg_stat_activity a where a.datname = current_database()),
    current_setting('max_connections')::integer,
    (select greatest(c.reltuples, 0)::bigint from pg_class c where c.oid = to_regclass('enrollment_due')),
    (select greatest(c.reltuples, 0)::bigint from pg_class c where c.oid = to_regclass('profile'));

-- name: arrived
-- What has arrived and is not taken in: how many, and since when the oldest, of at most so many of each bucket. People lie there in
-- no order, so that of many these are a fair sample.
select count(i.moment), min(i.moment)
from lease l
cross join lateral (
    select s.moment from inbox s where s.bucket = l.bucket and s.moment <= %(now)s
        and not exists (select from set_aside a where a.bucket = s.bucket and a.profile = s.profile and a.until > %(now)s)
    limit %(deep)s
) i;

-- name: due
-- Who is due, of at most so many of each bucket, the oldest first; those of paused flows are not.
select count(e.work_at), min(e.work_at)
from lease l
cross join lateral (
    select d.work_at, d.workspace, d.flow, d.profile from enrollment d
    where d.bucket = l.bucket and d.active and d.work_at <= %(now)s
    order by d.work_at
    limit %(deep)s
) e
where not exists (select from flow f where f.workspace = e.workspace and f.name = e.flow and f.paused)
    and not exists (select from set_aside a where a.bucket = l.bucket and a.profile = e.profile and a.until > %(now)s);

-- name: outgoing
-- What waits for its hand-over or is being handed over, of at most so many of each bucket: how many by state, since when the oldest is
-- due, and how many wait because the mail server does not answer.
select d.state, count(*), min(d.next_at) filter (where d.next_at <= %(now)s), count(*) filter (where d.reason = 'unreachable')
from lease l
cross join lateral (
    select q.state, q.next_at, q.reason from delivery q
    where q.bucket = l.bucket and q.state in ('queued', 'handing_over')
    order by q.next_at
    limit %(deep)s
) d
group by d.state;

-- name: tally
-- What was decided and handed over since the beginning.
select kind, outcome, reason, sum(count)::bigint from tally group by kind, outcome, reason order by kind, outcome, reason;
