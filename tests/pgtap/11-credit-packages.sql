-- credit_packages: what is for sale.

begin;
select plan(27);

select columns_are(
    'public', 'credit_packages',
    array[
        'id', 'name', 'description', 'credits', 'price_thb', 'discount_percentage', 'is_popular', 'is_active',
        'sort_order', 'metadata', 'created_at', 'updated_at'
    ],
    'credit_packages: columns'
);

select col_type_is('public', 'credit_packages', c.name, c.type, format('credit_packages.%s is %s', c.name, c.type))
from (
    values
    ('id', 'uuid'),
    ('name', 'text'),
    ('description', 'text'),
    ('credits', 'integer'),
    ('price_thb', 'numeric(10,2)'),
    ('discount_percentage', 'smallint'),
    ('is_popular', 'boolean'),
    ('is_active', 'boolean'),
    ('sort_order', 'integer'),
    ('metadata', 'jsonb'),
    ('created_at', 'timestamp with time zone'),
    ('updated_at', 'timestamp with time zone')
) as c (name, type);

select set_eq(
    $$
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = 'public.credit_packages'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    array['description'],
    'credit_packages: these columns may be null, and no others'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.credit_packages'::regclass
    $$,
    array[
        'id gen_random_uuid()',
        'discount_percentage 0',
        'is_popular false',
        'is_active true',
        'sort_order 0',
        $$metadata '{}'::jsonb$$,
        'created_at now()',
        'updated_at now()'
    ],
    'credit_packages: these columns have these defaults, and no others have one'
);

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

select set_eq(
    $$
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.credit_packages'::regclass and k.contype = 'c'
    $$,
    array[
        'credit_packages_name_in_bounds',
        'credit_packages_name_is_plain',
        'credit_packages_description_is_short',
        'credit_packages_credits_in_range',
        'credit_packages_price_in_range',
        'credit_packages_discount_in_range',
        'credit_packages_metadata_is_small_object'
    ],
    'credit_packages: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    ('credit_packages_name_in_bounds', 'CHECK (length(name) >= 1 AND length(name) <= 100)'),
    (
        'credit_packages_name_is_plain',
        'CHECK (name !~ ''[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]''::text)'
    ),
    ('credit_packages_description_is_short', 'CHECK (length(description) <= 1000)'),
    ('credit_packages_credits_in_range', 'CHECK (credits >= 1 AND credits <= 100000)'),
    ('credit_packages_price_in_range', 'CHECK (price_thb >= 0::numeric AND price_thb <= 1000000::numeric)'),
    ('credit_packages_discount_in_range', 'CHECK (discount_percentage >= 0 AND discount_percentage <= 100)'),
    (
        'credit_packages_metadata_is_small_object',
        'CHECK (jsonb_typeof(metadata) = ''object''::text AND octet_length(metadata::text) <= 16384)'
    )
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.credit_packages'::regclass;

select indexes_are(
    'public', 'credit_packages',
    array['credit_packages_pkey', 'credit_packages_name_is_unique'],
    'credit_packages: indexes'
);

select finish();
rollback;
