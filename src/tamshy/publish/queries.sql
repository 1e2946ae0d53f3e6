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

-- name: newest_publication
-- Publications count up within a workspace.
select number from publication where workspace = %(workspace)s order by number desc limit 1

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
with inside as materialized (
    select distinct version from enrollment where bucket >= %(first)s and bucket < %(beyond)s and active
)
select v.id, v.flow, v.source, v.publication, v.id = f.live_version and not f.archived as live
from flow_version v
join flow f on f.workspace = v.workspace and f.name = v.flow
where v.workspace = %(workspace)s
    and (v.id = f.live_version and not f.archived or v.id in (select version from inside))
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
update flow set archived = true, paused = false, paused_at = null where workspace = %(workspace)s and name = %(flow)s

-- name: newest_messages
-- The newest version of each message.
select distinct on (message) message, id, compiled from message_version
where workspace = %(workspace)s order by message, number desc

-- name: newest_versions
-- The number of the newest version of each message, and whether it recommends anything.
select distinct on (message) message, id, compiled ? 'asks' from message_version
where workspace = %(workspace)s order by message, number desc

-- name: write_message
-- An immutable version of a message, compiled.
insert into message_version (id, workspace, message, number, compiled, published_at)
select (select coalesce(max(id), 0) + 1 from message_version), %(workspace)s, %(message)s,
    (select coalesce(max(number), 0) + 1 from message_version where workspace = %(workspace)s and message = %(message)s),
    %(compiled)s::jsonb, %(at)s
returning id

-- name: one_publisher
-- Publishers take turns: ids of versions count up, and texts are never mixed. Readers are not kept waiting.
lock table publication in share row exclusive mode

-- name: hold_buckets
-- Waits for the passes under way, in the order of buckets like everybody who holds several, and counts as a pass itself.
update lease l set pass = l.pass + 1
from (select bucket from lease where bucket >= %(first)s and bucket < %(beyond)s order by bucket for update) held
where l.bucket = held.bucket
returning l.bucket, l.pass

-- name: call_in
-- The fences of those who work by the rules of before fit no more; they ask anew, and read the rules after that.
update lease set fence = fence + 1 where bucket >= %(first)s and bucket < %(beyond)s and owner is not null

-- name: prepare_moves
-- The list of those who move on, as a pass has it.
create temp table if not exists move (
    profile uuid, enrollment uuid, version integer, target smallint, reached_at timestamptz, moment timestamptz, reason text
)

-- name: drop_moves
-- The list is empty again.
delete from move

-- name: take_back
-- What was accepted for those who move on, and is not rendered, was never said: it is decided anew where they arrive.
delete from message m using move v
where m.bucket = %(bucket)s and m.profile = v.profile and m.enrollment = v.enrollment and m.state = 'accepted'

-- name: follow
-- People inside go on at their step of the new version; a changed wait is measured anew from when the step was reached. Who is in a
-- round stays in it; who comes to stand inside a repeat is in its first. Nobody goes on before they have come to where they are: a
-- publisher's moment is when it began, and the passes that it has waited for went further.
with followers as (
    update enrollment e
    set priority = %(priority)s, rounds = coalesce((
        select jsonb_object_agg(r.id, coalesce(e.rounds -> r.was, jsonb_build_object('n', 1, 'at', e.reached_at)))
        from json_to_recordset(t.rounds) as r (id text, was text, inside boolean)
        where r.inside or e.rounds ? r.was
    ), '{}')
    from json_to_recordset(%(rows)s::json) as t (step smallint, target smallint, same boolean, rounds json)
    where e.bucket = %(bucket)s and e.version = %(old)s and e.active and t.step = e.step
    returning e.profile, e.id, e.reached_at, t.target, t.same
)
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select profile, id, %(version)s, target, case when same then reached_at else greatest(reached_at, %(at)s) end,
    greatest(reached_at, %(at)s), case when target is null then 'finished' end
from followers

-- name: leave_archived
-- People inside a flow that is gone leave it.
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select e.profile, e.id, e.version, null, greatest(e.reached_at, %(at)s), greatest(e.reached_at, %(at)s), 'archived'
from enrollment e
where e.bucket = %(bucket)s and e.flow = %(flow)s and e.workspace = %(workspace)s and e.active

