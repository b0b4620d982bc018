-- Of tables and domains. NOT NULL is a property of the column; only PostgreSQL 18 has it here too.
select
    k.oid::bigint as oid,
    n.nspname as schema,
    k.conname as name,
    k.contype::text as type,
    k.confrelid::bigint as target_oid,
    tn.nspname as target_schema,
    t.relname as target_relation,
    k.condeferrable as "deferrable",
    k.conparentid::bigint as parent,
    coalesce(c.oid, 0)::bigint as relation_oid,
    coalesce(c.relname, d.typname) as relation,
    pg_catalog.pg_get_constraintdef(k.oid) as definition,
    d.oid is not null as is_of_domain,
    k.coninhcount > 0 as is_inherited,
    array(
        select a.attname from unnest(k.conkey) with ordinality as u (number, ordinal)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and u.number = a.attnum
        order by u.ordinal
    ) as columns,
    array(
        select a.attname from unnest(k.confkey) with ordinality as u (number, ordinal)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and u.number = a.attnum
        order by u.ordinal
    ) as target_columns,
    coalesce(k.conkey, '{}')::integer[] as numbers,
    k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd') as acts
from pg_catalog.pg_constraint as k
left join pg_catalog.pg_class as c on k.conrelid = c.oid
left join pg_catalog.pg_type as d on k.contypid = d.oid
inner join pg_catalog.pg_namespace as n on coalesce(c.relnamespace, d.typnamespace) = n.oid
left join pg_catalog.pg_class as t on k.confrelid = t.oid
left join pg_catalog.pg_namespace as tn on t.relnamespace = tn.oid
where
    k.contype in ('c', 'f', 'p', 'u', 'x', 't')
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by k.conrelid, k.conname, k.oid
