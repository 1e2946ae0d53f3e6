-- name: settings
-- The settings of a workspace as published.
select content from definition where workspace = %(workspace)s and path = %(path)s

-- name: home
-- A workspace by its id: its name and its buckets.
select w.name, w.first_bucket, w.buckets from workspace as w where w.id = %(workspace)s
