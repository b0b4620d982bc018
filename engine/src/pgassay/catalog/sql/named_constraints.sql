-- A constraint or unique index by name; for a partition or child, the ancestor's that it was inherited from.
with recursive hit as (
    select
        k.oid,
        k.conrelid,
        k.contypid,
        k.conname,
        k.conparentid,
        k.coninhcount
    from pg_catalog.pg_constraint as k
    left join pg_catalog.pg_class as c on k.conrelid = c.oid
    where k.conname = $1 and coalesce(c.relname, '') = $2
    union
    select
        p.oid,
        p.conrelid,
        p.contypid,
        p.conname,
        p.conparentid,
        p.coninhcount
    from hit
    inner join pg_catalog.pg_inherits as i on hit.conrelid = i.inhrelid
    inner join pg_catalog.pg_constraint as p
        on
            i.inhparent = p.conrelid
            and (hit.conparentid = p.oid or (hit.conparentid = 0 and hit.conname = p.conname))
    where hit.coninhcount > 0
),

indexes as (
    select i.indexrelid from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as x on i.indexrelid = x.oid
    inner join pg_catalog.pg_class as c on i.indrelid = c.oid
    where i.indisunique and x.relname = $1 and c.relname = $2
    union
    select i.inhparent
    from indexes inner join pg_catalog.pg_inherits as i on indexes.indexrelid = i.inhrelid
)

select
    case when hit.contypid <> 0 then 'domain' else 'table' end as kind,
    format('%I.%I', n.nspname, coalesce(c.relname, t.typname)) as of,
    hit.conname as name
from hit
left join pg_catalog.pg_class as c on hit.conrelid = c.oid
left join pg_catalog.pg_type as t on hit.contypid = t.oid
inner join pg_catalog.pg_namespace as n on coalesce(c.relnamespace, t.typnamespace) = n.oid
where hit.coninhcount = 0
union all
select
    'index' as kind,
    format('%I.%I', n.nspname, x.relname) as of,
    x.relname as name
from indexes
inner join pg_catalog.pg_class as x on indexes.indexrelid = x.oid
inner join pg_catalog.pg_namespace as n on x.relnamespace = n.oid
where
    not x.relispartition and not exists (
        select from pg_catalog.pg_constraint as k where k.conindid = x.oid and k.contype in ('p', 'u', 'x')
    )
order by 1, 2, 3
