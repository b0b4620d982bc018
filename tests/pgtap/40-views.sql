-- Views: their columns, and that they run with the rights and the policies of whoever asks.

begin;
select plan(20);

select columns_are(
    'public', 'user_stats',
    array[
        'id', 'email', 'full_name', 'credits', 'subscription_tier', 'total_jobs', 'completed_jobs', 'failed_jobs',
        'total_credits_spent', 'last_login_at'
    ],
    'user_stats: columns'
);
select col_type_is('public', 'user_stats', c.name, c.type, format('user_stats.%s is %s', c.name, c.type))
from (
    values
    ('id', 'uuid'),
    ('email', 'text'),
    ('full_name', 'text'),
    ('credits', 'integer'),
    ('subscription_tier', 'text'),
    ('total_jobs', 'bigint'),
    ('completed_jobs', 'bigint'),
    ('failed_jobs', 'bigint'),
    ('total_credits_spent', 'bigint'),
    ('last_login_at', 'timestamp with time zone')
) as c (name, type);

select columns_are(
    'public', 'job_queue_status', array['status', 'job_count', 'average_wait_seconds'], 'job_queue_status: columns'
);
select col_type_is('public', 'job_queue_status', c.name, c.type, format('job_queue_status.%s is %s', c.name, c.type))
from (
    values
    ('status', 'job_status'),
    ('job_count', 'bigint'),
    ('average_wait_seconds', 'numeric')
) as c (name, type);

select set_eq(
    $$
        select c.relname::text, o.option
        from pg_class as c
        cross join unnest(c.reloptions) as o (option)
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
    $$,
    $$values ('user_stats', 'security_invoker=true'), ('job_queue_status', 'security_invoker=true')$$,
    'both views ask as their reader'
);

select is_empty(
    $$
        select v.table_name
        from information_schema.views as v
        where v.table_schema = 'public'
            and 'YES' in (v.is_updatable, v.is_insertable_into, v.is_trigger_updatable, v.is_trigger_insertable_into)
    $$,
    'nobody can write through a view'
);

select is_empty(
    $$
        select r.ev_class::regclass, r.rulename
        from pg_rewrite as r
        inner join pg_class as c on c.oid = r.ev_class
        where c.relnamespace = 'public'::regnamespace and r.rulename <> '_RETURN'
    $$,
    'no rule rewrites a statement'
);

select results_eq(
    'select s.status::text from public.job_queue_status as s',
    'select unnest(enum_range(null::public.job_status))::text',
    'job_queue_status: one row for each status, in order'
);

select set_eq(
    'select s.id from public.user_stats as s',
    'select u.id from public.users as u where u.deleted_at is null',
    'user_stats: one row for each live user'
);

select finish();
rollback;
