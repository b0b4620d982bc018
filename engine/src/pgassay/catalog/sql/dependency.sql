-- What a view reads, a policy looks at, a default, check or trigger calls: as far as the server itself knows.
select distinct
    d.classid::regclass::text as part,
    coalesce(o.oprcode, d.refobjid)::bigint as used,
    coalesce(w.ev_class, y.polrelid, f.adrelid, k.conrelid, t.tgrelid)::bigint as user,
    coalesce(a.attname, '') as "column"
from pg_catalog.pg_depend as d
left join pg_catalog.pg_rewrite as w on d.classid = w.tableoid and d.objid = w.oid
left join pg_catalog.pg_policy as y on d.classid = y.tableoid and d.objid = y.oid
left join pg_catalog.pg_attrdef as f on d.classid = f.tableoid and d.objid = f.oid
left join pg_catalog.pg_constraint as k on d.classid = k.tableoid and d.objid = k.oid and k.contype = 'c'
left join pg_catalog.pg_trigger as t on d.classid = t.tableoid and d.objid = t.oid and not t.tgisinternal
left join pg_catalog.pg_class as c on d.refclassid = c.tableoid and d.refobjid = c.oid
-- An operator is the function that it calls.
left join pg_catalog.pg_operator as o on d.refclassid = o.tableoid and d.refobjid = o.oid
left join pg_catalog.pg_attribute as a on c.oid = a.attrelid and d.refobjsubid = a.attnum and a.attnum > 0
where
    d.refclassid in (
        'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass
    )
    and d.refobjid <> coalesce(w.ev_class, y.polrelid, f.adrelid, k.conrelid, t.tgrelid)
