-- As GRANT names them: the reader's search path is empty, so that all types but the server's have schemas.
select
    f.oid::bigint as oid,
    n.nspname as schema,
    f.proname as name,
    l.lanname as language,
    f.prokind::text as kind,
    f.prosrc as body,
    f.prosecdef as definer,
    f.provolatile::text as volatility,
    f.proparallel::text as parallel,
    f.proisstrict as strict,
    f.proleakproof as leakproof,
    f.procost::text as cost,
    f.prorows::text as rows,
    f.oid::regprocedure::text as function,
    pg_catalog.pg_get_userbyid(f.proowner) as owner,
    case when f.prokind in ('f', 'p') then pg_catalog.pg_get_functiondef(f.oid) else '' end as definition,
    pg_catalog.pg_get_function_sqlbody(f.oid) as sql_body,
    format_type(f.prorettype, null) as result,
    coalesce(f.proconfig, '{}') as configuration,
    pg_catalog.pg_get_function_arguments(f.oid) as arguments,
    pg_catalog.pg_get_function_result(f.oid) as returns,
    array(
        select t.typname from unnest(f.proargtypes) with ordinality as u (type, ordinal)
        inner join pg_catalog.pg_type as t on u.type = t.oid
        order by u.ordinal
    ) as types,
    exists(
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e'
    ) as is_of_extension
from pg_catalog.pg_proc as f
inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
inner join pg_catalog.pg_language as l on f.prolang = l.oid
where not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by f.oid
