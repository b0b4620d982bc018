-- Of the cluster, not of the database: as the schema that was loaded last left them. What the schema's owner
-- cannot reach and nothing in this database names is another project's, which comes and goes meanwhile.
with recursive reached (oid) as (
    select oid from pg_catalog.pg_roles where rolname = current_user
    union
    select m.roleid from reached as r
    inner join pg_catalog.pg_auth_members as m on r.oid = m.member
),

ours (oid) as (
    select oid from reached
    union
    select s.refobjid from pg_catalog.pg_shdepend as s
    where
        s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
        and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
    union
    -- Before PostgreSQL 16 whoever may create roles may alter all of them, and is a member of none.
    select a.oid from pg_catalog.pg_roles as a
    inner join pg_catalog.pg_roles as o on o.rolname = current_user
    where o.rolcreaterole and pg_catalog.current_setting('server_version_num')::integer < 160000
)

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
from pg_catalog.pg_roles as r inner join ours on r.oid = ours.oid
