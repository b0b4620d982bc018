-- Null means the built-in privileges; the owner's own are among them.
with things as (
    select
        case c.relkind when 'S' then 'sequence' else 'table' end as kind,
        c.oid::bigint as oid,
        n.nspname as schema,
        c.relname as object,
        '' as "column",
        c.relowner as owner,
        coalesce(c.relacl, case c.relkind
            when 'S' then pg_catalog.acldefault('s', c.relowner) else pg_catalog.acldefault('r', c.relowner)
        end) as acl
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select
        'table' as kind,
        c.oid::bigint as oid,
        n.nspname as schema,
        c.relname as object,
        t.attname as "column",
        c.relowner as owner,
        t.attacl as acl
    from pg_catalog.pg_attribute as t
    inner join pg_catalog.pg_class as c on t.attrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where t.attacl is not null and not t.attisdropped
    union all
    select
        'function' as kind,
        f.oid::bigint as oid,
        n.nspname as schema,
        f.proname as object,
        '' as "column",
        f.proowner as owner,
        coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner)) as acl
    from pg_catalog.pg_proc as f inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    union all
    select
        'large object' as kind,
        l.oid::bigint as oid,
        '' as schema,
        l.oid::text as object,
        '' as "column",
        l.lomowner as owner,
        l.lomacl as acl
    from pg_catalog.pg_largeobject_metadata as l
    where l.lomacl is not null
    union all
    select
        'schema' as kind,
        n.oid::bigint as oid,
        n.nspname as schema,
        '' as object,
        '' as "column",
        n.nspowner as owner,
        coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)) as acl
    from pg_catalog.pg_namespace as n
    union all
    select
        'type' as kind,
        t.oid::bigint as oid,
        n.nspname as schema,
        t.typname as object,
        '' as "column",
        t.typowner as owner,
        t.typacl as acl
    from pg_catalog.pg_type as t inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    where t.typacl is not null
)

select
    g.kind,
    g.oid,
    g.schema,
    g.object,
    g.column,
    a.grantee = g.owner as is_of_owner,
    coalesce(r.rolname, 'public') as role,
    lower(a.privilege_type) as privilege,
    bool_or(a.is_grantable) as grantable
from things as g
cross join lateral pg_catalog.aclexplode(g.acl) as a
left join pg_catalog.pg_roles as r on a.grantee = r.oid
where not pg_catalog.starts_with(g.schema, 'pg_') and g.schema <> 'information_schema'
group by g.kind, g.oid, g.schema, g.object, g.column, a.grantee = g.owner, r.rolname, a.privilege_type
