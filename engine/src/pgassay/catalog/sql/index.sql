-- By name: a dump restores indexes in another order than they were made in.
select
    x.oid::bigint as oid,
    c.oid::bigint as relation_oid,
    n.nspname as schema,
    c.relname as relation,
    x.relname as name,
    m.amname as method,
    i.indisunique as "unique",
    i.indisprimary as "primary",
    i.indisvalid as valid,
    i.indisclustered as clustered,
    i.indisreplident as replica_identity,
    coalesce((select h.inhparent from pg_catalog.pg_inherits as h where h.inhrelid = x.oid), 0)::bigint as parent,
    pg_catalog.pg_get_indexdef(x.oid) as definition,
    array(
        select
            pg_catalog.concat_ws(
                ' ', pg_catalog.pg_get_indexdef(x.oid, k::integer, true),
                i.indoption[k - 1], i.indcollation[k - 1], i.indclass[k - 1]
            )
        from generate_series(1, i.indnkeyatts) as k order by k
    ) as keys,
    (i.indkey::int2[])[0:i.indnkeyatts - 1]::integer[] as numbers,
    array(
        select a.attname from unnest(i.indkey[:i.indnkeyatts - 1]) with ordinality as k (number, ordinal)
        inner join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and k.number = a.attnum
        order by k.ordinal
    ) as columns,
    i.indnatts - i.indnkeyatts as included,
    coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') as predicate,
    i.indpred is null and i.indexprs is null as whole,
    coalesce((
        select k.conname from pg_catalog.pg_constraint as k
        where k.conindid = x.oid and k.contype in ('p', 'u', 'x')
    ), '') as "constraint",
    exists(
        select from pg_catalog.pg_constraint as k where k.conindid = x.oid and k.contype = 'f'
    ) as target
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as c on i.indrelid = c.oid
inner join pg_catalog.pg_class as x on i.indexrelid = x.oid
inner join pg_catalog.pg_am as m on x.relam = m.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by c.oid asc, i.indisprimary desc, x.relname asc
