-- What is known of a hand-over whose answer was lost, who settled it, and what keeps a sender's name good.

-- When the last hand-over began, on which connection, and how many of them ended without an answer.
alter table delivery add column claimed_at timestamptz;
alter table delivery add column link text;
alter table delivery add column doubts integer not null default 0;

-- Due rows have a place of their own even where thousands are due at one moment: a run goes on behind the last it has seen,
-- whatever another holds or the past has left there.
drop index delivery_due;
create index delivery_due on delivery (bucket, next_at, message) where state in ('queued', 'handing_over');
-- A person's list, and the way from a message's id to its delivery; both hold what is in doubt alone.
drop index delivery_uncertain;
create index delivery_uncertain on delivery (workspace, queued_at, message) where state = 'uncertain';
create index delivery_in_doubt on delivery (workspace, message) where state = 'uncertain';

-- A person's word on a delivery whose answer was lost, once for each doubt (whose fence it is).
create table settlement (
    bucket smallint not null,
    profile uuid not null,
    message uuid not null,
    fence bigint not null,
    workspace integer not null,
    did text not null check (did in ('sent', 'resend')),
    -- the key, or the user of the machine
    by text not null,
    at timestamptz not null,
    primary key (bucket, profile, message, fence)
);
create index settlement_message on settlement (workspace, message, at);

-- Messages that a full mailbox did not take, until one is taken: three over a week, and the address is suppressed. Keyed by
-- value, as `suppression` is.
create table soft_bounce (
    workspace integer not null,
    address text not null,
    message uuid not null,
    at timestamptz not null,
    primary key (workspace, address, message)
);

-- Sending domains that were refused for what they are (5.7.x): nothing is handed over for them until a person says so.
create table paused_domain (
    workspace integer not null,
    domain text not null,
    paused_at timestamptz not null,
    -- the server's own words, and the message that got them
    reply text not null,
    message uuid not null,
    resumed_at timestamptz,
    resumed_by text,
    -- not by its moment: resumed and refused again, a domain may pause twice in one
    primary key (workspace, domain, message)
);
create unique index paused_domain_now on paused_domain (workspace, domain) where resumed_at is null;
