-- The calendar in SQL: every stretch of time in which a zone keeps one offset, as domain.calendar counts them, and readers of
-- dates and places that answer null, never an error, whatever text or number they are given.

-- A reference table, filled by sqlkit.calendar.fill_zones. utc_from is in, utc_until out; the first span begins at -infinity,
-- the last ends at infinity. local_until is the latest local reading that a span up to this one ends at.
create table zone_span (
    zone text collate "C" not null,
    utc_from timestamp not null,
    utc_until timestamp not null,
    utc_offset interval not null,
    local_until timestamp not null,
    primary key (zone, utc_from)
);
create index zone_span_local on zone_span (zone, local_until, utc_from);

-- The reading of an ISO 8601 date or timestamp as it stands, its offset left aside; null where the text is neither, or names a
-- day or hour that does not exist. Digits of a second beyond the sixth are cut off.
create function iso_reading(written text) returns timestamp
language plpgsql immutable strict parallel safe as $$
declare
    seconds double precision := 0;
begin
    if length(written) > 48 or written collate "C" !~ ('^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])'
        || '(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,20})?)?'
        || '(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?$')
    then
        return null;
    end if;
    if left(written, 4) = '0000' then
        return null;
    end if;
    -- In brackets: plpgsql would take the first `then` for its own.
    if substr(written, 9, 2)::integer > (
        case substr(written, 6, 2)
            when '02' then 28 + (left(written, 4)::integer % 4 = 0
                and (left(written, 4)::integer % 100 <> 0 or left(written, 4)::integer % 400 = 0))::integer
            when '04' then 30 when '06' then 30 when '09' then 30 when '11' then 30
            else 31
        end)
    then
        return null;
    end if;
    if length(written) = 10 then
        return make_timestamp(
            left(written, 4)::integer, substr(written, 6, 2)::integer, substr(written, 9, 2)::integer, 0, 0, 0);
    end if;
    if substr(written, 17, 1) = ':' then
        seconds := substr(written, 18, 2)::integer;
        if substr(written, 20, 1) in ('.', ',') then
            seconds := seconds + rpad(left(substring(substr(written, 21) from '^[0-9]+'), 6), 6, '0')::integer / 1e6;
        end if;
    end if;
    return make_timestamp(
        left(written, 4)::integer, substr(written, 6, 2)::integer, substr(written, 9, 2)::integer,
        substr(written, 12, 2)::integer, substr(written, 15, 2)::integer, seconds);
end
$$;

-- The offset from UTC that an ISO 8601 timestamp carries; null where it carries none. Asked only of what iso_reading accepts.
create function iso_offset(written text) returns interval
language plpgsql immutable strict parallel safe as $$
declare
    -- After the minutes stands no sign but that of the offset.
    behind text := substr(written, 17);
    sign integer := greatest(position('+' in behind), position('-' in behind));
begin
    if upper(right(behind, 1)) = 'Z' then
        return interval '0';
    end if;
    if sign = 0 then
        return null;
    end if;
    behind := replace(substr(behind, sign), ':', '');
    return make_interval(
        hours => substr(behind, 2, 2)::integer,
        mins => coalesce(nullif(substr(behind, 4, 2), '')::integer, 0)) * case when left(behind, 1) = '-' then -1 else 1 end;
end
$$;

-- The day that a text means as a date: YYYY-MM-DD, or MM-DD, which stands for a day of every year and is put into the leap year
-- 4, before which nobody's calendar begins. Null for anything else, timestamps among it.
create function iso_day(written text) returns date
language plpgsql immutable strict parallel safe as $$
begin
    return case length(written)
        when 10 then iso_reading(written)::date
        when 5 then iso_reading('0004-' || written)::date
    end;
end
$$;

