-- What defaults, checks, policies and views of these relations call and read, and the role may not.
with reached as (
    select distinct
        d.refclassid,
        d.refobjid,
        d.refobjsubid
    from pg_catalog.pg_depend as d
    inner join (
        select
            'pg_catalog.pg_attrdef'::regclass as class,
            oid,
            adrelid as relation
        from pg_catalog.pg_attrdef
        union all
        select
            'pg_catalog.pg_constraint'::regclass,
            oid,
            conrelid
        from pg_catalog.pg_constraint
        where contype = 'c'
        union all
        select
            'pg_catalog.pg_policy'::regclass,
            oid,
            polrelid
        from pg_catalog.pg_policy
        union all
        select
            'pg_catalog.pg_rewrite'::regclass,
            oid,
            ev_class
        from pg_catalog.pg_rewrite
    ) as part on d.classid = part.class and d.objid = part.oid
    where part.relation = any($1::regclass[]) and d.refobjid <> part.relation
)

select
    'execute' as privilege,
    'function' as kind,
    f.oid,
    '' as object,
    '' as "column"
from reached
inner join pg_catalog.pg_proc as f on reached.refobjid = f.oid
where
    reached.refclassid = 'pg_catalog.pg_proc'::regclass
    and not pg_catalog.has_function_privilege($2, f.oid, 'execute')
union all
select
    'usage' as privilege,
    'sequence' as kind,
    null as oid,
    format('%I.%I', n.nspname, c.relname) as object,
    '' as "column"
from reached
inner join pg_catalog.pg_class as c on reached.refobjid = c.oid and c.relkind = 'S'
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    reached.refclassid = 'pg_catalog.pg_class'::regclass
    and case c.relkind when 'S' then not pg_catalog.has_sequence_privilege($2, c.oid, 'usage') end
union all
select
    'select' as privilege,
    'table' as kind,
    null as oid,
    format('%I.%I', n.nspname, c.relname) as object,
    a.attname as "column"
from reached
inner join pg_catalog.pg_class as c on reached.refobjid = c.oid and c.relkind <> 'S'
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid and reached.refobjsubid = a.attnum
where
    reached.refclassid = 'pg_catalog.pg_class'::regclass and a.attnum > 0
    and not pg_catalog.has_column_privilege($2, c.oid, a.attnum, 'select')
order by 2, 3, 4, 5
