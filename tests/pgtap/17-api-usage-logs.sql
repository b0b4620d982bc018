-- api_usage_logs: what calls to AI providers cost.

begin;
select plan(9);

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

select is_empty(
    $$
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.api_usage_logs'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    'api_usage_logs: no check of several columns'
);

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
