-- name: forget
-- Occasions of triggers that no live flow has any more.
delete from occasion where bucket >= %(first)s and bucket < %(beyond)s and mark <> all(%(marks)s::uuid[])

-- name: forget_ticks
-- Ticks of schedules that no live flow of the workspace has any more.
delete from tick where workspace = %(workspace)s and mark <> all(%(marks)s::uuid[])

-- name: write_ticks
-- When schedules come, ahead.
insert into tick (workspace, mark, reading)
select %(workspace)s, mark, reading from json_to_recordset(%(rows)s::json) as r (mark uuid, reading timestamp)
on conflict do nothing

-- name: ticks_end
-- Whether the ticks of some schedule end soon.
select exists (
    select from unnest(%(marks)s::uuid[]) m (mark)
    where not exists (
        select from tick t where t.workspace = %(workspace)s and t.mark = m.mark and t.reading > %(soon)s))
