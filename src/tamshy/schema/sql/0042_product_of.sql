-- Which product of a workspace a product of an order, a cart or an event means: by whichever of its two names the catalogue knows it.
create function product_of(workspace integer, product jsonb) returns table (sku text)
language sql stable parallel safe
as $$
    select n.sku from product_name n
    where n.workspace = product_of.workspace and jsonb_typeof(product_of.product) = 'object'
        and n.name = any(array[shop_key(product_of.product -> 'sku'), shop_key(product_of.product -> 'product_id')])
    order by n.sku limit 1
$$;
