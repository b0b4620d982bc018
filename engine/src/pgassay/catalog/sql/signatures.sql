-- Functions as GRANT names them: argument types with their schemas, whatever the search path.
select
    f.oid,
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
    ), ', ')) as name
from pg_catalog.pg_proc as f
inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
where f.oid = any($1::oid[])
