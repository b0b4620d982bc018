-- payments: orders, with a snapshot of the package.

begin;
select plan(40);

select columns_are(
    'public', 'payments',
    array[
        'id', 'user_id', 'package_id', 'provider', 'provider_transaction_id', 'amount_thb', 'credits_purchased',
        'status', 'payment_method', 'metadata', 'paid_at', 'refunded_at', 'created_at', 'updated_at'
    ],
    'payments: columns'
);

select col_type_is('public', 'payments', c.name, c.type, format('payments.%s is %s', c.name, c.type))
from (
    values
    ('id', 'uuid'),
    ('user_id', 'uuid'),
    ('package_id', 'uuid'),
    ('provider', 'payment_provider'),
    ('provider_transaction_id', 'text'),
    ('amount_thb', 'numeric(10,2)'),
    ('credits_purchased', 'integer'),
    ('status', 'payment_status'),
    ('payment_method', 'text'),
    ('metadata', 'jsonb'),
    ('paid_at', 'timestamp with time zone'),
    ('refunded_at', 'timestamp with time zone'),
    ('created_at', 'timestamp with time zone'),
    ('updated_at', 'timestamp with time zone')
) as c (name, type);

select set_eq(
    $$
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = 'public.payments'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    array['package_id', 'provider_transaction_id', 'payment_method', 'paid_at', 'refunded_at'],
    'payments: these columns may be null, and no others'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.payments'::regclass
    $$,
    array[
        'id gen_random_uuid()',
        $$status 'PENDING'::payment_status$$,
        $$metadata '{}'::jsonb$$,
        'created_at now()',
        'updated_at now()'
    ],
    'payments: these columns have these defaults, and no others have one'
);

select col_is_pk('public', 'payments', 'id', 'payments: primary key');
select col_is_unique('public', 'payments', array['id', 'user_id'], 'payments_id_and_user_is_unique');
select index_is_unique(
    'public', 'payments', 'payments_provider_transaction_is_unique', 'a transaction of a provider is one payment'
);
select fk_ok('public', 'payments', 'user_id', 'public', 'users', 'id', 'payments_user_id_fkey');
select fk_ok('public', 'payments', 'package_id', 'public', 'credit_packages', 'id', 'payments_package_id_fkey');

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.payments'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'payments_pkey PRIMARY KEY (id)',
        'payments_id_and_user_is_unique UNIQUE (id, user_id)',
        'payments_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)',
        'payments_package_id_fkey FOREIGN KEY (package_id) REFERENCES credit_packages(id)'
    ],
    'payments: these keys, and what deleting a referenced row does'
);

select set_eq(
    $$
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.payments'::regclass and k.contype = 'c'
    $$,
    array[
        'payments_package_unless_manual',
        'payments_transaction_id_is_short',
        'payments_paid_has_transaction',
        'payments_amount_in_range',
        'payments_credits_in_range',
        'payments_method_is_short',
        'payments_metadata_is_small_object',
        'payments_paid_at_when_paid',
        'payments_refunded_at_when_refunded'
    ],
    'payments: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    ('payments_package_unless_manual', $$CHECK (package_id IS NOT NULL OR provider = 'MANUAL'::payment_provider)$$),
    (
        'payments_transaction_id_is_short',
        'CHECK (length(provider_transaction_id) >= 1 AND length(provider_transaction_id) <= 255)'
    ),
    (
        'payments_paid_has_transaction',
        'CHECK ((status <> ALL (ARRAY[''COMPLETED''::payment_status, ''REFUNDED''::payment_status])) OR provider '
        '= ''MANUAL''::payment_provider OR provider_transaction_id IS NOT NULL)'
    ),
    ('payments_amount_in_range', 'CHECK (amount_thb >= 0::numeric AND amount_thb <= 1000000::numeric)'),
    ('payments_credits_in_range', 'CHECK (credits_purchased >= 1 AND credits_purchased <= 100000)'),
    ('payments_method_is_short', 'CHECK (length(payment_method) <= 100)'),
    (
        'payments_metadata_is_small_object',
        'CHECK (jsonb_typeof(metadata) = ''object''::text AND octet_length((metadata - '
        '''shortfall''::text)::text) <= 16384 AND octet_length((metadata -> ''shortfall''::text)::text) <= 20)'
    ),
    (
        'payments_paid_at_when_paid',
        'CHECK ((status = ANY (ARRAY[''COMPLETED''::payment_status, ''REFUNDED''::payment_status])) = (paid_at '
        'IS NOT NULL))'
    ),
    (
        'payments_refunded_at_when_refunded',
        $$CHECK ((status = 'REFUNDED'::payment_status) = (refunded_at IS NOT NULL))$$
    )
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.payments'::regclass;

select indexes_are(
    'public', 'payments',
    array[
        'payments_pkey', 'payments_id_and_user_is_unique', 'payments_provider_transaction_is_unique',
        'payments_user_newest_idx', 'payments_pending_idx', 'payments_package_idx', 'payments_one_trial_per_user',
        'payments_paid_idx'
    ],
    'payments: indexes'
);

select is(pg_get_indexdef(to_regclass('public.' || i.name)), i.definition, i.name)
from (
    values
    (
        'payments_provider_transaction_is_unique',
        'CREATE UNIQUE INDEX payments_provider_transaction_is_unique ON public.payments USING btree (provider, '
        'provider_transaction_id)'
    ),
    (
        'payments_user_newest_idx',
        'CREATE INDEX payments_user_newest_idx ON public.payments USING btree (user_id, created_at DESC)'
    ),
    (
        'payments_pending_idx',
        'CREATE INDEX payments_pending_idx ON public.payments USING btree (created_at) WHERE (status = '
        '''PENDING''::payment_status)'
    ),
    ('payments_package_idx', 'CREATE INDEX payments_package_idx ON public.payments USING btree (package_id)'),
    (
        'payments_one_trial_per_user',
        'CREATE UNIQUE INDEX payments_one_trial_per_user ON public.payments USING btree (user_id) WHERE '
        '((amount_thb = (0)::numeric) AND (package_id IS NOT NULL) AND (status = ANY '
        '(ARRAY[''COMPLETED''::payment_status, ''REFUNDED''::payment_status])))'
    ),
    (
        'payments_paid_idx',
        'CREATE INDEX payments_paid_idx ON public.payments USING btree (paid_at) WHERE (paid_at IS NOT NULL)'
    )
) as i (name, definition);

select finish();
rollback;
