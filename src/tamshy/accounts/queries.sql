-- name: find_key
-- A key that is not revoked, by its digest, with the workspace it opens.
select k.id, k.workspace, k.kind, k.role, k.name
from api_key as k
where k.digest = %(digest)s and k.revoked_at is null;

-- name: find_key_by_id
-- A key that is not revoked, by its id.
select k.id, k.workspace, k.kind, k.role, k.name
from api_key as k
where k.id = %(id)s and k.revoked_at is null;

-- name: add_key
-- Adds a key; a digest that is there already is left as it is.
insert into api_key (id, workspace, kind, role, name, digest, created_at)
values (%(id)s, %(workspace)s, %(kind)s, %(role)s, %(name)s, %(digest)s, %(now)s)
on conflict (digest) do nothing;

-- name: revoke_key
-- Ends a key of a workspace, by its id.
update api_key set revoked_at = %(now)s
where workspace = %(workspace)s and id = %(id)s and revoked_at is null;

-- name: keys
-- The keys of a workspace, the oldest first.
select k.id, k.kind, k.role, k.name, k.created_at, k.revoked_at
from api_key as k
where k.workspace = %(workspace)s
order by k.created_at, k.id;

-- name: workspaces_without_keys
-- Workspaces that nobody can send anything to yet.
select w.id, w.name
from workspace as w
where not exists (select from api_key as k where k.workspace = w.id)
order by w.id;
