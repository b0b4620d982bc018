select
    t.oid::bigint as oid,
    c.oid::bigint as relation_oid,
    n.nspname as schema,
    c.relname as relation,
    t.tgname as name,
    t.tgenabled::text as enabled,
    t.tgfoid::bigint as function_oid,
    t.tgfoid::regprocedure::text as function,
    t.tgdeferrable as "deferrable",
    pg_catalog.pg_get_triggerdef(t.oid) as definition,
    t.tgparentid <> 0 as is_of_parent
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    not t.tgisinternal
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by t.oid
