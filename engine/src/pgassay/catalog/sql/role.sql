-- Of the cluster, not of the database: as the schema that was loaded last left them.
select
    r.rolname as name,
    r.rolsuper as superuser,
    r.rolinherit as inherit,
    r.rolcanlogin as login,
    r.rolcreaterole as createrole,
    r.rolcreatedb as createdb,
    r.rolbypassrls as bypassrls,
    coalesce(r.rolconfig, '{}') as settings,
    array(
        select g.rolname from pg_catalog.pg_auth_members as a
        inner join pg_catalog.pg_roles as g on a.roleid = g.oid
        where a.member = r.oid order by 1
    ) as member_of,
    array(select g.rolname from pg_catalog.pg_roles as g where pg_catalog.pg_has_role(r.oid, g.oid, 'usage')) as reach
from pg_catalog.pg_roles as r
