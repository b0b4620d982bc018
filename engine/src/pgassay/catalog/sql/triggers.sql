select
    t.oid::bigint as oid,
    c.oid::bigint as relation_oid,
    n.nspname as schema,
    c.relname as relation,
    t.tgname as name,
    t.tgenabled::text as enabled,
    f.oid::bigint as function_oid,
    t.tgdeferrable as "deferrable",
    pg_catalog.pg_get_triggerdef(t.oid) as definition,
    format('%I.%I()', m.nspname, f.proname) as function,
    t.tgparentid <> 0 as is_of_parent
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_proc as f on t.tgfoid = f.oid
inner join pg_catalog.pg_namespace as m on f.pronamespace = m.oid
where
    not t.tgisinternal
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by t.oid
