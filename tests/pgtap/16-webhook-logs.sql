-- webhook_logs: what the providers sent.

begin;
select plan(11);

select col_is_pk('public', 'webhook_logs', 'id', 'webhook_logs: primary key');
select col_is_unique('public', 'webhook_logs', array['provider', 'event_id'], 'webhook_logs_event_is_unique');
select fk_ok('public', 'webhook_logs', 'job_id', 'public', 'jobs', 'id', 'webhook_logs_job_id_fkey');
select fk_ok('public', 'webhook_logs', 'payment_id', 'public', 'payments', 'id', 'webhook_logs_payment_id_fkey');

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.webhook_logs'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'webhook_logs_pkey PRIMARY KEY (id)',
        'webhook_logs_event_is_unique UNIQUE (provider, event_id)',
        'webhook_logs_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) ON DELETE SET NULL',
        'webhook_logs_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments(id) ON DELETE SET NULL'
    ],
    'webhook_logs: these keys, and what deleting a referenced row does'
);

select set_eq(
    $$
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.webhook_logs'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    array[
        'webhook_logs_processed_has_time CHECK (processed = (processed_at IS NOT NULL))'
    ],
    'webhook_logs: these checks of several columns, and no others'
);

select indexes_are(
    'public', 'webhook_logs',
    array[
        'webhook_logs_pkey', 'webhook_logs_event_is_unique', 'webhook_logs_created_idx',
        'webhook_logs_unprocessed_idx', 'webhook_logs_job_idx', 'webhook_logs_payment_idx'
    ],
    'webhook_logs: indexes'
);

select is(pg_get_indexdef(to_regclass('public.' || i.name)), i.definition, i.name)
from (
    values
    (
        'webhook_logs_created_idx',
        'CREATE INDEX webhook_logs_created_idx ON public.webhook_logs USING btree (created_at) WHERE processed'
    ),
    (
        'webhook_logs_unprocessed_idx',
        'CREATE INDEX webhook_logs_unprocessed_idx ON public.webhook_logs USING btree (created_at) WHERE (NOT '
        'processed)'
    ),
    ('webhook_logs_job_idx', 'CREATE INDEX webhook_logs_job_idx ON public.webhook_logs USING btree (job_id)'),
    (
        'webhook_logs_payment_idx',
        'CREATE INDEX webhook_logs_payment_idx ON public.webhook_logs USING btree (payment_id)'
    )
) as i (name, definition);

select finish();
rollback;