-- Whether month and day of `day` come round from `first` to `last`, both in, in a year after its own; 29 February comes round
-- on 28 February in other years.
create function anniversary_between(day date, first date, last date) returns boolean
language plpgsql immutable strict parallel safe as $$
declare
    begin_year integer := greatest(extract(year from first)::integer, extract(year from day)::integer + 1);
    come_round date;
begin
    for candidate in begin_year .. begin_year + 1 loop
        -- Adding years clamps 29 February as the language does.
        come_round := (day + make_interval(years => candidate - extract(year from day)::integer))::date;
        if come_round between first and last then
            return true;
        end if;
    end loop;
    return false;
end
$$;

-- Kilometres between two places in degrees, along the surface of a sphere of 6371.0088 km; null where a degree is out of range.
create function kilometres(lat_a numeric, lon_a numeric, lat_b numeric, lon_b numeric) returns double precision
language plpgsql immutable strict parallel safe as $$
declare
    from_lat double precision;
    to_lat double precision;
    half_chord double precision;
begin
    if lat_a not between -90 and 90 or lat_b not between -90 and 90
        or lon_a not between -180 and 180 or lon_b not between -180 and 180
    then
        return null;
    end if;
    -- Rounded first: a numeric too small for a double would raise.
    from_lat := round(lat_a, 12)::double precision;
    to_lat := round(lat_b, 12)::double precision;
    half_chord := sqrt(sind((to_lat - from_lat) / 2) ^ 2
        + cosd(from_lat) * cosd(to_lat) * sind((round(lon_b, 12) - round(lon_a, 12))::double precision / 2) ^ 2);
    return 2 * 6371.0088 * asin(least(1, half_chord));
end
$$;

-- A moment as the rest of Tamshy writes it: in UTC with Z, milliseconds only where they are not zero.
create function iso_text(moment timestamptz) returns text
language sql immutable strict parallel safe
return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
    || case when extract(milliseconds from moment at time zone 'UTC')::integer % 1000 = 0 then ''
        else to_char(moment at time zone 'UTC', '.MS') end
    || 'Z';

-- The values at the end of a path, one row each: lists on the way fan out, a list at its end is a value, and where the path
-- leads nowhere (nothing there, an empty list on the way) stands one null.
create function leaves(document jsonb, path text[]) returns setof jsonb
language plpgsql immutable parallel safe as $$
declare
    length constant integer := cardinality(path);
    value jsonb := document;
    walked integer := 0;
    element jsonb;
    depth integer;
    fanned boolean := false;
    lists jsonb := '[]';
begin
    while walked < length and jsonb_typeof(value) is distinct from 'array' loop
        walked := walked + 1;
        value := value -> path[walked];
    end loop;
    if walked = length then
        return next value;
        return;
    end if;
    for element in select e.value from jsonb_array_elements(value) e loop
        depth := walked;
        while depth < length and jsonb_typeof(element) is distinct from 'array' loop
            depth := depth + 1;
            element := element -> path[depth];
        end loop;
        if depth = length then
            fanned := true;
            return next element;
        else
            lists := lists || jsonb_build_array(jsonb_build_array(depth, element));
        end if;
    end loop;
    if lists <> '[]' then
        -- Level by level instead of by calls of itself: a document may nest deeper than calls can.
        return query
            with recursive walk (found, depth) as (
                select l.value -> 1, (l.value ->> 0)::integer from jsonb_array_elements(lists) l
                union all
                select further.found, further.depth
                from walk
                cross join lateral (
                    select e.value, walk.depth
                    from jsonb_array_elements(case when jsonb_typeof(walk.found) = 'array' then walk.found else '[]' end) e
                    union all
                    select walk.found -> path[walk.depth + 1], walk.depth + 1
                    where jsonb_typeof(walk.found) is distinct from 'array'
                ) further (found, depth)
                where walk.depth < length
            )
            select walk.found from walk where walk.depth = length;
        fanned := fanned or found;
    end if;
    if not fanned then
        return next null;
    end if;
end
$$;
