-- What goes with what, and what sells, by what a shop's people do. Worked out anew every day; of nothing that one person alone did.

-- The nearest products to each: `similar` by who looks at, carts or buys both, `together` by orders that hold both, `next` by who
-- buys both. `score` is the cosine, `place` counts from 1.
create table neighbour (
    workspace integer not null,
    kind text collate "C" not null check (kind in ('similar', 'together', 'next')),
    sku text collate "C" not null,
    place smallint not null,
    other text collate "C" not null,
    score double precision not null,
    primary key (workspace, kind, sku, place)
);

-- What most people buy, from the first on; where few buy anything yet, what most look at.
create table bestseller (
    workspace integer not null,
    place smallint not null,
    sku text collate "C" not null,
    buyers integer not null,
    viewers integer not null,
    primary key (workspace, place)
);
