-- name: reckon
-- The figures of everybody whose orders count, as docs/adr/0099 and 0100 have them. Rows whose figures are as before are left alone;
-- those of people without such an order are emptied. Exponents are bounded: below e^-500 nothing shows, and PostgreSQL would raise.
with ordered as materialized (
    select o.bucket, o.profile, o.placed_at, o.worth,
        extract(epoch from lead(o.placed_at) over (partition by o.bucket, o.profile order by o.placed_at) - o.placed_at)::float8
            as gap
    from orders o
    where o.bucket >= %(first)s and o.bucket < %(beyond)s and o.counts and o.placed_at <= %(at)s
), bought as materialized (
    select bucket, profile, count(*) as orders, sum(worth) as money, max(placed_at) as last_at
    from ordered
    group by bucket, profile
), placed as (
    -- Who has as much as another shares their place, and a fifth is told by how many have less.
    select bucket, profile, count(*) over () as people,
        %(fifths)s * (rank() over (order by last_at) - 1) / count(*) over () + 1 as recency,
        %(fifths)s * (rank() over (order by orders) - 1) / count(*) over () + 1 as frequency,
        %(fifths)s * (rank() over (order by money) - 1) / count(*) over () + 1 as money
    from bought
), gap as materialized (
    select bucket, profile, gap from ordered where gap >= %(apart)s
), own as (
    select bucket, profile, count(*) as gaps, percentile_cont(0.5) within group (order by gap) as usual
    from gap
    group by bucket, profile
), shop as materialized (
    -- To the hour: else everybody's next order would be another one every day.
    select round(g.usual / 3600) * 3600 as usual, (select sum(money) / sum(orders) from bought)::float8 as value
    from (select count(*) as gaps, percentile_cont(0.5) within group (order by gap) as usual from gap) g
    where g.gaps >= %(enough)s
), ended as materialized (
    -- Of the purchases that are old enough for another to have followed: how many were the last. One of each beside them, so that
    -- nothing is taken for certain.
    select s.usual, s.value,
        (1 + count(o.bucket) filter (where o.gap is null))::float8 / (2 + count(o.bucket)) as ends
    from shop s
    left join ordered o on (o.gap is null or o.gap >= %(apart)s)
        and extract(epoch from %(at)s::timestamptz - o.placed_at)::float8 >= %(ripe)s * s.usual
    group by s.usual, s.value
), pace as (
    select b.bucket, b.profile, b.last_at,
        extract(epoch from %(at)s::timestamptz - b.last_at)::float8 as silent,
        coalesce(w.gaps, 0) + %(weight)s as known,
        (coalesce(w.gaps * w.usual, 0) + %(weight)s * e.usual) / (coalesce(w.gaps, 0) + %(weight)s) as usual,
        %(weight)s * e.ends / (coalesce(w.gaps, 0) + %(weight)s) as ends,
        (b.money::float8 + %(weight)s * e.value) / (b.orders + %(weight)s) as value
    from bought b
    cross join ended e
    left join own w on w.bucket = b.bucket and w.profile = b.profile
), slow as (
    -- What their rate is shared out around, so that half of their gaps are shorter than the usual one.
    select *, usual / (power(2::float8, 1 / known::float8) - 1) as scale from pace
), churned as (
    select bucket, profile, last_at, usual, value,
        ends / (ends + (1 - ends) * exp(-least(known * ln(1 + silent / scale), 500))) as churn,
        (1 - exp(-least(known * ln(1 + %(ahead)s * ends / (scale + silent)), 500))) / ends as coming
    from slow
), found as materialized (
    select p.bucket, p.profile,
        case when p.people >= %(fifths)s then (%(grid)s::text[])[((p.recency - 1) * %(fifths)s + p.frequency)::integer] end as segment,
        case when p.people >= %(fifths)s then (p.recency * 100 + p.frequency * 10 + p.money)::smallint end as score,
        trim_scale(round(((1 - c.churn) * c.coming * c.value)::numeric, 2)) as clv,
        trim_scale(round(c.churn::numeric, 4)) as churn,
        c.last_at + make_interval(secs => round(c.usual)) as next_order_at
    from placed p
    left join churned c on c.bucket = p.bucket and c.profile = p.profile
), new as (
    select f.bucket, f.profile, f.segment, f.score, f.clv, f.churn, f.next_order_at,
        case when (b.segment, b.score, b.next_order_at) is not distinct from (f.segment, f.score, f.next_order_at)
            then coalesce(b.since, %(at)s::timestamptz) else %(at)s::timestamptz end as since
    from found f
    left join buyer b on b.bucket = f.bucket and b.profile = f.profile and b.bucket >= %(first)s and b.bucket < %(beyond)s
    where b.bucket is null or (b.segment, b.score, b.clv, b.churn, b.next_order_at)
        is distinct from (f.segment, f.score, f.clv, f.churn, f.next_order_at)
    union all
    select b.bucket, b.profile, null, null, null, null, null, %(at)s::timestamptz
    from buyer b
    where b.bucket >= %(first)s and b.bucket < %(beyond)s
        and not exists (select from found f where f.bucket = b.bucket and f.profile = b.profile)
)
insert into buyer (bucket, profile, since, segment, score, clv, churn, next_order_at)
select bucket, profile, since, segment, score, clv, churn, next_order_at from new
on conflict (bucket, profile) do update
set since = excluded.since, segment = excluded.segment, score = excluded.score, clv = excluded.clv, churn = excluded.churn,
    next_order_at = excluded.next_order_at

-- name: bury
-- Those of whom no figure is left.
delete from buyer
where bucket >= %(first)s and bucket < %(beyond)s
    and segment is null and score is null and clv is null and churn is null and next_order_at is null

-- name: forget
-- Everybody's, where nobody asks for them any more.
delete from buyer where bucket >= %(first)s and bucket < %(beyond)s
