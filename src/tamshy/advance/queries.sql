-- name: assign
-- The values worked out for each profile, for the statements that write them.
insert into assignment (profile, enrollment, place, moment, patch)
select p, e, n, m, patch
from json_to_recordset(%(rows)s::json) as r (p uuid, e uuid, n bigint, m timestamptz, patch jsonb)

-- name: note_failures
-- A value whose template fails for this profile is not written; the step is left all the same, and the failure is recorded.
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, step, facts)
select %(bucket)s, p, %(pass)s, 45, md5(concat_ws('|', e, s, i))::uuid, %(workspace)s, m, 'problem', f, v, e, 'render_error', 'not_changed', s,
    jsonb_build_object('error', x)
from json_to_recordset(%(rows)s::json) as r (i integer, p uuid, e uuid, m timestamptz, s text, f text, v integer, x text)

-- name: refresh_zones
-- A zone that a step has set is lived in from then on.
update profile p
set zone = t.zone
from (
    select s.profile, coalesce((
        select z.zone from zone_span z where z.zone = p.properties ->> 'timezone' limit 1), %(zone)s) as zone
    from assignment s
    join profile p on p.bucket = %(bucket)s and p.id = s.profile
) t
where p.bucket = %(bucket)s and p.id = t.profile and p.zone <> t.zone

-- name: hours
-- How often people of a bucket opened or clicked, by the hour of their own clocks.
select extract(hour from v.occurred_at at time zone 'UTC' + z.utc_offset)::integer, count(*)::integer
from event v
join profile p on p.bucket = %(bucket)s and p.id = v.profile
cross join lateral (
    select s.utc_offset from zone_span s
    where s.zone = p.zone and s.utc_from <= v.occurred_at at time zone 'UTC'
    order by s.utc_from desc limit 1
) z
where v.bucket = %(bucket)s and v.name in ('Message Opened', 'Message Clicked') and v.origin = 1 and v.occurred_at <= %(at)s
group by 1

-- name: write_best_hour
-- The workspace's best hour from a moment on.
insert into best_hour (workspace, at, hour) values (%(workspace)s, %(at)s, %(hour)s)
on conflict (workspace, at) do update set hour = excluded.hour
