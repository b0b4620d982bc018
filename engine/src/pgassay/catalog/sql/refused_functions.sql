-- Functions of these names that the role cannot call, all overloads.
select
    f.oid,
    n.nspname as schema,
    s.usage,
    s.execute
from unnest($1::text[], $2::text[]) as u (schema, name)
inner join pg_catalog.pg_proc as f on u.name = f.proname
inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
cross join
    lateral (
        select
            pg_catalog.has_schema_privilege($3, n.oid, 'usage') as usage,
            pg_catalog.has_function_privilege($3, f.oid, 'execute') as execute
    ) as s
where
    (n.nspname = u.schema or (u.schema = '' and pg_catalog.pg_function_is_visible(f.oid)))
    and not (s.usage and s.execute)
order by f.oid
