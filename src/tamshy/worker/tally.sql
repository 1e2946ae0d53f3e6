-- name: count_journal
-- Adds what the journal has gained since the last count, up to a moment before which nothing is written any more. Entries are left
-- out: they stand at their event's own time, which may be long ago.
with ours as materialized (
    select b, coalesce(t.until, '-infinity') as since
    from unnest(%(buckets)s::smallint[]) b left join tallied t on t.bucket = b
), found as materialized (
    select o.b, j.kind, j.outcome, coalesce(j.reason, '') as reason, count(*) as count
    from ours o
    join journal j on j.bucket = o.b and j.at > o.since and j.at <= %(until)s
    where j.outcome <> 'entered'
    group by o.b, j.kind, j.outcome, coalesce(j.reason, '')
), kept as (
    insert into tallied (bucket, until) select distinct f.b, %(until)s::timestamptz from found f
    on conflict (bucket) do update set until = excluded.until
)
insert into tally as t (bucket, kind, outcome, reason, count)
select f.b, f.kind, f.outcome, f.reason, f.count from found f
on conflict (bucket, kind, outcome, reason) do update set count = t.count + excluded.count

-- name: count_deliveries
-- Adds how hand-overs ended.
insert into tally as t (bucket, kind, outcome, reason, count)
select -1, 'delivery', r.outcome, '', r.count from json_to_recordset(%(rows)s::json) as r (outcome text, count bigint)
order by r.outcome
on conflict (bucket, kind, outcome, reason) do update set count = t.count + excluded.count
