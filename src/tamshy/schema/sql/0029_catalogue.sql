-- The catalogue: what a shop sells, as it was last told; and what of it has changed, until everybody it concerns has heard.

create table product (
    workspace integer not null,
    sku text collate "C" not null,
    since timestamptz not null,
    -- what is told of it, and when each part of it was so, in microseconds: the later word holds
    told jsonb not null default '{}',
    stamps jsonb not null default '{}',
    -- what events call it: its sku, its product_id, those of its variants
    names text[] not null default '{}',
    price numeric,
    stock numeric,
    category text collate "C",
    -- how long it lasts, by the calendar and elapsed; null: it is not said
    lasts_days interval,
    lasts_seconds interval,
    primary key (workspace, sku)
);

-- The same names, to find a product by what an event or an order calls it.
create table product_name (
    workspace integer not null,
    name text collate "C" not null,
    sku text collate "C" not null,
    primary key (workspace, name, sku)
);

-- How long what belongs to a category lasts, where a product does not say it.
create table product_category (
    workspace integer not null,
    category text collate "C" not null,
    lasts_days interval not null,
    lasts_seconds interval not null,
    primary key (workspace, category)
);

-- How long a product lasts by what the shop's people do: the middle of the times between one purchase of it and the next. Made anew
-- every day; a product that has been bought again too rarely is not in it.
create table learnt_interval (
    workspace integer not null,
    sku text collate "C" not null,
    pairs integer not null,
    lasts_days interval not null,
    primary key (workspace, sku)
);

-- A product that became cheaper, or came back, with what it was then. `batch` is what was told together.
create table product_change (
    workspace integer not null,
    batch uuid not null,
    sku text collate "C" not null,
    names text[] not null,
    product jsonb not null,
    old_price numeric,
    price numeric,
    back boolean not null,
    at timestamptz not null,
    primary key (workspace, batch, sku)
);

-- The buckets whose people have not heard of a batch yet. A row is deleted by the pass that tells them.
create table catalogue_turn (
    bucket smallint not null,
    at timestamptz not null,
    batch uuid not null,
    workspace integer not null,
    primary key (bucket, at, batch)
);

alter table product alter column told set statistics 0, alter column stamps set statistics 0;
alter table product_change alter column product set statistics 0;

-- When what somebody has bought is used up: the next time to speak of it. What has come lies in the inbox.
create table reorder (
    bucket smallint not null,
    profile uuid not null,
    sku text collate "C" not null,
    flow text collate "C" not null,
    at timestamptz not null,
    bought_at timestamptz not null,
    due_at timestamptz not null,
    primary key (bucket, profile, sku, flow)
);
create index reorder_due on reorder (bucket, at);

-- What has come is an item among the others of its moment, behind the events.
do $$
declare known text;
begin
    select pg_get_constraintdef(oid) into known from pg_constraint
    where conrelid = 'inbox'::regclass and conname = 'inbox_kind_check';
    alter table inbox drop constraint inbox_kind_check;
    execute 'alter table inbox add constraint inbox_kind_check '
        || replace(known, '''engage''::text', '''engage''::text, ''offer''::text');
    select pg_get_constraintdef(oid) into known from pg_constraint
    where conrelid = 'import'::regclass and conname = 'import_kind_check';
    alter table import drop constraint import_kind_check;
    execute 'alter table import add constraint import_kind_check '
        || replace(known, '''events''::text', '''events''::text, ''products''::text');
end $$;

-- What an event calls the products that it is about: each name once.
create function shop_names(properties jsonb) returns setof text
language sql immutable parallel safe
as $$
    select distinct n.name
    from (
        select properties as product
        union all
        select p.product
        from jsonb_array_elements(case jsonb_typeof(properties -> 'products') when 'array' then properties -> 'products' else '[]' end)
            p (product)
        where jsonb_typeof(p.product) = 'object'
    ) p
    cross join lateral (values (shop_key(p.product -> 'sku')), (shop_key(p.product -> 'product_id'))) n (name)
    where n.name <> ''
$$;
