-- The six packages for sale.

begin;
select plan(4);

select results_eq(
    $$
        select p.name, p.credits, p.price_thb, p.discount_percentage, p.is_popular, p.sort_order
        from public.credit_packages as p
        where p.is_active
        order by p.sort_order
    $$,
    $$
        values
        ('Trial Pack', 1, 0.00, 0::smallint, false, 1),
        ('Starter Pack', 3, 99.00, 0::smallint, false, 2),
        ('Popular Pack', 10, 299.00, 10::smallint, true, 3),
        ('Pro Pack', 25, 699.00, 15::smallint, false, 4),
        ('Business Pack', 50, 1299.00, 20::smallint, false, 5),
        ('Enterprise Pack', 100, 2399.00, 25::smallint, false, 6)
    $$,
    'six packages are for sale, in this order, at these prices'
);

select is_empty(
    $$
        select small.name, large.name
        from public.credit_packages as small
        inner join public.credit_packages as large on large.credits > small.credits
        where small.is_active and large.is_active and small.price_thb > 0
            and large.price_thb / large.credits > small.price_thb / small.credits
    $$,
    'the price of a credit never rises with the size of a paid pack'
);

select is_empty(
    'select p.name from public.credit_packages as p where p.is_active and p.description is null',
    'every package for sale says whom it is for'
);

select is_empty(
    $$select p.name from public.credit_packages as p where p.is_active and p.metadata <> '{}'$$,
    'no package for sale carries metadata'
);

select finish();
rollback;