-- name: withdraw
-- What was decided for those who leave a flow that is gone, and is not handed over yet, is withdrawn.
update delivery d
set state = 'withdrawn', reason = 'archived', settled_at = %(at)s
from move v
join message m on m.bucket = %(bucket)s and m.profile = v.profile and m.enrollment = v.enrollment
where d.bucket = %(bucket)s and d.profile = m.profile and d.message = m.id and d.state = 'queued'

-- name: buckets_inside
-- The buckets in which a flow has people.
select distinct bucket from enrollment
where bucket >= %(first)s and bucket < %(beyond)s and flow = %(flow)s and active order by bucket

-- name: paused
-- The flows that enroll nobody and advance nobody.
select name from flow where workspace = %(workspace)s and paused

-- name: flow_paused
-- Whether a flow stands still.
select paused from flow where workspace = %(workspace)s and name = %(flow)s and not archived

-- name: pause
-- A flow stands still from now on.
update flow set paused = true, paused_at = %(at)s where workspace = %(workspace)s and name = %(flow)s

-- name: resume
-- A flow goes on.
update flow set paused = false, paused_at = null, resumed_at = %(at)s where workspace = %(workspace)s and name = %(flow)s

-- name: count_overdue
-- For how many something was due while a flow stood still.
select count(*) from enrollment
where bucket >= %(first)s and bucket < %(beyond)s and flow = %(flow)s and active and work_at < %(at)s

-- name: go_on
-- What became due meanwhile is worked now: as `expires` says, or as if it were due now, or with its sends skipped.
update enrollment
set work_at = %(at)s, due_at = case when %(send)s then %(at)s else due_at end,
    skip_before = case when %(skip)s then %(at)s else skip_before end
where bucket >= %(first)s and bucket < %(beyond)s and flow = %(flow)s and active and work_at < %(at)s

-- name: go_on_met
-- Who waited for an event that has come goes on now.
update enrollment set work_at = %(at)s, due_at = %(at)s
where bucket = %(bucket)s and workspace = %(workspace)s and flow = %(flow)s and active and met_at is not null
    and work_at < %(at)s

-- name: shift
-- Everybody else arrives at their step as much later as the flow stood still since they were there.
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select e.profile, e.id, e.version, e.step, e.reached_at + (%(at)s - greatest(f.paused_at, e.reached_at)), %(at)s, null
from enrollment e
join flow f on f.workspace = e.workspace and f.name = e.flow
where e.bucket = %(bucket)s and e.workspace = %(workspace)s and e.flow = %(flow)s and e.active and e.met_at is null
    and not exists (
        select from message m
        where m.bucket = e.bucket and m.profile = e.profile and m.enrollment = e.id and m.state = 'accepted')

-- name: shift_rounds
-- The rounds that people are in begin as much later: the next is counted from there.
update enrollment e
set rounds = (
    select jsonb_object_agg(r.key, r.value || jsonb_build_object('at', m.at + (%(at)s - greatest(f.paused_at, m.at))))
    from jsonb_each(e.rounds) r
    cross join lateral (
        select (iso_reading(r.value ->> 'at') - iso_offset(r.value ->> 'at')) at time zone 'UTC' as at
    ) m
)
from flow f
where e.bucket = %(bucket)s and e.workspace = %(workspace)s and e.flow = %(flow)s and e.active and e.rounds <> '{}'
    and f.workspace = e.workspace and f.name = e.flow

-- name: flow_state
-- Whether a flow stands still, and since when.
select paused, paused_at from flow where workspace = %(workspace)s and name = %(flow)s and not archived

-- name: flow_names
-- The flows that are not gone.
select name from flow where workspace = %(workspace)s and not archived and live_version is not null order by name

-- name: inside
-- Who is inside a flow, and whose wait would go on from where it stood.
select count(*)::integer, count(*) filter (where e.met_at is null and not exists (
    select from message m
    where m.bucket = e.bucket and m.profile = e.profile and m.enrollment = e.id and m.state = 'accepted'))::integer
from enrollment e
where e.bucket >= %(first)s and e.bucket < %(beyond)s and e.flow = %(flow)s and e.active

-- name: overdue_places
-- For how many something was due by now, by where they stand.
select version, step::integer, met_at is not null, count(*)::integer from enrollment
where bucket >= %(first)s and bucket < %(beyond)s and flow = %(flow)s and active and work_at < %(at)s
group by 1, 2, 3
