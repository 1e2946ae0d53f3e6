-- When a product came into the catalogue so that somebody could have it, and up to when somebody was told of such arrivals.

-- First told of with any of it there; null: there has been none of it yet. What a shop had when it came to us arrived in no time.
alter table product add column arrived_at timestamptz;
update product set arrived_at = '-infinity';
create index product_arrived on product (workspace, arrived_at);

-- Of new arrivals: what arrived later is new to them. Null: they were never told of any.
alter table occasion add column told_until timestamptz;
