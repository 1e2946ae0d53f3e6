-- The engine's tables. Every per-profile table begins its keys with `bucket`, a fixed hash of the profile's id; definitions are
-- small reference tables; uniqueness across profiles lives in `identifier` alone. No default reads a clock, no id is a sequence.

-- Definitions -------------------------------------------------------------------------------------------------------------

create table workspace (
    id integer primary key,
    name text not null unique,
    -- A bucket belongs to one workspace: those from first_bucket on, `buckets` of them.
    first_bucket smallint not null unique,
    buckets smallint not null
);

-- The published text, file by file, exactly as written: what `export` gives back and `plan` compares with.
create table definition (
    workspace integer not null references workspace (id),
    path text not null,
    content text not null,
    primary key (workspace, path)
);

create table publication (
    workspace integer not null references workspace (id),
    number integer not null,
    published_at timestamptz not null,
    files jsonb not null,
    primary key (workspace, number)
);

create table flow (
    workspace integer not null references workspace (id),
    name text collate "C" not null,
    live_version integer,
    paused boolean not null default false,
    archived boolean not null default false,
    primary key (workspace, name)
);

-- Immutable once written. `source` is the flow's own text; `publication` names the settings and messages beside it.
create table flow_version (
    id integer primary key,
    workspace integer not null,
    flow text collate "C" not null,
    number integer not null,
    source text not null,
    publication integer not null,
    published_at timestamptz not null,
    unique (workspace, flow, number),
    foreign key (workspace, flow) references flow (workspace, name)
);

-- A message as published: the parsed definition and, per locale, the compiled templates.
create table message_version (
    id integer primary key,
    workspace integer not null references workspace (id),
    message text collate "C" not null,
    number integer not null,
    compiled jsonb not null,
    published_at timestamptz not null,
    unique (workspace, message, number)
);

create table api_key (
    id uuid primary key,
    workspace integer not null references workspace (id),
    kind text not null check (kind in ('write', 'api')),
    role text not null,
    name text not null,
    digest bytea not null unique,
    created_at timestamptz not null,
    revoked_at timestamptz
);

-- People ------------------------------------------------------------------------------------------------------------------

create table profile (
    bucket smallint not null,
    id uuid not null,
    workspace integer not null,
    -- "user_id:u1": the identifier under which the profile first came into being; what holdouts and arms are drawn from.
    die text not null,
    created_at timestamptz not null,
    properties jsonb not null default '{}',
    -- top-level property -> own time of its value, microseconds since 1970 (rule 38); absent: taken from a call's context.
    stamps jsonb not null default '{}',
    address text,
    zone text not null,
    -- topic -> {"on": true, "at": microseconds}; the log is in `consent`.
    consents jsonb not null default '{}',
    suppressed text,
    merged_into uuid,
    primary key (bucket, id)
);

create table identifier (
    workspace integer not null,
    kind text not null check (kind in ('user_id', 'anonymous_id', 'email')),
    value text not null,
    bucket smallint not null,
    profile uuid not null,
    since timestamptz not null,
    primary key (workspace, kind, value)
);
create index identifier_profile on identifier (bucket, profile);

create table consent (
    bucket smallint not null,
    profile uuid not null,
    id uuid not null,
    topic text not null,
    granted boolean not null,
    occurred_at timestamptz not null,
    taken_in_at timestamptz not null,
    source text not null,
    evidence jsonb not null default '{}',
    primary key (bucket, profile, id)
);

create table suppression (
    workspace integer not null,
    address text not null,
    reason text not null,
    since timestamptz not null,
    evidence jsonb not null default '{}',
    primary key (workspace, address)
);

-- What happened ------------------------------------------------------------------------------------------------------------

-- Message ids seen, per source: accepting one again does nothing (rule 15). Pruned after 30 days.
create table seen_message (
    workspace integer not null,
    digest uuid not null,
    seen_at timestamptz not null,
    primary key (workspace, digest)
);
create index seen_message_age on seen_message (seen_at);

