-- Who is in which segment, when that may change by time alone, and who is among the best.

-- Members of the segments that somebody listens to; the others are asked when they are asked for.
create table membership (
    bucket smallint not null,
    profile uuid not null,
    segment text collate "C" not null,
    since timestamptz not null,
    primary key (bucket, profile, segment)
);
create index membership_segment on membership (bucket, segment, profile);

-- The next moment at which time alone may bring a profile into a segment, or out of it: nobody looks before. Never later than
-- that, and earlier only where it cannot be told closely.
create table flip (
    bucket smallint not null,
    profile uuid not null,
    segment text collate "C" not null,
    at timestamptz not null,
    primary key (bucket, profile, segment)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index flip_due on flip (bucket, at, profile);

-- Who was among the best by a measure when it was last computed (rule 29).
create table best (
    bucket smallint not null,
    profile uuid not null,
    measure text collate "C" not null,
    primary key (bucket, profile, measure)
);
create index best_measure on best (bucket, measure, profile);

-- When the measures of a workspace were last computed.
create table ranked (
    workspace integer primary key references workspace (id),
    at timestamptz not null
);

-- Whether the segments know of a profile: a newcomer is looked at whole when the first of their items is worked.
alter table profile add column placed boolean not null default true;

-- An item without a word of its own: the engine asks anew who is in which segment.
do $$
declare known text;
begin
    select pg_get_constraintdef(oid) into known from pg_constraint
    where conrelid = 'inbox'::regclass and conname = 'inbox_kind_check';
    alter table inbox drop constraint inbox_kind_check;
    execute 'alter table inbox add constraint inbox_kind_check '
        || replace(known, '''engage''::text', '''engage''::text, ''review''::text');
end $$;

-- The next moment after `after` at which it may change whether a moment, a duration later, is `edge` or beyond; null: never. The
-- duration as the language counts it: months and days on the zone's clock, then seconds; all of one sign. It changes where the clock
-- shows a certain reading: the one that the calendar's part leads from to the earliest reading that means `edge`. That may be
-- shown twice, or be left out (candidates are all clock changes nearby as well); and where a month's end clamps, the days that mean
-- the same day go through it one by one.
create function next_turn(edge timestamptz, in_zone text, months integer, days integer, seconds double precision, after timestamptz)
returns timestamptz
language plpgsql stable strict parallel safe as $$
declare
    target timestamptz := edge - make_interval(secs => seconds);
    utc timestamp := target at time zone 'UTC';
    began timestamp;
    clock interval;
    highest timestamp;
    reading timestamp;
    day date;
    first_day date;
begin
    if months = 0 and days = 0 then
        return case when target > after then target end;
    end if;
    select s.utc_from, s.utc_offset into began, clock from zone_span s
    where s.zone = in_zone and s.utc_from <= utc order by s.utc_from desc limit 1;
    select s.local_until into highest from zone_span s
    where s.zone = in_zone and s.utc_from < began order by s.utc_from desc limit 1;
    reading := greatest(highest, case when utc > began then utc + clock end);
    day := reading::date - days;
    first_day := (day - make_interval(months => months))::date;
    return (
        select min(c.at at time zone 'UTC')
        from generate_series(0, case when months = 0 then 0 else 3 end) k
        cross join lateral (values (reading::time), (time '00:00')) t (at)
        join zone_span s on s.zone = in_zone and s.utc_from <= first_day + k + t.at + interval '36 hours'
            and s.utc_until >= first_day + k + t.at - interval '36 hours'
        cross join lateral (values (greatest(s.utc_from, first_day + k + t.at - s.utc_offset)), (s.utc_from)) c (at)
        where (months <> 0 or t.at = reading::time) and c.at < s.utc_until and c.at > after at time zone 'UTC'
            and (k = 0 or (first_day + k + make_interval(months => months))::date <= day
                or (first_day + k - 1 + make_interval(months => months))::date < day)
    );
end
$$;

-- The first day from `first` on, in a year after its own, on which month and day of `day` come round.
create function next_anniversary(day date, first date) returns date
language sql immutable strict parallel safe
return (
    select min(a.at) from generate_series(0, 1) k
    cross join lateral (
        select (day + make_interval(years => k
            + greatest(extract(year from first)::integer - extract(year from day)::integer, 1)))::date
    ) a (at)
    where a.at >= first
);
