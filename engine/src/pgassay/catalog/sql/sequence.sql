select
    n.nspname as schema,
    c.relname as relation,
    s.seqstart as start,
    s.seqincrement as increment,
    s.seqmin as minimum,
    s.seqmax as maximum,
    s.seqcache as cache,
    s.seqcycle as cycle,
    format_type(s.seqtypid, null) as type,
    (
        select format('%s.%I', d.refobjid::regclass, a.attname)
        from pg_catalog.pg_depend as d
        inner join pg_catalog.pg_attribute as a on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
        where
            d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
    ) as owned_by
from pg_catalog.pg_sequence as s
inner join pg_catalog.pg_class as c on s.seqrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
