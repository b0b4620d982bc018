select
    c.oid::bigint as relation_oid,
    n.nspname as schema,
    c.relname as relation,
    y.polname as name,
    y.polpermissive as permissive,
    case y.polcmd
        when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all'
    end as command,
    array(
        select coalesce(r.rolname, 'public')
        from unnest(y.polroles) as u (oid) left join pg_catalog.pg_roles as r on u.oid = r.oid
        order by coalesce(r.rolname, 'public')
    ) as roles,
    pg_catalog.pg_get_expr(y.polqual, y.polrelid) as "using",
    pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid) as "check"
from pg_catalog.pg_policy as y
inner join pg_catalog.pg_class as c on y.polrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by c.oid, y.polname
