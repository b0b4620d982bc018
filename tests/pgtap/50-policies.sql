-- Row level security: enabled and forced; the policies, for which command, to whom and on what condition.

begin;
select plan(65);

select ok(c.relrowsecurity and c.relforcerowsecurity, t.name || ': row level security is enabled and forced')
from (
    values
    ('users'),
    ('credit_packages'),
    ('jobs'),
    ('payments'),
    ('credit_transactions'),
    ('user_preferences'),
    ('webhook_logs'),
    ('api_usage_logs')
) as t (name)
left join pg_class as c on to_regclass('public.' || t.name) = c.oid;

select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
            and not (c.relrowsecurity and c.relforcerowsecurity)
    $$,
    'no table without row level security, enabled and forced'
);

select policies_are(
    'public', 'users',
    array[
        'Closed accounts see and do nothing',
        'Users view their own row',
        'Users edit their own row'
    ],
    'users: policies'
);

select policies_are(
    'public', 'credit_packages',
    array[
        'Everybody views what is for sale'
    ],
    'credit_packages: policies'
);

select policies_are(
    'public', 'jobs',
    array[
        'Closed accounts see and do nothing',
        'Users view their own jobs',
        'Users start their own jobs',
        'Users edit or cancel their own jobs until work begins'
    ],
    'jobs: policies'
);

select policies_are(
    'public', 'payments',
    array[
        'Closed accounts see and do nothing',
        'Users view their own payments'
    ],
    'payments: policies'
);

select policies_are(
    'public', 'credit_transactions',
    array[
        'Closed accounts see and do nothing',
        'Users view their own ledger'
    ],
    'credit_transactions: policies'
);

select policies_are(
    'public', 'user_preferences',
    array[
        'Closed accounts see and do nothing',
        'Users view their own preferences',
        'Users add their own preferences',
        'Users edit their own preferences'
    ],
    'user_preferences: policies'
);

select policies_are('public', 'webhook_logs', array[]::name[], 'webhook_logs: no policy admits a client');

select policies_are('public', 'api_usage_logs', array[]::name[], 'api_usage_logs: no policy admits a client');

select
    policy_cmd_is(
        'public', p.relation, p.name, p.command, format('%s: "%s" is for %s', p.relation, p.name, p.command)
    )
from (
    values
    ('users', 'Closed accounts see and do nothing', 'all'),
    ('jobs', 'Closed accounts see and do nothing', 'all'),
    ('payments', 'Closed accounts see and do nothing', 'all'),
    ('credit_transactions', 'Closed accounts see and do nothing', 'all'),
    ('user_preferences', 'Closed accounts see and do nothing', 'all'),
    ('users', 'Users view their own row', 'select'),
    ('users', 'Users edit their own row', 'update'),
    ('jobs', 'Users view their own jobs', 'select'),
    ('jobs', 'Users start their own jobs', 'insert'),
    ('jobs', 'Users edit or cancel their own jobs until work begins', 'update'),
    ('payments', 'Users view their own payments', 'select'),
    ('credit_transactions', 'Users view their own ledger', 'select'),
    ('user_preferences', 'Users view their own preferences', 'select'),
    ('user_preferences', 'Users add their own preferences', 'insert'),
    ('user_preferences', 'Users edit their own preferences', 'update'),
    ('credit_packages', 'Everybody views what is for sale', 'select')
) as p (relation, name, command);

select policy_roles_are('public', p.relation, p.name, p.roles, format('%s: "%s" is to %s', p.relation, p.name, p.roles))
from (
    values
    ('users', 'Closed accounts see and do nothing', array['authenticated']),
    ('jobs', 'Closed accounts see and do nothing', array['authenticated']),
    ('payments', 'Closed accounts see and do nothing', array['authenticated']),
    ('credit_transactions', 'Closed accounts see and do nothing', array['authenticated']),
    ('user_preferences', 'Closed accounts see and do nothing', array['authenticated']),
    ('users', 'Users view their own row', array['authenticated']),
    ('users', 'Users edit their own row', array['authenticated']),
    ('jobs', 'Users view their own jobs', array['authenticated']),
    ('jobs', 'Users start their own jobs', array['authenticated']),
    ('jobs', 'Users edit or cancel their own jobs until work begins', array['authenticated']),
    ('payments', 'Users view their own payments', array['authenticated']),
    ('credit_transactions', 'Users view their own ledger', array['authenticated']),
    ('user_preferences', 'Users view their own preferences', array['authenticated']),
    ('user_preferences', 'Users add their own preferences', array['authenticated']),
    ('user_preferences', 'Users edit their own preferences', array['authenticated']),
    ('credit_packages', 'Everybody views what is for sale', array['anon', 'authenticated'])
) as p (relation, name, roles);

