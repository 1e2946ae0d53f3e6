-- Carts and orders as their events tell them: what the events of a profile come to, each by its own time. Whatever stands here can be
-- made again from `event`.

-- The carts that are open. One that was bought has no row.
create table cart (
    bucket smallint not null,
    profile uuid not null,
    -- `cart_id` as text; '' where the events name none
    id text collate "C" not null,
    opened_at timestamptz not null,
    touched_at timestamptz not null,
    value numeric not null,
    -- how many pieces, not how many lines
    count numeric not null,
    currency text,
    products jsonb not null,
    -- what was in it and was taken out
    removed jsonb not null,
    primary key (bucket, profile, id)
);

-- One row an order that anything was told of. It counts from `Order Completed` on, until it is cancelled or refunded whole.
create table orders (
    bucket smallint not null,
    profile uuid not null,
    -- `order_id` as text; the event's own id where it names none
    id text collate "C" not null,
    state text not null check (state in ('placed', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded')),
    counts boolean not null,
    -- what it came to, what was given back, and what is left of it: nothing of an order that is cancelled
    total numeric not null,
    refunded numeric not null,
    worth numeric not null,
    currency text,
    coupon text,
    cart text,
    products jsonb not null,
    touched_at timestamptz not null,
    placed_at timestamptz,
    paid_at timestamptz,
    shipped_at timestamptz,
    delivered_at timestamptz,
    cancelled_at timestamptz,
    refunded_at timestamptz,
    primary key (bucket, profile, id)
);

alter table cart alter column products set statistics 0, alter column removed set statistics 0;
alter table orders alter column products set statistics 0;

-- What a cart, an order or a product goes by, as text: '' for what is missing, null, a list or an object. One that is too long for
-- an index is cut, and told apart by its hash.
create function shop_key(value jsonb) returns text
language sql immutable parallel safe
return case
    when jsonb_typeof(value) not in ('string', 'number', 'boolean') or value is null then ''
    when octet_length(value #>> '{}') > 1000 then left(value #>> '{}', 64) || '…' || md5(value #>> '{}')
    else value #>> '{}' end;

-- A price or a quantity: null for what is no number, or so large that sums of it would not end.
create function shop_number(value jsonb) returns numeric
language sql immutable parallel safe
return case when jsonb_typeof(value) = 'number' and value between '-1e12'::jsonb and '1e12'::jsonb
    then trim_scale(round((value)::numeric, 6)) end;

-- What tells a line of a cart from the others; null for one that cannot be told.
create function shop_line(product jsonb) returns text
language sql immutable parallel safe
return coalesce(nullif(shop_key(product -> 'sku'), ''), nullif(shop_key(product -> 'product_id'), ''),
    nullif(shop_key(product -> 'name'), ''));

-- What an event says that an order came to, or what of it was given back: looked for as a conversion's worth is (rule 28).
create function shop_amount(properties jsonb) returns numeric
language sql immutable parallel safe
return coalesce(shop_number(properties -> 'value'), shop_number(properties -> 'revenue'), shop_number(properties -> 'total'));
