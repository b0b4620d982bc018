-- Privileges on schemas, tables, views, sequences and functions: exactly these. `public` is the pseudo-role PUBLIC.

begin;
select plan(76);

select schema_privs_are('public', r.name, array['USAGE'], r.name || ' uses public and creates nothing there')
from unnest(array['anon', 'authenticated', 'service_role', 'public']) as r (name);
select schema_privs_are('private', r.name, array[]::name[], r.name || ' has no way into private')
from unnest(array['anon', 'authenticated', 'service_role', 'public']) as r (name);

select table_privs_are('public', p.relation, 'anon', p.privileges, 'anon on ' || p.relation)
from (
    values
    ('users', array[]::text[]),
    ('credit_packages', array['SELECT']),
    ('jobs', array[]::text[]),
    ('payments', array[]::text[]),
    ('credit_transactions', array[]::text[]),
    ('user_preferences', array[]::text[]),
    ('webhook_logs', array[]::text[]),
    ('api_usage_logs', array[]::text[]),
    ('user_stats', array[]::text[]),
    ('job_queue_status', array[]::text[])
) as p (relation, privileges);

-- What is granted on single columns is in 61-column-privileges.sql.
select table_privs_are('public', p.relation, 'authenticated', p.privileges, 'authenticated on ' || p.relation)
from (
    values
    ('users', array['SELECT']),
    ('credit_packages', array['SELECT']),
    ('jobs', array['SELECT']),
    ('payments', array['SELECT']),
    ('credit_transactions', array['SELECT']),
    ('user_preferences', array['SELECT']),
    ('webhook_logs', array[]::text[]),
    ('api_usage_logs', array[]::text[]),
    ('user_stats', array['SELECT']),
    ('job_queue_status', array[]::text[])
) as p (relation, privileges);

select table_privs_are('public', p.relation, 'service_role', p.privileges, 'service_role on ' || p.relation)
from (
    values
    ('users', array['SELECT']),
    ('credit_packages', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']),
    ('jobs', array['SELECT', 'INSERT', 'UPDATE']),
    ('payments', array['SELECT', 'INSERT', 'UPDATE']),
    ('credit_transactions', array['SELECT']),
    ('user_preferences', array['SELECT', 'INSERT', 'UPDATE']),
    ('webhook_logs', array['SELECT', 'INSERT', 'UPDATE']),
    ('api_usage_logs', array['SELECT', 'INSERT', 'UPDATE']),
    ('user_stats', array['SELECT']),
    ('job_queue_status', array['SELECT'])
) as p (relation, privileges);

select table_privs_are('public', c.relname, 'public', array[]::name[], 'nothing for everybody on ' || c.relname)
from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
order by c.relname;

-- pgTAP 1.2 does not know MAINTAIN, which PostgreSQL 17 brought; the ACL itself tells.
select is_empty(
    $$
        select c.relname, g.grantee::regrole, g.privilege_type
        from pg_class as c
        cross join aclexplode(c.relacl) as g
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and g.grantee <> c.relowner
            and g.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    $$,
    'nobody but the owner holds TRUNCATE, REFERENCES, TRIGGER or MAINTAIN'
);

select is_empty(
    $$
        select c.relname, g.grantee::regrole, g.privilege_type
        from pg_class as c
        cross join aclexplode(c.relacl) as g
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and g.grantee <> c.relowner
            and (g.is_grantable or g.grantee not in (
                select r.oid from pg_roles as r where r.rolname in ('anon', 'authenticated', 'service_role')
            ))
    $$,
    'only the three API roles hold anything, and none may pass it on'
);

select sequence_privs_are('public', s.name, r.name, array[]::name[], format('%s on %s', r.name, s.name))
from unnest(array['credit_transactions_id_seq', 'webhook_logs_id_seq', 'api_usage_logs_id_seq']) as s (name)
cross join unnest(array['anon', 'authenticated', 'service_role', 'public']) as r (name);

select function_privs_are('public', f.name, f.arguments, r.name, array[]::name[], r.name || ' may not call ' || f.name)
from (
    values
    ('grant_credits', array['uuid', 'integer', 'transaction_type', 'text', 'text']),
    ('claim_next_jobs', array['text', 'integer', 'interval']),
    ('reclaim_expired_jobs', array[]::text[])
) as f (name, arguments)
cross join unnest(array['anon', 'authenticated', 'public']) as r (name);

select function_privs_are(
    'public', 'grant_credits', array['uuid', 'integer', 'transaction_type', 'text', 'text'],
    'service_role', array['EXECUTE'], 'service_role calls grant_credits'
);
select function_privs_are(
    'public', 'claim_next_jobs', array['text', 'integer', 'interval'],
    'service_role', array['EXECUTE'], 'service_role calls claim_next_jobs'
);
select function_privs_are(
    'public', 'reclaim_expired_jobs', array[]::name[],
    'service_role', array['EXECUTE'], 'service_role calls reclaim_expired_jobs'
);

select is_empty(
    $$
        select p.oid::regprocedure, g.grantee::regrole
        from pg_proc as p
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as g
        where p.pronamespace = 'private'::regnamespace and g.grantee <> p.proowner
    $$,
    'nobody but the owner may execute anything in private'
);

-- What a later migration of the owner creates is closed until it grants something. Run this as the owner of the schema.
create table public.later (id integer primary key);
create sequence public.later_seq;
create function public.later() returns integer
language sql
as 'select 1';
select is_empty(
    $$
        select later.name, g.grantee::regrole, g.privilege_type
        from (
            select c.relname, coalesce(c.relacl, acldefault('r', c.relowner)), c.relowner
            from pg_class as c
            where c.oid = 'public.later'::regclass
            union all
            select c.relname, coalesce(c.relacl, acldefault('s', c.relowner)), c.relowner
            from pg_class as c
            where c.oid = 'public.later_seq'::regclass
            union all
            select p.proname, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
            from pg_proc as p
            where p.oid = 'public.later'::regproc
        ) as later (name, acl, owner)
        cross join aclexplode(later.acl) as g
        where g.grantee <> later.owner
    $$,
    'a new table, sequence or function is open to nobody'
);

select finish();
rollback;
