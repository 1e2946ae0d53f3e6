-- Moments that no event brings: the days of dates that profiles hold, and the ticks of schedules.

-- The next moment of each date of a profile, and of each schedule that it is meant by, that may start a flow. It is kept current as
-- properties, zones and memberships change, so that nobody is looked at before. What has come lies in the inbox.
create table occasion (
    bucket smallint not null,
    profile uuid not null,
    flow text collate "C" not null,
    -- hash of the trigger as the flow has it
    mark uuid not null,
    -- which of several dates: the element's own id or name, else its place in the list; '' where there is one
    item text collate "C" not null,
    at timestamptz not null,
    -- the enrollment's key: another one for every occurrence (rule 13)
    key text collate "C" not null,
    -- the day that comes round, by the profile's calendar
    day date not null,
    primary key (bucket, profile, flow, mark, item)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index occasion_due on occasion (bucket, at);

-- When schedules come, written down ahead: a reading of the profile's clock, or of the one clock that a schedule goes by.
create table tick (
    workspace integer not null,
    mark uuid not null,
    reading timestamp not null,
    primary key (workspace, mark, reading)
);

-- What has come is an item among the others of its moment, behind the events.
do $$
declare known text;
begin
    select pg_get_constraintdef(oid) into known from pg_constraint
    where conrelid = 'inbox'::regclass and conname = 'inbox_kind_check';
    alter table inbox drop constraint inbox_kind_check;
    execute 'alter table inbox add constraint inbox_kind_check '
        || replace(known, '''engage''::text', '''engage''::text, ''occasion''::text');
end $$;

-- The texts at the end of a path, one row each, with the innermost element of a list that it lies in (null: in none) and what tells
-- that from the others: its own id or name, else its place. Lists are gone into wherever they stand, a hundred elements deep at most.
create function dates_at(document jsonb, path text[]) returns table (item text, element jsonb, value jsonb)
language plpgsql immutable parallel safe as $$
begin
    if cardinality(path) = 1 and jsonb_typeof(document -> path[1]) = 'string' then
        return query select '', null::jsonb, document -> path[1];
        return;
    end if;
    return query
        with recursive walk (found, depth, inner_most, place) as (
            select document, 0, null::jsonb, array[]::bigint[]
            union all
            select further.found, further.depth, further.inner_most, further.place
            from walk
            cross join lateral (
                select e.value, walk.depth, e.value, walk.place || e.nth
                from jsonb_array_elements(case when jsonb_typeof(walk.found) = 'array' then walk.found else '[]' end)
                    with ordinality e (value, nth)
                where e.nth <= 100 and cardinality(walk.place) < 8
                union all
                select walk.found -> path[walk.depth + 1], walk.depth + 1, walk.inner_most, walk.place
                where jsonb_typeof(walk.found) = 'object' and walk.depth < cardinality(path)
            ) further (found, depth, inner_most, place)
        ), named (label, inner_most, found, place) as (
            select coalesce(
                case when jsonb_typeof(w.inner_most -> 'id') in ('string', 'number') then nullif(left(w.inner_most ->> 'id', 100), '') end,
                case when jsonb_typeof(w.inner_most -> 'name') = 'string' then nullif(left(w.inner_most ->> 'name', 100), '') end,
                array_to_string(w.place, '.')), w.inner_most, w.found, w.place
            from walk w
            where w.depth = cardinality(path) and jsonb_typeof(w.found) = 'string'
            order by w.place limit 100
        )
        select case when c.nth = 1 then c.label else c.label || '#' || c.nth end, c.inner_most, c.found
        from (
            select n.*, row_number() over (partition by n.label order by n.place) as nth from named n
        ) c;
end
$$;
