-- PostgreSQL asks a foreign table's wrapper, and raises 55000 where that has no handler. Such a table, and what is made
-- of it, cannot be written.
with recursive mute (oid) as (
    select t.ftrelid
    from pg_catalog.pg_foreign_table as t
    inner join pg_catalog.pg_foreign_server as s on t.ftserver = s.oid
    inner join pg_catalog.pg_foreign_data_wrapper as w on s.srvfdw = w.oid
    where w.fdwhandler = 0
    union
    select r.ev_class
    from mute as m
    inner join pg_catalog.pg_depend as d
        on m.oid = d.refobjid and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    inner join pg_catalog.pg_rewrite as r
        on d.objid = r.oid and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
)

select
    c.oid::bigint as oid,
    0 as number,
    case when m.oid is null then pg_catalog.pg_relation_is_updatable(c.oid, true) else 0 end as events
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
left join mute as m on c.oid = m.oid
where
    c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
union all
select
    a.attrelid::bigint as oid,
    a.attnum as number,
    case
        when m.oid is null then pg_catalog.pg_column_is_updatable(a.attrelid, a.attnum, true)::integer else 0
    end as events
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
left join mute as m on c.oid = m.oid
where
    c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
