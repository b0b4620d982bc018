select
    d.defaclobjtype::text as kind,
    a.is_grantable as grantable,
    coalesce(n.nspname, '') as schema,
    pg_catalog.pg_get_userbyid(d.defaclrole) as owner,
    lower(a.privilege_type) as privilege,
    coalesce(r.rolname, 'public') as role
from pg_catalog.pg_default_acl as d
left join pg_catalog.pg_namespace as n on d.defaclnamespace = n.oid
cross join lateral pg_catalog.aclexplode(d.defaclacl) as a
left join pg_catalog.pg_roles as r on a.grantee = r.oid
union all
-- Without an entry, everybody may execute what is made.
select
    'f' as kind,
    false as grantable,
    '' as schema,
    pg_catalog.pg_get_userbyid(d.defaclrole) as owner,
    'no execute' as privilege,
    'public' as role
from pg_catalog.pg_default_acl as d
where
    d.defaclnamespace = 0 and d.defaclobjtype = 'f'
    and not exists (select from pg_catalog.aclexplode(d.defaclacl) as a where a.grantee = 0)
