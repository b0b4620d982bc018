-- credit_transactions: the ledger.

begin;
select plan(34);

select columns_are(
    'public', 'credit_transactions',
    array[
        'id', 'user_id', 'type', 'amount', 'balance_after', 'job_id', 'payment_id', 'idempotency_key', 'description',
        'metadata', 'created_at'
    ],
    'credit_transactions: columns'
);

select
    col_type_is(
        'public', 'credit_transactions', c.name, c.type, format('credit_transactions.%s is %s', c.name, c.type)
    )
from (
    values
    ('id', 'bigint'),
    ('user_id', 'uuid'),
    ('type', 'transaction_type'),
    ('amount', 'integer'),
    ('balance_after', 'integer'),
    ('job_id', 'uuid'),
    ('payment_id', 'uuid'),
    ('idempotency_key', 'text'),
    ('description', 'text'),
    ('metadata', 'jsonb'),
    ('created_at', 'timestamp with time zone')
) as c (name, type);

select set_eq(
    $$
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = 'public.credit_transactions'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    array['job_id', 'payment_id', 'idempotency_key', 'description'],
    'credit_transactions: these columns may be null, and no others'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.credit_transactions'::regclass
    $$,
    array[
        $$metadata '{}'::jsonb$$,
        'created_at clock_timestamp()'
    ],
    'credit_transactions: these columns have these defaults, and no others have one'
);

select results_eq(
    $$
        select a.attidentity
        from pg_attribute as a
        where a.attrelid = 'public.credit_transactions'::regclass and a.attname = 'id'
    $$,
    $$values ('a'::"char")$$,
    'credit_transactions.id is generated always'
);

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
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.credit_transactions'::regclass and k.contype = 'c'
    $$,
    array[
        'credit_transactions_sign_follows_type',
        'credit_transactions_balance_not_negative',
        'credit_transactions_job_when_used',
        'credit_transactions_payment_when_paid',
        'credit_transactions_key_is_short',
        'credit_transactions_description_is_short',
        'credit_transactions_metadata_is_small_object'
    ],
    'credit_transactions: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    (
        'credit_transactions_sign_follows_type',
        'CHECK ( CASE type WHEN ''USAGE''::transaction_type THEN amount < 0 WHEN '
        '''ADJUSTMENT''::transaction_type THEN amount <> 0 ELSE amount > 0 END)'
    ),
    ('credit_transactions_balance_not_negative', 'CHECK (balance_after >= 0)'),
    (
        'credit_transactions_job_when_used',
        'CHECK ((type = ANY (ARRAY[''USAGE''::transaction_type, ''REFUND''::transaction_type])) = (job_id IS NOT '
        'NULL))'
    ),
    (
        'credit_transactions_payment_when_paid',
        'CHECK ( CASE type WHEN ''PURCHASE''::transaction_type THEN payment_id IS NOT NULL WHEN '
        '''ADJUSTMENT''::transaction_type THEN payment_id IS NULL OR amount < 0 ELSE payment_id IS NULL END)'
    ),
    ('credit_transactions_key_is_short', 'CHECK (length(idempotency_key) >= 1 AND length(idempotency_key) <= 200)'),
    ('credit_transactions_description_is_short', 'CHECK (length(description) <= 500)'),
    (
        'credit_transactions_metadata_is_small_object',
        $$CHECK (jsonb_typeof(metadata) = 'object'::text AND octet_length(metadata::text) <= 16384)$$
    )
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.credit_transactions'::regclass;

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
