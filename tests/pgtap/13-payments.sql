-- payments: orders, with a snapshot of the package.

begin;
select plan(14);

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
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.payments'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    array[
        $$payments_package_unless_manual CHECK (package_id IS NOT NULL OR provider = 'MANUAL'::payment_provider)$$,
        'payments_paid_has_transaction CHECK ((status <> ALL (ARRAY[''COMPLETED''::payment_status, '
        '''REFUNDED''::payment_status])) OR provider = ''MANUAL''::payment_provider OR provider_transaction_id IS '
        'NOT NULL)',
        'payments_paid_at_when_paid CHECK ((status = ANY (ARRAY[''COMPLETED''::payment_status, '
        '''REFUNDED''::payment_status])) = (paid_at IS NOT NULL))',
        $$payments_refunded_at_when_refunded CHECK ((status = 'REFUNDED'::payment_status) = (refunded_at IS NOT NULL))$$
    ],
    'payments: these checks of several columns, and no others'
);

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
