-- name: begin
-- A file is begun, or begun again after its end; one that is under way stays as it is.
insert into import as i (workspace, digest, kind, file, began_at, as_of, place, line, counts)
values (%(workspace)s, %(digest)s, %(kind)s, %(file)s, %(now)s, %(as_of)s, %(place)s, %(line)s, '{}')
on conflict (workspace, digest) do update
set file = excluded.file, began_at = excluded.began_at, as_of = excluded.as_of, place = excluded.place, line = excluded.line,
    counts = '{}', ended_at = null
where i.ended_at is not null

-- name: standing
-- How far a file has come.
select place, line, counts, as_of from import where workspace = %(workspace)s and digest = %(digest)s

-- name: advance
-- What was stored is done; nobody else has done it meanwhile.
update import set place = %(place)s, line = %(line)s, counts = %(counts)s
where workspace = %(workspace)s and digest = %(digest)s and place = %(before)s and ended_at is null

-- name: end
-- The whole file is done.
update import set ended_at = %(now)s where workspace = %(workspace)s and digest = %(digest)s and ended_at is null

-- name: block
-- Addresses that are not written to, whoever goes by them, now or later; what is known of one already stays. In their order, so
-- that two processes with the same ones wait for each other.
insert into suppression (workspace, address, reason, since, evidence)
select %(workspace)s, r.address, r.reason, r.since, r.evidence
from json_to_recordset(%(rows)s::json) as r (address text, reason text, since timestamptz, evidence jsonb)
order by r.address, r.since
on conflict do nothing
