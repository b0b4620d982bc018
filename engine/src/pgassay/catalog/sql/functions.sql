-- As GRANT names them: argument types with their schemas, whatever the search path.
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
    format('%I.%I(%s)', n.nspname, f.proname, array_to_string(array(
        select
            case
                when tn.nspname = 'pg_catalog' then format_type(t.oid, null)
                when e.oid is null then format('%I.%I', tn.nspname, t.typname)
                else format('%I.%I[]', tn.nspname, e.typname)
            end
        from unnest(f.proargtypes) with ordinality as argument (type, ordinal)
        inner join pg_catalog.pg_type as t on argument.type = t.oid
        inner join pg_catalog.pg_namespace as tn on t.typnamespace = tn.oid
        left join pg_catalog.pg_type as e on t.typelem = e.oid and t.typcategory = 'A'
        order by argument.ordinal
    ), ', ')) as function,
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
