-- name: withdraw
-- What is decided and not yet handed over when its enrollment ends is withdrawn.
update delivery d
set state = 'withdrawn', reason = 'exit_on', settled_at = e.exited_at
from agenda a
join enrollment e on e.bucket = %(bucket)s and e.profile = a.profile and not e.active and e.exited_at = a.moment
join message m on m.bucket = %(bucket)s and m.profile = e.profile and m.enrollment = e.id
where d.bucket = %(bucket)s and d.profile = m.profile and d.message = m.id and d.state = 'queued' and e.exit_reason = 'exit_on'
