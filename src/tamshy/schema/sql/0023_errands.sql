-- What a flow's steps send out beside mail to shoppers: calls of webhooks, and notices to people of the shop.
create table errand (
    bucket smallint not null,
    profile uuid not null,
    -- the hash of enrollment, step and visit: the same at every try, and what a receiver knows repeats by
    id uuid not null,
    workspace integer not null,
    kind text not null check (kind in ('webhook', 'notify')),
    enrollment uuid not null,
    flow text collate "C" not null,
    version integer not null,
    step text not null,
    -- webhook: url, method, headers, body, timeout; notify: to, from, subject, text
    request jsonb not null,
    -- terminal: done, failed, withdrawn (its enrollment had ended before the first try)
    state text not null check (state in ('queued', 'under_way', 'done', 'failed', 'withdrawn')),
    -- whether the enrollment still stands at the step for the answer
    waits boolean not null,
    answer jsonb,
    -- the last try in words
    reply text,
    attempts integer not null default 0,
    next_at timestamptz not null,
    -- grows with every claim, so that a stale owner can record nothing
    fence bigint not null default 0,
    owner text,
    asked_at timestamptz not null,
    settled_at timestamptz,
    primary key (bucket, profile, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index errand_due on errand (bucket, next_at, id) where state in ('queued', 'under_way');
create index errand_answered on errand (bucket, profile) where waits and state in ('done', 'failed');
create index errand_failed on errand (bucket, settled_at) where state = 'failed';
create index errand_waiting on errand (bucket, profile, enrollment) where waits;

-- Nobody plans by what lies inside a document.
alter table errand alter column request set statistics 0;
alter table errand alter column answer set statistics 0;
alter table coupon alter column discount set statistics 0;
