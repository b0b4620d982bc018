select
    c.oid::bigint as oid,
    n.nspname as schema,
    c.relname as relation,
    c.relkind::text as kind,
    c.relrowsecurity as secured,
    c.relforcerowsecurity as forced,
    c.relpersistence::text as persistence,
    c.relreplident::text as replica_identity,
    pg_catalog.pg_get_userbyid(c.relowner) as owner,
    case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end as definition,
    coalesce(c.reloptions, '{}') as options,
    coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)::bigint as root,
    pg_catalog.pg_get_partkeydef(c.oid) as partition_key,
    pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_bound,
    array(
        select i.inhparent::regclass::text from pg_catalog.pg_inherits as i
        where i.inhrelid = c.oid order by i.inhseqno
    ) as inherits,
    pg_catalog.pg_relation_filenode(c.oid)::bigint as storage,
    pg_catalog.has_schema_privilege(n.oid, 'usage')
    and case
        when c.relkind = 'S' then pg_catalog.has_sequence_privilege(c.oid, 'select')
        else pg_catalog.has_table_privilege(c.oid, 'select')
    end as readable,
    exists(
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    ) as is_of_extension
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by n.nspname, c.relname
