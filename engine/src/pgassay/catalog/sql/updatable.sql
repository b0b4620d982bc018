select
    c.oid::bigint as oid,
    0 as number,
    pg_catalog.pg_relation_is_updatable(c.oid, true) as events
from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
union all
select
    a.attrelid::bigint as oid,
    a.attnum as number,
    pg_catalog.pg_column_is_updatable(a.attrelid, a.attnum, true)::integer as events
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