-- What has arrived and is not taken in yet. A row is deleted by the transaction that acts on it.
create table inbox (
    bucket smallint not null,
    profile uuid not null,
    -- when it is worked: its arrival, for what the engine emits the moment of what emitted it
    moment timestamptz not null,
    -- waits until nothing is due at that moment (rule 1)
    emitted boolean not null default false,
    ord bigint not null,
    id uuid not null,
    workspace integer not null,
    kind text not null check (kind in ('event', 'identify', 'consent', 'suppress', 'merge', 'engage')),
    origin smallint not null default 0,
    name text not null default '',
    occurred_at timestamptz not null,
    properties jsonb not null default '{}',
    context jsonb not null default '{}',
    -- what ingest worked out beside the call: {"address":…}, {"ambient":{…}}, {"source":{…}}, consent and merge particulars
    facts jsonb not null default '{}',
    primary key (bucket, profile, moment, emitted, ord, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index inbox_merge on inbox (bucket, id) where kind = 'merge';

-- What has been taken in: all that a condition can see.
create table event (
    bucket smallint not null,
    profile uuid not null,
    id uuid not null,
    name text not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    origin smallint not null,
    properties jsonb not null,
    context jsonb not null,
    primary key (bucket, profile, id)
);
create index event_name on event (bucket, profile, name, occurred_at);

-- Passage ------------------------------------------------------------------------------------------------------------------

create table enrollment (
    bucket smallint not null,
    profile uuid not null,
    id uuid not null,
    workspace integer not null,
    flow text collate "C" not null,
    version integer not null,
    key text collate "C" not null,
    trigger_event uuid not null,
    active boolean not null,
    -- index into the version's program; -1: entering
    step smallint not null,
    -- how often the enrollment has arrived at a step: part of a message's key
    visit integer not null,
    priority integer not null,
    held_out boolean not null,
    entered_at timestamptz not null,
    -- when the step was reached, on the flow's own reckoning (rule 4)
    reached_at timestamptz not null,
    -- when its action is due, and when it can be worked: the later of that and what made it known
    due_at timestamptz not null,
    work_at timestamptz not null,
    -- the own time of the event that a wait_for has found
    met_at timestamptz,
    -- step id -> moment it was reached, for `since: STEP`
    reached jsonb not null default '{}',
    vars jsonb not null default '{}',
    exited_at timestamptz,
    exit_reason text,
    primary key (bucket, profile, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- One active enrollment per flow and key, and never two by the same event (whose hash, with profile and flow, is the id): promised
-- by keys, not by locks.
create unique index enrollment_active on enrollment (bucket, profile, flow, key) where active;
create index enrollment_due on enrollment (bucket, work_at, profile) where active;

-- The event that started an enrollment, kept with it: `event.…` in its conditions and templates.
create table entry (
    bucket smallint not null,
    profile uuid not null,
    enrollment uuid not null,
    name text not null,
    occurred_at timestamptz not null,
    properties jsonb not null,
    context jsonb not null,
    primary key (bucket, profile, enrollment)
);

create table conversion (
    bucket smallint not null,
    profile uuid not null,
    enrollment uuid not null,
    flow text collate "C" not null,
    version integer not null,
    event uuid not null,
    occurred_at timestamptz not null,
    value numeric,
    held_out boolean not null,
    primary key (bucket, profile, enrollment)
);

-- One row per send step visited: its decision, and what was handed over.
create table message (
    bucket smallint not null,
    profile uuid not null,
    id uuid not null,
    workspace integer not null,
    enrollment uuid not null,
    flow text collate "C" not null,
    version integer not null,
    step_index smallint not null,
    step text not null,
    visit integer not null,
    message text not null,
    message_version integer not null,
    kind text not null check (kind in ('marketing', 'transactional')),
    topic text not null,
    trigger_event uuid not null,
    -- accepted: settled but for the rendering; sent: handed to delivery; skipped: with its reason
    state text not null check (state in ('accepted', 'sent', 'skipped')),
    reason text,
    address text,
    locale text,
    subject text,
    due_at timestamptz not null,
    decided_at timestamptz not null,
    facts jsonb not null default '{}',
    primary key (bucket, profile, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- exactly one decision per visit of a send step
create unique index message_visit on message (bucket, profile, enrollment, step_index, visit);
create index message_sent on message (bucket, profile, decided_at) where state = 'sent';
create index message_accepted on message (bucket, profile) where state = 'accepted';

-- What a sent message says, for hand-over, the inbox and the view in a browser. Links are numbered from 0.
create table content (
    bucket smallint not null,
    profile uuid not null,
    message uuid not null,
    subject text not null,
    preheader text not null,
    html text not null,
    plain text not null,
    from_address text not null,
    reply_to text,
    links jsonb not null default '[]',
    primary key (bucket, profile, message)
);

-- The hand-over of a message to a sender. Terminal: sent, failed, withdrawn; uncertain is settled by policy or a person.
create table delivery (
    bucket smallint not null,
    profile uuid not null,
    message uuid not null,
    workspace integer not null,
    state text not null check (state in ('queued', 'handing_over', 'sent', 'failed', 'uncertain', 'withdrawn')),
    attempts integer not null default 0,
    next_at timestamptz not null,
    fence bigint not null default 0,
    owner text,
    reply text,
    reason text,
    queued_at timestamptz not null,
    settled_at timestamptz,
    primary key (bucket, profile, message)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index delivery_due on delivery (bucket, next_at) where state in ('queued', 'handing_over');
create index delivery_uncertain on delivery (workspace, queued_at) where state = 'uncertain';

-- Every open and click as it came, machines' too; what counts flows back as events.
create table engagement (
    bucket smallint not null,
    profile uuid not null,
    id uuid not null,
    message uuid not null,
    kind text not null,
    occurred_at timestamptz not null,
    url text,
    machine boolean not null,
    facts jsonb not null default '{}',
    primary key (bucket, profile, id)
);

-- The journal: every entry, refusal, exit, decision and postponement, with its reason and the facts behind it, as it happened.
create table journal (
    bucket smallint not null,
    profile uuid not null,
    pass bigint not null,
    ord integer not null,
    id uuid not null,
    workspace integer not null,
    at timestamptz not null,
    kind text not null check (kind in ('enrollment', 'message', 'problem')),
    flow text collate "C" not null,
    version integer,
    enrollment uuid,
    -- enrollment: entered, refused, exited; message: sent, skipped, postponed; problem: what could not be done
    outcome text not null,
    reason text,
    key text,
    step text,
    message text,
    until timestamptz,
    address text,
    locale text,
    subject text,
    facts jsonb not null default '{}',
    primary key (bucket, profile, pass, ord, id)
);
create index journal_at on journal (bucket, at);

-- Who works a bucket: taken with a number that only grows, so that a stale owner cannot write. `pass` counts its passes.
create table lease (
    bucket smallint primary key,
    owner text,
    fence bigint not null default 0,
    pass bigint not null default 0,
    until timestamptz
);

-- Nobody plans by what lies inside a document; sampling documents is most of what ANALYZE costs.
do $$
declare c record;
begin
    for c in
        select table_name, column_name from information_schema.columns
        where table_schema = current_schema() and data_type = 'jsonb'
    loop
        execute format('alter table %I alter column %I set statistics 0', c.table_name, c.column_name);
    end loop;
end $$;
