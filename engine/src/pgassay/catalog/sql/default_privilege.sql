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
