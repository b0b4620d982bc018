select
    t.oid::bigint as oid,
    n.nspname as schema,
    t.typname as name,
    t.typtype::text as kind,
    t.typdefault as "default",
    pg_catalog.pg_get_userbyid(t.typowner) as owner,
    array(
        select e.enumlabel from pg_catalog.pg_enum as e where e.enumtypid = t.oid order by e.enumsortorder
    ) as labels,
    case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end as base,
    case when t.typtype = 'd' then t.typnotnull end as not_null
from pg_catalog.pg_type as t
inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
left join pg_catalog.pg_class as c on t.typrelid = c.oid
where
    t.typtype in ('e', 'd', 'r', 'c') and coalesce(c.relkind, 'c') = 'c'
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
