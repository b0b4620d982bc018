"""Privileges as text: one for each object, grantee and privilege, however the catalog stores them."""

from __future__ import annotations

from typing import Any

import psycopg

# A null ACL stands for PostgreSQL's own default: coalesce makes both read alike.
_ENTRIES = """
    with namespaces as (
        select oid, nspname, nspowner, nspacl, nspname in ('public', 'private') as is_own
        from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
    ),

    objects (object, owner, acl, is_own) as (
        select 'schema ' || n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)), n.is_own
        from namespaces as n
        union all
        select
            case c.relkind when 'S' then 'sequence ' when 'v' then 'view ' else 'table ' end
            || format('%%I.%%I', n.nspname, c.relname),
            c.relowner,
            coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)),
            n.is_own
        from pg_class as c inner join namespaces as n on c.relnamespace = n.oid
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all
        select format('column %%I.%%I.%%I', n.nspname, c.relname, a.attname), c.relowner, a.attacl, n.is_own
        from pg_attribute as a
        inner join pg_class as c on a.attrelid = c.oid
        inner join namespaces as n on c.relnamespace = n.oid
        union all
        select
            format('function %%I.%%I(%%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),
            p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), n.is_own
        from pg_proc as p inner join namespaces as n on p.pronamespace = n.oid
        union all
        select
            format('type %%I.%%I', n.nspname, t.typname), t.typowner,
            coalesce(t.typacl, acldefault('T', t.typowner)), n.is_own
        from pg_type as t inner join namespaces as n on t.typnamespace = n.oid
        where t.typtype in ('e', 'd', 'r')
        union all
        select 'default of ' || k.name, d.datdba, coalesce(a.defaclacl, acldefault(k.object, d.datdba)), true
        from (
            values ('tables', 'r'::"char", 'r'::"char"), ('sequences', 'S', 's'), ('functions', 'f', 'f'),
            ('types', 'T', 'T'), ('schemas', 'n', 'n')
        ) as k (name, kind, object)
        inner join pg_database as d on d.datname = current_database()
        left join pg_default_acl as a
            on a.defaclobjtype = k.kind and a.defaclnamespace = 0 and a.defaclrole = d.datdba
        union all
        select
            format('default of %%s in %%I', a.defaclobjtype, n.nspname), a.defaclrole, a.defaclacl, n.is_own
        from pg_default_acl as a inner join namespaces as n on a.defaclnamespace = n.oid
    )

    select
        o.object || ': ' || case e.grantee when 0 then 'PUBLIC' else e.grantee::regrole::text end
        || ' ' || e.privilege_type || case when e.is_grantable then ' WITH GRANT OPTION' else '' end
    from objects as o cross join aclexplode(o.acl) as e
    where o.is_own = %(own)s and e.grantee <> o.owner
    order by 1
"""


def read_privileges(connection: psycopg.Connection[Any], *, own: bool = True) -> list[str]:
    """What somebody other than the owner holds, as sorted lines `kind schema.object: grantee PRIVILEGE`.

    `own`: in the schemas `public` and `private`, and by default on new objects; else in all other schemas.
    """
    return sorted(line for (line,) in connection.execute(_ENTRIES, {"own": own}))
