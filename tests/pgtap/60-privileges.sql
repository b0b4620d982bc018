-- Privileges that fixtures/access.matrix does not state: on schemas and in private, those that no statement of an API
-- role tries, GRANT OPTION, and what comes later. `public` is the pseudo-role PUBLIC.

begin;
select plan(15);

select schema_privs_are('public', r.name, array['USAGE'], r.name || ' uses public and creates nothing there')
from unnest(array['anon', 'authenticated', 'service_role', 'public']) as r (name);
select schema_privs_are('private', r.name, array[]::name[], r.name || ' has no way into private')
from unnest(array['anon', 'authenticated', 'service_role', 'public']) as r (name);

-- Whatever somebody other than the owner holds. A null ACL stands for PostgreSQL's own default.
create temporary view granted as
select
    o.kind,
    o.schema,
    o.name,
    g.privilege_type as privilege,
    g.is_grantable,
    case g.grantee when 0 then 'PUBLIC' else g.grantee::regrole::text end as grantee
from (
    select
        'relation' as kind,
        c.relnamespace::regnamespace::text as schema,
        c.relname::text as name,
        c.relowner as owner,
        c.relacl as acl
    from pg_class as c
    union all
    select
        'column' as kind,
        c.relnamespace::regnamespace::text as schema,
        format('%s.%s', c.relname, a.attname) as name,
        c.relowner as owner,
        a.attacl as acl
    from pg_attribute as a
    inner join pg_class as c on a.attrelid = c.oid
    union all
    select
        'function' as kind,
        p.pronamespace::regnamespace::text as schema,
        p.proname::text as name,
        p.proowner as owner,
        coalesce(p.proacl, acldefault('f', p.proowner)) as acl
    from pg_proc as p
    union all
    select
        'type' as kind,
        t.typnamespace::regnamespace::text as schema,
        t.typname::text as name,
        t.typowner as owner,
        coalesce(t.typacl, acldefault('T', t.typowner)) as acl
    from pg_type as t
    where t.typtype in ('e', 'd', 'r')
) as o
cross join aclexplode(o.acl) as g
where o.schema in ('public', 'private') and g.grantee <> o.owner;

select is_empty(
    'select * from granted as g where g.is_grantable',
    'nobody may pass on what it holds'
);
select is_empty(
    $$
        select * from granted as g
        where g.kind <> 'type' and g.grantee not in ('anon', 'authenticated', 'service_role')
    $$,
    'only the three API roles hold anything, and everybody nothing'
);
select is_empty(
    $$
        select * from granted as g
        where g.kind in ('relation', 'column') and g.privilege not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    $$,
    'nobody but the owner holds TRUNCATE, REFERENCES, TRIGGER or MAINTAIN'
);
select is_empty(
    $$select * from granted as g where g.schema = 'private' and g.kind <> 'type'$$,
    'nobody but the owner holds anything in private: tables, columns, sequences, functions'
);
select is_empty(
    $$select * from granted as g where g.kind = 'type' and (g.grantee, g.privilege) <> ('PUBLIC', 'USAGE')$$,
    'everybody may name the types, as PostgreSQL has it, and nobody holds more'
);
select isnt_empty('select * from granted', 'the checks above look at something');

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
