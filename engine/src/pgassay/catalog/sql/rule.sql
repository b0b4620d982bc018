-- What a rule does, it does with the rights of the table's owner. A view's own rule is its definition.
select
    c.oid::bigint as relation_oid,
    n.nspname as schema,
    c.relname as relation,
    w.rulename as name,
    w.ev_enabled::text as enabled,
    pg_catalog.pg_get_ruledef(w.oid) as definition
from pg_catalog.pg_rewrite as w
inner join pg_catalog.pg_class as c on w.ev_class = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    w.rulename <> '_RETURN'
    and not pg_catalog.starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
