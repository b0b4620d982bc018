-- api_usage_logs: what calls to AI providers cost.

begin;
select plan(31);

select columns_are(
    'public', 'api_usage_logs',
    array[
        'id', 'job_id', 'user_id', 'api_provider', 'api_endpoint', 'tokens_used', 'processing_time_seconds',
        'cost_usd', 'request_metadata', 'response_metadata', 'created_at'
    ],
    'api_usage_logs: columns'
);

select col_type_is('public', 'api_usage_logs', c.name, c.type, format('api_usage_logs.%s is %s', c.name, c.type))
from (
    values
    ('id', 'bigint'),
    ('job_id', 'uuid'),
    ('user_id', 'uuid'),
    ('api_provider', 'text'),
    ('api_endpoint', 'text'),
    ('tokens_used', 'integer'),
    ('processing_time_seconds', 'numeric(12,3)'),
    ('cost_usd', 'numeric(12,6)'),
    ('request_metadata', 'jsonb'),
    ('response_metadata', 'jsonb'),
    ('created_at', 'timestamp with time zone')
) as c (name, type);

select set_eq(
    $$
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = 'public.api_usage_logs'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    array['job_id', 'user_id', 'api_endpoint'],
    'api_usage_logs: these columns may be null, and no others'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.api_usage_logs'::regclass
    $$,
    array[
        'tokens_used 0',
        'processing_time_seconds 0',
        'cost_usd 0',
        $$request_metadata '{}'::jsonb$$,
        $$response_metadata '{}'::jsonb$$,
        'created_at now()'
    ],
    'api_usage_logs: these columns have these defaults, and no others have one'
);

select results_eq(
    $$
        select a.attidentity
        from pg_attribute as a
        where a.attrelid = 'public.api_usage_logs'::regclass and a.attname = 'id'
    $$,
    $$values ('a'::"char")$$,
    'api_usage_logs.id is generated always'
);

select col_is_pk('public', 'api_usage_logs', 'id', 'api_usage_logs: primary key');
select fk_ok('public', 'api_usage_logs', 'job_id', 'public', 'jobs', 'id', 'api_usage_logs_job_id_fkey');
select fk_ok('public', 'api_usage_logs', 'user_id', 'public', 'users', 'id', 'api_usage_logs_user_id_fkey');

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.api_usage_logs'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'api_usage_logs_pkey PRIMARY KEY (id)',
        'api_usage_logs_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) ON DELETE SET NULL',
        'api_usage_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL'
    ],
    'api_usage_logs: these keys, and what deleting a referenced row does'
);

select set_eq(
    $$
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.api_usage_logs'::regclass and k.contype = 'c'
    $$,
    array[
        'api_usage_logs_provider_in_bounds',
        'api_usage_logs_endpoint_is_short',
        'api_usage_logs_tokens_not_negative',
        'api_usage_logs_time_in_range',
        'api_usage_logs_cost_in_range',
        'api_usage_logs_request_is_small_object',
        'api_usage_logs_response_is_small_object'
    ],
    'api_usage_logs: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    ('api_usage_logs_provider_in_bounds', 'CHECK (length(api_provider) >= 1 AND length(api_provider) <= 50)'),
    ('api_usage_logs_endpoint_is_short', 'CHECK (length(api_endpoint) <= 500)'),
    ('api_usage_logs_tokens_not_negative', 'CHECK (tokens_used >= 0)'),
    (
        'api_usage_logs_time_in_range',
        'CHECK (processing_time_seconds >= 0::numeric AND processing_time_seconds <= 100000000::numeric)'
    ),
    ('api_usage_logs_cost_in_range', 'CHECK (cost_usd >= 0::numeric AND cost_usd <= 100000::numeric)'),
    (
        'api_usage_logs_request_is_small_object',
        'CHECK (jsonb_typeof(request_metadata) = ''object''::text AND octet_length(request_metadata::text) <= '
        '65536)'
    ),
    (
        'api_usage_logs_response_is_small_object',
        'CHECK (jsonb_typeof(response_metadata) = ''object''::text AND octet_length(response_metadata::text) <= '
        '65536)'
    )
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.api_usage_logs'::regclass;

select indexes_are(
    'public', 'api_usage_logs',
    array['api_usage_logs_pkey', 'api_usage_logs_cost_idx', 'api_usage_logs_job_idx', 'api_usage_logs_user_idx'],
    'api_usage_logs: indexes'
);

select is(pg_get_indexdef(to_regclass('public.' || i.name)), i.definition, i.name)
from (
    values
    (
        'api_usage_logs_cost_idx',
        'CREATE INDEX api_usage_logs_cost_idx ON public.api_usage_logs USING btree (created_at, api_provider) '
        'INCLUDE (cost_usd)'
    ),
    ('api_usage_logs_job_idx', 'CREATE INDEX api_usage_logs_job_idx ON public.api_usage_logs USING btree (job_id)'),
    ('api_usage_logs_user_idx', 'CREATE INDEX api_usage_logs_user_idx ON public.api_usage_logs USING btree (user_id)')
) as i (name, definition);

select finish();
rollback;
