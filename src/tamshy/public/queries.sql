-- name: settings
-- The settings of a workspace as published.
select content from definition where workspace = %(workspace)s and path = %(path)s
