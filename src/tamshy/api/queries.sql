-- name: workspace
-- A workspace's row, with the number of its newest publication (0: nothing published yet).
select w.id, w.name, w.first_bucket, w.buckets, coalesce(max(p.number), 0)
from workspace as w
left join publication as p on p.workspace = w.id
where w.id = %(workspace)s
group by w.id, w.name, w.first_bucket, w.buckets;

-- name: settings_file
-- The published settings of a workspace, as written.
select d.content from definition as d where d.workspace = %(workspace)s and d.path = 'tamshy.yaml';

-- name: flows_with
-- The published flows in whose text a word stands.
select d.path, d.content
from definition as d
where d.workspace = %(workspace)s and d.path like 'flows/%%' and position(%(word)s::text in d.content) > 0;

-- name: names_of
-- The identifiers of one profile, those of users first.
select i.kind, i.value
from identifier as i
where i.bucket = %(bucket)s and i.profile = %(profile)s and i.workspace = %(workspace)s
order by i.kind desc, i.since, i.value;

-- name: newest_schema
-- The newest schema file that was applied.
select max(name) from schema_version;
