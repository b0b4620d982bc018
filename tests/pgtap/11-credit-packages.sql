-- credit_packages: what is for sale.

begin;
select plan(5);

select col_is_pk('public', 'credit_packages', 'id', 'credit_packages: primary key');
select col_is_unique('public', 'credit_packages', 'name', 'credit_packages_name_is_unique');

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.credit_packages'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'credit_packages_pkey PRIMARY KEY (id)',
        'credit_packages_name_is_unique UNIQUE (name)'
    ],
    'credit_packages: these keys, and what deleting a referenced row does'
);

select is_empty(
    $$
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.credit_packages'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    'credit_packages: no check of several columns'
);

select indexes_are(
    'public', 'credit_packages',
    array['credit_packages_pkey', 'credit_packages_name_is_unique'],
    'credit_packages: indexes'
);

select finish();
rollback;
