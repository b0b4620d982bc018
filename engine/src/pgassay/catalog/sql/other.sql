-- Comments, and what is compared by name, definition or owner alone. 16384 is FirstNormalObjectId.
-- The first select gives the columns their types: of the type name, all others would be cut to 63 bytes.
select
    'schema' as type,
    n.nspname::text as schema,
    ''::text as name,
    'owner' as says,
    pg_get_userbyid(n.nspowner)::text as value
from pg_catalog.pg_namespace as n
where not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
union all
select
    'statistics' as type,
    n.nspname as schema,
    s.stxname as name,
    'definition' as says,
    pg_catalog.pg_get_statisticsobjdef(s.oid) as value
from pg_catalog.pg_statistic_ext as s inner join pg_catalog.pg_namespace as n on s.stxnamespace = n.oid
where not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
union all
select
    'extension' as type,
    '' as schema,
    e.extname as name,
    'schema' as says,
    e.extnamespace::regnamespace::text as value
from pg_catalog.pg_extension as e
union all
select
    'comment' as type,
    '' as schema,
    i.type || ' ' || i.identity as name,
    'text' as says,
    d.description as value
from pg_catalog.pg_description as d
cross join lateral pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
where
    d.objoid >= 16384 and i.type <> 'extension' and not exists (
        select from pg_catalog.pg_depend as e
        where d.classoid = e.classid and d.objoid = e.objid and e.deptype = 'e'
    )
union all
select
    i.type,
    '' as schema,
    i.identity as name,
    'there' as says,
    'yes' as value
from (
    select array[tableoid, oid] as named from pg_catalog.pg_cast
    union
    select array[n.classid, n.objid] from pg_catalog.pg_depend as n
    where n.classid::regclass::text = any(array[
        'pg_operator', 'pg_opclass', 'pg_collation', 'pg_conversion', 'pg_language', 'pg_event_trigger',
        'pg_foreign_server', 'pg_ts_config', 'pg_ts_dict', 'pg_transform'
    ])
) as o
cross join lateral pg_catalog.pg_identify_object(o.named[1], o.named[2], 0) as i
where o.named[2] >= 16384 and not exists (
    select from pg_catalog.pg_depend as d
    where d.classid = o.named[1] and d.objid = o.named[2] and d.deptype = 'e'
)
