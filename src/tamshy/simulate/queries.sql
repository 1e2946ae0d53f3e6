-- name: journal
-- What happened, by time, then profile, then as it happened; a profile goes by its user id, else its address, else its anonymous id.
select j.at, j.kind, n.name, j.flow, j.step, j.message, j.outcome, j.reason, j.until, j.address, j.locale, j.subject, j.key,
    coalesce(j.facts -> 'arms', '{}')
from journal j
join profile p on p.bucket = j.bucket and p.id = j.profile
cross join lateral (
    select coalesce(
        (select i.value from identifier i where i.bucket = p.bucket and i.profile = p.id and i.kind = 'user_id'
            order by i.since, i.value limit 1),
        p.address,
        (select i.value from identifier i where i.bucket = p.bucket and i.profile = p.id and i.kind = 'anonymous_id'
            order by i.since, i.value limit 1),
        p.id::text)
) as n (name)
where j.kind in ('enrollment', 'message') and j.at <= %(until)s
order by j.at, n.name collate "C", j.pass, j.ord, j.flow, j.key, j.outcome, j.id

-- name: last_moment
-- When the last of the history arrives.
select max(moment) from inbox

-- name: coming
-- When the next thing happens to anybody: a day without anything needs no look.
select least((select min(moment) from inbox), (select min(work_at) from enrollment where active and work_at < 'infinity'))
