-- name: drop_ended
-- Nobody needs a code for an enrollment that has ended meanwhile.
delete from coupon c
where c.bucket = %(bucket)s and c.state = 'asked' and not exists (
    select from enrollment e where e.bucket = %(bucket)s and e.profile = c.profile and e.id = c.enrollment and e.active)

-- name: waiting
-- Who asks for a code, the first first; not whoever is set aside.
select profile, id, pool, asked_at from coupon c
where bucket = %(bucket)s and state = 'asked' and (%(only)s::uuid[] is null or profile = any(%(only)s))
    and not exists (
        select from set_aside s where s.bucket = %(bucket)s and s.profile = c.profile and s.until > %(horizon)s)
order by asked_at, profile, id
limit %(limit)s

-- name: any_in
-- Whether anybody asks for a code, or has been dealt one and not moved on yet.
select exists (select from coupon where bucket = %(bucket)s and state = %(state)s)

-- name: lock_series
-- Holds what codes are drawn from until the end of this transaction, which is near. In order, so that two never wait for each
-- other.
select s.kind, s.name, s.key, s.given
from coupon_series s
join json_to_recordset(%(asked)s::json) as r (k text, n text, c integer) on s.kind = r.k and s.name = r.n
where s.workspace = %(workspace)s
order by s.kind, s.name
for update of s

-- name: next_of_files
-- The next codes of files, as many as are wanted of each or as there are.
select n.pool, n.number, n.code
from json_to_recordset(%(asked)s::json) as r (k text, n text, c integer)
join coupon_series s on s.workspace = %(workspace)s and s.kind = r.k and s.name = r.n
cross join lateral (
    select t.pool, t.number, t.code from coupon_stock t
    where t.workspace = %(workspace)s and t.pool = r.n and t.number > s.given
    order by t.number limit r.c
) n
where r.k = 'file'
order by n.pool, n.number

-- name: advance_series
-- How far codes are given out now.
update coupon_series s set given = r.g
from json_to_recordset(%(rows)s::json) as r (k text, n text, g bigint)
where s.workspace = %(workspace)s and s.kind = r.k and s.name = r.n

-- name: deal
-- Each asking has its answer: a code, or none.
update coupon c
set state = 'dealt', code = r.c, discount = r.d
from json_to_recordset(%(rows)s::json) as r (p uuid, i uuid, c text, d jsonb)
where c.bucket = %(bucket)s and c.profile = r.p and c.id = r.i and c.state = 'asked'

-- name: redeem
-- Codes of the profile's own that come with an order for the first time. Several in one property stand apart by commas or blanks.
with used as materialized (
    select distinct on (c.id) c.profile, c.id, c.code, c.pool, c.flow, c.step, c.enrollment, c.asked_at, a.id as event, a.moment,
        a.occurred_at, a.origin, a.properties -> 'order_id' as order_id
    from agenda a
    cross join lateral (
        select upper(btrim(k.code)) as code
        from (
            select jsonb_path_query(a.properties, 'lax $.coupon') union all
            select jsonb_path_query(a.properties, 'lax $.products[*].coupon')
        ) v (value)
        cross join lateral regexp_split_to_table(left(v.value #>> '{}', 2000), '[,;[:space:]]+') k (code)
        where jsonb_typeof(v.value) = 'string'
    ) k
    cross join lateral (
        select * from coupon c
        where c.bucket = %(bucket)s and c.profile = a.profile and c.code is not null and upper(c.code) = k.code offset 0
    ) c
    where not a.due and a.name = %(order)s and c.redeemed_at is null and c.state in ('dealt', 'taken')
    order by c.id, a.moment
), marked as (
    update coupon c
    set redeemed_at = u.occurred_at, redeemed_by = u.event
    from used u
    where c.bucket = %(bucket)s and c.profile = u.profile and c.id = u.id
)
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties)
select %(bucket)s, u.profile, u.moment, true, %(pass)s, md5(concat_ws('|', u.id, 'redeemed'))::uuid, %(workspace)s, 'event',
    -- what was imported starts nothing, and neither does what follows from it
    greatest(u.origin, 1), 'Coupon Redeemed', u.occurred_at,
    jsonb_strip_nulls(jsonb_build_object('coupon', u.code, 'pool', u.pool, 'flow', u.flow, 'step', u.step,
        'enrollment', u.enrollment, 'order_id', u.order_id, 'message', (
            -- the newest of its enrollment that can have told of it
            select m.message from message m
            where m.bucket = %(bucket)s and m.profile = u.profile and m.enrollment = u.enrollment and m.state = 'sent'
                and m.decided_at >= u.asked_at and m.decided_at <= u.moment
            order by m.decided_at desc, m.id limit 1)))
from used u

-- name: write_pools
-- The pools as they are published now.
with rows as materialized (
    select n, p from json_to_recordset(%(rows)s::json) as r (n text, p text)
), gone as (
    delete from coupon_pool where workspace = %(workspace)s and name not in (select n from rows)
)
insert into coupon_pool (workspace, name, pattern)
select %(workspace)s, n, p from rows
on conflict (workspace, name) do update set pattern = excluded.pattern

-- name: open_series
-- What codes are drawn from gets its key when it is first published, and keeps it.
insert into coupon_series (workspace, kind, name, key)
select %(workspace)s, k, n, decode(y, 'hex') from json_to_recordset(%(rows)s::json) as r (k text, n text, y text)
on conflict do nothing

-- name: clear_stock
-- Codes that nobody has, and that no file holds any more.
with rows as materialized (
    select p, upper(c) as code from json_to_recordset(%(rows)s::json) as r (p text, o integer, c text)
)
delete from coupon_stock t
using coupon_series s
where t.workspace = %(workspace)s and s.workspace = %(workspace)s and s.kind = 'file' and s.name = t.pool and t.number > s.given
    and (t.pool, upper(t.code)) not in (select p, code from rows)

-- name: lay_in
-- New codes come behind those that lie there, in the order of the file; what was ever given out is not laid in again.
with rows as materialized (
    select p, o, c, row_number() over (partition by p order by o) as place
    from json_to_recordset(%(rows)s::json) as r (p text, o integer, c text)
)
insert into coupon_stock (workspace, pool, number, code)
select %(workspace)s, r.p, l.last + r.place, r.c
from rows r
join (
    select s.name, greatest(s.given, max(t.number)) as last
    from coupon_series s
    left join coupon_stock t on t.workspace = s.workspace and t.pool = s.name
    where s.workspace = %(workspace)s and s.kind = 'file'
    group by s.name, s.given
) l on l.name = r.p
on conflict do nothing

-- name: rewind
-- A stage is played on again, and nobody has a code.
update coupon_series set given = 0 where workspace = %(workspace)s and given > 0

-- name: count_pools
-- All codes of each pool, and those that nobody has yet.
select w.name, p.name, n.size, n.size - n.given
from coupon_pool p
join workspace w on w.id = p.workspace
cross join lateral (
    select power(32::numeric, length(p.pattern) - length(replace(p.pattern, '?', ''))) as size,
        coalesce((select s.given from coupon_series s
            where s.workspace = p.workspace and s.kind = 'pattern' and s.name = p.pattern), 0)::numeric as given
    where p.pattern is not null
    union all
    select count(t.number), count(t.number) filter (where t.number <= s.given)
    from coupon_series s
    left join coupon_stock t on t.workspace = s.workspace and t.pool = s.name
    where p.pattern is null and s.workspace = p.workspace and s.kind = 'file' and s.name = p.name
    having count(s.name) > 0
) n
where %(workspace)s::integer is null or p.workspace = %(workspace)s
order by w.name, p.name
