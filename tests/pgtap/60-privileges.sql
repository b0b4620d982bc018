-- Privileges that fixtures/access.matrix does not state: on schemas and in private, those that no statement of an API
-- role tries, GRANT OPTION, and what comes later. `public` is the pseudo-role PUBLIC.

begin;
select plan(16);

select schema_privs_are('public', r.name, array['USAGE'], r.name || ' uses public and creates nothing there')
from unnest(array['anon', 'authenticated', 'service_role', 'public']) as r (name);
select schema_privs_are('private', r.name, array[]::name[], r.name || ' has no way into private')
from unnest(array['anon', 'authenticated', 'service_role', 'public']) as r (name);

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
    'on tables, views and sequences only the three API roles hold anything, and none may pass it on'
);

select is_empty(
    $$
        select a.attrelid::regclass, a.attname, g.grantee::regrole, g.privilege_type
        from pg_attribute as a
        inner join pg_class as c on a.attrelid = c.oid
        cross join aclexplode(a.attacl) as g
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
            and (g.is_grantable or g.privilege_type not in ('SELECT', 'INSERT', 'UPDATE') or g.grantee not in (
                select r.oid from pg_roles as r where r.rolname in ('anon', 'authenticated', 'service_role')
            ))
    $$,
    'on columns only the three API roles hold anything, none REFERENCES, and none may pass it on'
);

select is_empty(
    $$
        select c.relname, g.grantee::regrole, g.privilege_type
        from pg_class as c
        cross join lateral (
            select * from aclexplode(c.relacl)
            union all
            select g.*
            from pg_attribute as a
            cross join aclexplode(a.attacl) as g
            where a.attrelid = c.oid
        ) as g
        where c.relnamespace = 'private'::regnamespace and g.grantee <> c.relowner
    $$,
    'nobody but the owner holds anything on the tables and sequences of private'
);

select is_empty(
    $$
        select t.typname, g.grantee::regrole, g.privilege_type
        from pg_type as t
        cross join aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as g
        where t.typnamespace in ('public'::regnamespace, 'private'::regnamespace) and t.typtype in ('e', 'd', 'r')
            and g.grantee not in (0, t.typowner)
    $$,
    'types are for everybody to name, as PostgreSQL has them, and granted to nobody by name'
);

select is_empty(
    $$
        select p.oid::regprocedure, g.grantee::regrole
        from pg_proc as p
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as g
        where p.pronamespace = 'public'::regnamespace and g.grantee <> p.proowner
            and (g.is_grantable or g.grantee not in (
                select r.oid from pg_roles as r where r.rolname in ('anon', 'authenticated', 'service_role')
            ))
    $$,
    'only the three API roles may call a function, and none may pass it on'
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
