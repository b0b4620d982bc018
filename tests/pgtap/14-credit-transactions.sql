-- credit_transactions: the ledger.

begin;
select plan(12);

select col_is_pk('public', 'credit_transactions', 'id', 'credit_transactions: primary key');
select col_is_unique('public', 'credit_transactions', array['job_id', 'type'], 'credit_transactions_job_once');
select col_is_unique(
    'public', 'credit_transactions', array['payment_id', 'type'], 'credit_transactions_payment_once'
);
select col_is_unique('public', 'credit_transactions', 'idempotency_key', 'credit_transactions_key_once');
select fk_ok('public', 'credit_transactions', 'user_id', 'public', 'users', 'id', 'credit_transactions_user_id_fkey');
select fk_ok(
    'public', 'credit_transactions', array['job_id', 'user_id'],
    'public', 'jobs', array['id', 'user_id'],
    'credit_transactions_job_is_own'
);
select fk_ok(
    'public', 'credit_transactions', array['payment_id', 'user_id'],
    'public', 'payments', array['id', 'user_id'],
    'credit_transactions_payment_is_own'
);

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.credit_transactions'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'credit_transactions_pkey PRIMARY KEY (id)',
        'credit_transactions_job_once UNIQUE (job_id, type)',
        'credit_transactions_payment_once UNIQUE (payment_id, type)',
        'credit_transactions_key_once UNIQUE (idempotency_key)',
        'credit_transactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)',
        'credit_transactions_job_is_own FOREIGN KEY (job_id, user_id) REFERENCES jobs(id, user_id)',
        'credit_transactions_payment_is_own FOREIGN KEY (payment_id, user_id) REFERENCES payments(id, user_id)'
    ],
    'credit_transactions: these keys, and what deleting a referenced row does'
);

select set_eq(
    $$
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.credit_transactions'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    array[
        'credit_transactions_sign_follows_type CHECK ( CASE type WHEN ''USAGE''::transaction_type THEN amount < 0 '
        'WHEN ''ADJUSTMENT''::transaction_type THEN amount <> 0 ELSE amount > 0 END)',
        'credit_transactions_job_when_used CHECK ((type = ANY (ARRAY[''USAGE''::transaction_type, '
        '''REFUND''::transaction_type])) = (job_id IS NOT NULL))',
        'credit_transactions_payment_when_paid CHECK ( CASE type WHEN ''PURCHASE''::transaction_type THEN '
        'payment_id IS NOT NULL WHEN ''ADJUSTMENT''::transaction_type THEN payment_id IS NULL OR amount < 0 ELSE '
        'payment_id IS NULL END)'
    ],
    'credit_transactions: these checks of several columns, and no others'
);

select indexes_are(
    'public', 'credit_transactions',
    array[
        'credit_transactions_pkey', 'credit_transactions_job_once', 'credit_transactions_payment_once',
        'credit_transactions_key_once', 'credit_transactions_user_latest_idx', 'credit_transactions_created_idx'
    ],
    'credit_transactions: indexes'
);

select is(pg_get_indexdef(to_regclass('public.' || i.name)), i.definition, i.name)
from (
    values
    (
        'credit_transactions_user_latest_idx',
        'CREATE INDEX credit_transactions_user_latest_idx ON public.credit_transactions USING btree (user_id, id '
        'DESC)'
    ),
    (
        'credit_transactions_created_idx',
        'CREATE INDEX credit_transactions_created_idx ON public.credit_transactions USING brin (created_at '
        'timestamptz_minmax_multi_ops) WITH '
        '(pages_per_range=''16'', autosummarize=''on'')'
    )
) as i (name, definition);

select finish();
rollback;
