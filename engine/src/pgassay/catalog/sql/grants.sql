-- Null means the built-in privileges; the owner's own are among them.
select
    g.kind, g.oid, g.schema, g.object, g.column, a.grantee = g.owner as is_of_owner,
    coalesce(r.rolname, 'public') as role, lower(a.privilege_type) as privilege,
    bool_or(a.is_grantable) as grantable
from (
    select
        case c.relkind when 'S' then 'sequence' else 'table' end as kind, c.oid::bigint as oid, n.nspname as schema,
        c.relname as object, '' as "column", c.relowner as owner,
        coalesce(
            c.relacl, pg_catalog.acldefault(case c.relkind when 'S' then 's'::"char" else 'r'::"char" end, c.relowner)
        ) as acl
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'table', c.oid::bigint, n.nspname, c.relname, t.attname, c.relowner, t.attacl
    from pg_catalog.pg_attribute as t
    inner join pg_catalog.pg_class as c on t.attrelid = c.oid
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where t.attacl is not null and not t.attisdropped
    union all
    select
        'function', f.oid::bigint, n.nspname, f.proname, '', f.proowner,
        coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))
    from pg_catalog.pg_proc as f inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    union all
    select
        'schema', n.oid::bigint, n.nspname, '', '', n.nspowner,
        coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))
    from pg_catalog.pg_namespace as n
    union all
    select 'type', t.oid::bigint, n.nspname, t.typname, '', t.typowner, t.typacl
    from pg_catalog.pg_type as t inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    where t.typacl is not null
) as g (kind, oid, schema, object, "column", owner, acl)
cross join lateral pg_catalog.aclexplode(g.acl) as a (grantor, grantee, privilege_type, is_grantable)
left join pg_catalog.pg_roles as r on a.grantee = r.oid
where not pg_catalog.starts_with(g.schema, 'pg_') and g.schema <> 'information_schema'
group by g.kind, g.oid, g.schema, g.object, g.column, a.grantee = g.owner, r.rolname, a.privilege_type
