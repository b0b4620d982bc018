-- webhook_logs: what the providers sent.

begin;
select plan(34);

select columns_are(
    'public', 'webhook_logs',
    array[
        'id', 'provider', 'event_id', 'event_type', 'payload', 'headers', 'processed', 'processed_at',
        'error_message', 'job_id', 'payment_id', 'created_at'
    ],
    'webhook_logs: columns'
);

select col_type_is('public', 'webhook_logs', c.name, c.type, format('webhook_logs.%s is %s', c.name, c.type))
from (
    values
    ('id', 'bigint'),
    ('provider', 'text'),
    ('event_id', 'text'),
    ('event_type', 'text'),
    ('payload', 'jsonb'),
    ('headers', 'jsonb'),
    ('processed', 'boolean'),
    ('processed_at', 'timestamp with time zone'),
    ('error_message', 'text'),
    ('job_id', 'uuid'),
    ('payment_id', 'uuid'),
    ('created_at', 'timestamp with time zone')
) as c (name, type);

select set_eq(
    $$
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = 'public.webhook_logs'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    array['processed_at', 'error_message', 'job_id', 'payment_id'],
    'webhook_logs: these columns may be null, and no others'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.webhook_logs'::regclass
    $$,
    array[
        $$payload '{}'::jsonb$$,
        $$headers '{}'::jsonb$$,
        'processed false',
        'created_at now()'
    ],
    'webhook_logs: these columns have these defaults, and no others have one'
);

select results_eq(
    $$
        select a.attidentity
        from pg_attribute as a
        where a.attrelid = 'public.webhook_logs'::regclass and a.attname = 'id'
    $$,
    $$values ('a'::"char")$$,
    'webhook_logs.id is generated always'
);

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
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.webhook_logs'::regclass and k.contype = 'c'
    $$,
    array[
        'webhook_logs_provider_in_bounds',
        'webhook_logs_event_id_in_bounds',
        'webhook_logs_event_type_in_bounds',
        'webhook_logs_payload_is_bounded',
        'webhook_logs_headers_is_small_object',
        'webhook_logs_processed_has_time',
        'webhook_logs_error_message_is_short'
    ],
    'webhook_logs: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    ('webhook_logs_provider_in_bounds', 'CHECK (length(provider) >= 1 AND length(provider) <= 50)'),
    ('webhook_logs_event_id_in_bounds', 'CHECK (length(event_id) >= 1 AND length(event_id) <= 255)'),
    ('webhook_logs_event_type_in_bounds', 'CHECK (length(event_type) >= 1 AND length(event_type) <= 100)'),
    (
        'webhook_logs_payload_is_bounded',
        'CHECK ((jsonb_typeof(payload) = ANY (ARRAY[''object''::text, ''array''::text])) AND '
        'octet_length(payload::text) <= 1048576)'
    ),
    (
        'webhook_logs_headers_is_small_object',
        $$CHECK (jsonb_typeof(headers) = 'object'::text AND octet_length(headers::text) <= 65536)$$
    ),
    ('webhook_logs_processed_has_time', 'CHECK (processed = (processed_at IS NOT NULL))'),
    ('webhook_logs_error_message_is_short', 'CHECK (length(error_message) <= 4000)')
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.webhook_logs'::regclass;

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