select is(p.definition, d.definition, format('%s: "%s" admits what it should', d.relation, d.name))
from (
    values
    (
        'users',
        'Closed accounts see and do nothing',
        'restrictive using (deleted_at IS NULL) with check (deleted_at IS NULL)'
    ),
    (
        'jobs',
        'Closed accounts see and do nothing',
        'restrictive using ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS uid)) AND '
        'u.deleted_at IS NULL))) with check ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS '
        'uid)) AND u.deleted_at IS NULL)))'
    ),
    (
        'payments',
        'Closed accounts see and do nothing',
        'restrictive using ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS uid)) AND '
        'u.deleted_at IS NULL))) with check ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS '
        'uid)) AND u.deleted_at IS NULL)))'
    ),
    (
        'credit_transactions',
        'Closed accounts see and do nothing',
        'restrictive using ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS uid)) AND '
        'u.deleted_at IS NULL))) with check ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS '
        'uid)) AND u.deleted_at IS NULL)))'
    ),
    (
        'user_preferences',
        'Closed accounts see and do nothing',
        'restrictive using ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS uid)) AND '
        'u.deleted_at IS NULL))) with check ((EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS '
        'uid)) AND u.deleted_at IS NULL)))'
    ),
    ('users', 'Users view their own row', 'permissive using (id = (( SELECT auth.uid() AS uid)))'),
    (
        'users',
        'Users edit their own row',
        'permissive using (id = (( SELECT auth.uid() AS uid))) with check (id = (( SELECT auth.uid() AS uid)))'
    ),
    ('jobs', 'Users view their own jobs', 'permissive using (user_id = (( SELECT auth.uid() AS uid)))'),
    (
        'jobs',
        'Users start their own jobs',
        'permissive with check (user_id = (( SELECT auth.uid() AS uid)) AND (status = ANY '
        '(ARRAY[''PENDING''::job_status, ''UPLOADING''::job_status, ''QUEUED''::job_status])))'
    ),
    (
        'jobs',
        'Users edit or cancel their own jobs until work begins',
        'permissive using (user_id = (( SELECT auth.uid() AS uid)) AND (status = ANY '
        '(ARRAY[''PENDING''::job_status, ''UPLOADING''::job_status, ''QUEUED''::job_status]))) with check '
        '(user_id = (( SELECT auth.uid() AS uid)) AND (status = ANY (ARRAY[''PENDING''::job_status, '
        '''UPLOADING''::job_status, ''QUEUED''::job_status, ''CANCELLED''::job_status])))'
    ),
    ('payments', 'Users view their own payments', 'permissive using (user_id = (( SELECT auth.uid() AS uid)))'),
    (
        'credit_transactions',
        'Users view their own ledger',
        'permissive using (user_id = (( SELECT auth.uid() AS uid)))'
    ),
    (
        'user_preferences',
        'Users view their own preferences',
        'permissive using (user_id = (( SELECT auth.uid() AS uid)))'
    ),
    (
        'user_preferences',
        'Users add their own preferences',
        'permissive with check (user_id = (( SELECT auth.uid() AS uid)))'
    ),
    (
        'user_preferences',
        'Users edit their own preferences',
        'permissive using (user_id = (( SELECT auth.uid() AS uid))) with check (user_id = (( SELECT auth.uid() '
        'AS uid)))'
    ),
    ('credit_packages', 'Everybody views what is for sale', 'permissive using (is_active)')
) as d (relation, name, definition)
left join (
    select
        pol.polrelid,
        pol.polname,
        case when pol.polpermissive then 'permissive' else 'restrictive' end
        || coalesce(
            ' using (' || regexp_replace(pg_get_expr(pol.polqual, pol.polrelid, true), '\s+', ' ', 'g') || ')', ''
        )
        || coalesce(
            ' with check ('
            || regexp_replace(pg_get_expr(pol.polwithcheck, pol.polrelid, true), '\s+', ' ', 'g')
            || ')',
            ''
        ) as definition
    from pg_policy as pol
) as p on to_regclass('public.' || d.relation) = p.polrelid and d.name = p.polname;

select finish();
rollback;
