-- name: workspace
-- A workspace by its name.
select id, first_bucket, buckets from workspace where name = %(name)s

-- name: workspaces
-- All workspaces, the first one made first.
select name from workspace order by id

-- name: create_workspace
-- A new workspace owns the buckets after those of the others.
insert into workspace (id, name, first_bucket, buckets)
select coalesce(max(id), 0) + 1, %(name)s, coalesce(max(first_bucket + buckets), 0), %(buckets)s from workspace
on conflict (name) do nothing
returning id, first_bucket, buckets

-- name: create_leases
-- Each bucket has one lease, free at first.
insert into lease (bucket)
select b from generate_series(%(first)s::integer, %(last)s::integer) b
on conflict do nothing

-- name: files
-- The published texts.
select path, content from definition where workspace = %(workspace)s order by path

-- name: drop_files
-- Texts that the folder has no more.
delete from definition where workspace = %(workspace)s and path <> all(%(paths)s)

-- name: write_files
-- The texts of the folder, exactly as written.
insert into definition (workspace, path, content)
select %(workspace)s, path, content from json_to_recordset(%(rows)s::json) as r (path text, content text)
on conflict (workspace, path) do update set content = excluded.content where definition.content <> excluded.content

-- name: next_publication
-- Publications count up within a workspace.
select coalesce(max(number), 0) + 1 from publication where workspace = %(workspace)s

-- name: write_publication
-- What was published, whole: an old version is read with the texts of its own time.
insert into publication (workspace, number, published_at, files)
values (%(workspace)s, %(number)s, %(at)s, %(files)s::jsonb)

-- name: live_versions
-- The version of each flow that takes newcomers, with its text.
select f.name, v.id, v.number, v.source, f.archived
from flow f
left join flow_version v on v.id = f.live_version
where f.workspace = %(workspace)s

-- name: running_versions
-- The versions that take newcomers or still have people inside.
select v.id, v.flow, v.source, v.publication, v.id = f.live_version and not f.archived as live
from flow_version v
join flow f on f.workspace = v.workspace and f.name = v.flow
where v.workspace = %(workspace)s
    and (v.id = f.live_version and not f.archived
        or exists (
            select from enrollment e
            where e.bucket >= %(first)s and e.bucket < %(beyond)s and e.version = v.id and e.active))
order by v.flow, v.id

-- name: publication
-- The texts of a publication.
select files from publication where workspace = %(workspace)s and number = %(number)s

-- name: write_flow
-- A flow goes live in its newest version.
insert into flow (workspace, name, live_version) values (%(workspace)s, %(flow)s, %(version)s)
on conflict (workspace, name) do update set live_version = excluded.live_version, archived = false

-- name: write_version
-- An immutable version of a flow.
insert into flow_version (id, workspace, flow, number, source, publication, published_at)
select (select coalesce(max(id), 0) + 1 from flow_version), %(workspace)s, %(flow)s,
    (select coalesce(max(number), 0) + 1 from flow_version where workspace = %(workspace)s and flow = %(flow)s),
    %(source)s, %(publication)s, %(at)s
returning id

-- name: register_flow
-- A flow's name, before its first version.
insert into flow (workspace, name) values (%(workspace)s, %(flow)s) on conflict do nothing

-- name: archive
-- A flow that the folder has no more takes nobody, and those inside leave.
update flow set archived = true where workspace = %(workspace)s and name = %(flow)s

-- name: newest_messages
-- The newest version of each message.
select distinct on (message) message, id, compiled from message_version
where workspace = %(workspace)s order by message, number desc

-- name: write_message
-- An immutable version of a message, compiled.
insert into message_version (id, workspace, message, number, compiled, published_at)
select (select coalesce(max(id), 0) + 1 from message_version), %(workspace)s, %(message)s,
    (select coalesce(max(number), 0) + 1 from message_version where workspace = %(workspace)s and message = %(message)s),
    %(compiled)s::jsonb, %(at)s
returning id

-- name: inside
-- How many people stand at each step of a version, by bucket.
select e.bucket, e.step, count(*)::integer from enrollment e
where e.bucket >= %(first)s and e.bucket < %(beyond)s and e.version = %(version)s and e.active
group by e.bucket, e.step

-- name: follow
-- People inside go on at their step of the new version; a changed wait is measured anew from when the step was reached.
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select e.profile, e.id, %(version)s, t.target, case when t.same then e.reached_at else %(at)s end, %(at)s,
    case when t.target is null then 'finished' end
from enrollment e
join json_to_recordset(%(rows)s::json) as t (step smallint, target smallint, same boolean) on t.step = e.step
where e.bucket = %(bucket)s and e.version = %(old)s and e.active

-- name: leave_archived
-- People inside a flow that is gone leave it.
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select e.profile, e.id, e.version, null, %(at)s, %(at)s, 'archived'
from enrollment e
where e.bucket = %(bucket)s and e.flow = %(flow)s and e.workspace = %(workspace)s and e.active

-- name: buckets_inside
-- The buckets in which a flow has people.
select distinct bucket from enrollment
where bucket >= %(first)s and bucket < %(beyond)s and flow = %(flow)s and active order by bucket

-- name: paused
-- The flows that enroll nobody and advance nobody.
select name from flow where workspace = %(workspace)s and paused
