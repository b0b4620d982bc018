-- What a view reads, a policy looks at, a trigger calls: by the server's own account, as far as it knows.
select distinct
    part.user::bigint as user,
    d.refobjid::bigint as used
from pg_catalog.pg_depend as d
inner join (
    select
        'pg_catalog.pg_rewrite'::regclass as class,
        oid,
        ev_class as user
    from pg_catalog.pg_rewrite
    union all
    select
        'pg_catalog.pg_policy'::regclass as class,
        oid,
        polrelid as user
    from pg_catalog.pg_policy
) as part on d.classid = part.class and d.objid = part.oid
where
    d.refclassid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)
    and d.refobjid <> part.user
union
select
    t.tgrelid::bigint as user,
    t.tgfoid::bigint as used
from pg_catalog.pg_trigger as t where not t.tgisinternal
