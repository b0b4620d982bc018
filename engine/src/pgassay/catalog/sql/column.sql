-- A domain stands for its base type.
with recursive domain (type, base, typmod) as (
    select
        d.oid,
        d.typbasetype,
        d.typtypmod
    from pg_catalog.pg_type as d where d.typtype = 'd'
    union all
    select
        domain.type,
        d.typbasetype,
        case when domain.typmod > -1 then domain.typmod else d.typtypmod end
    from domain inner join pg_catalog.pg_type as d on domain.base = d.oid
    where d.typtype = 'd'
)

select
    c.oid::bigint as relation_oid,
    n.nspname as schema,
    c.relname as relation,
    a.attname as name,
    a.attnum::integer as number,
    a.attnotnull as not_null,
    a.attidentity::text as identity,
    a.attgenerated::text as generated,
    a.attcompression::text as compression,
    b.typname as base,
    b.typcategory::text as category,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid) as "default",
    a.atthasdef or a.attidentity <> '' or t.typdefault is not null as has_default,
    nullif(a.attcollation, t.typcollation)::regcollation::text as collation,
    nullif(a.attstorage, t.typstorage)::text as storage,
    nullif(a.attstattarget, -1)::text as statistics,
    coalesce(a.attoptions, '{}') as options,
    array(
        select e.enumlabel from pg_catalog.pg_enum as e where e.enumtypid = b.oid order by e.enumsortorder
    ) as labels,
    exists(
        select from pg_catalog.pg_index as i
        where i.indrelid = c.oid and i.indisprimary and a.attnum = any(i.indkey::int2[])
    ) as "primary",
    -- Of a type with a length, the length in characters or bits; of pgvector's, the number of dimensions.
    case
        when b.typname in ('varchar', 'bpchar') and m.typmod > 4 then m.typmod - 4
        when b.typname in ('bit', 'vector', 'halfvec', 'sparsevec') and m.typmod > 0 then m.typmod
    end as length,
    b.oid in (
        select o.opcintype from pg_catalog.pg_opclass as o
        inner join pg_catalog.pg_am as am on o.opcmethod = am.oid and am.amname in ('btree', 'hash')
        where o.opcdefault
    ) or b.typcategory in ('E', 'A', 'R') or b.typname = 'varchar' as comparable
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_type as t on a.atttypid = t.oid
left join pg_catalog.pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
left join domain on t.oid = domain.type
inner join pg_catalog.pg_type as b on coalesce(domain.base, t.oid) = b.oid and b.typtype <> 'd'
cross join
    lateral (
        select case when a.atttypmod > -1 then a.atttypmod else domain.typmod end as typmod
    ) as m
where
    c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and a.attnum > 0 and not a.attisdropped
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by c.oid, a.attnum
