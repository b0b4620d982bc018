"""The queries of `catalog`, one for each kind of thing. Their columns are the fields of `things`."""

from __future__ import annotations

from typing import LiteralString

# Nothing of the server's, and nothing of an extension.
_OURS: LiteralString = """
    n.nspname not in ('pg_catalog', 'information_schema') and not pg_catalog.starts_with(n.nspname, 'pg_')
"""
_TABLE: LiteralString = "c.oid::regclass::text"
_OF_TABLE: LiteralString = f"""
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relkind in ('r', 'p') and {_OURS} and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
"""

TABLES: LiteralString = f"""
    select {_TABLE} as "table", c.relrowsecurity as secured, c.relforcerowsecurity as forced
    from pg_catalog.pg_class as c {_OF_TABLE}
"""

COLUMNS: LiteralString = f"""
    select {_TABLE} as "table", a.attname as name,
        pg_catalog.format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null,
        coalesce(a.attnum = any(k.conkey), false) as primary,
        case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end as default
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_class as c on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_catalog.pg_constraint as k on k.conrelid = c.oid and k.contype = 'p'
    {_OF_TABLE}
"""

# NOT NULL is a fact about a column; only PostgreSQL 18 has it here too.
CONSTRAINTS: LiteralString = f"""
    select {_TABLE} as "table", k.conname as name, k.contype::text as type,
        pg_catalog.pg_get_constraintdef(k.oid) as definition, nullif(k.confrelid, 0)::regclass::text as target
    from pg_catalog.pg_constraint as k
    inner join pg_catalog.pg_class as c on k.conrelid = c.oid and k.contype in ('c', 'f', 'p', 'u', 'x')
    {_OF_TABLE}
"""

INDEXES: LiteralString = f"""
    select {_TABLE} as "table", x.oid::regclass::text as index, x.relname as name,
        pg_catalog.pg_get_indexdef(x.oid) as definition
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indrelid = c.oid
    inner join pg_catalog.pg_class as x on i.indexrelid = x.oid
    {_OF_TABLE} and not exists (
        select from pg_catalog.pg_constraint as k where k.conindid = x.oid and k.contype in ('p', 'u', 'x')
    )
"""

POLICIES: LiteralString = f"""
    select {_TABLE} as "table", p.polname as name,
        case p.polcmd
            when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
            else 'all'
        end as command,
        p.polpermissive as permissive, array(
            select coalesce(r.rolname, 'public')::text
            from unnest(p.polroles) as u (oid) left join pg_catalog.pg_roles as r using (oid) order by 1
        ) as roles,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using,
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
    from pg_catalog.pg_policy as p
    inner join pg_catalog.pg_class as c on p.polrelid = c.oid
    {_OF_TABLE}
"""

TRIGGERS: LiteralString = f"""
    select {_TABLE} as "table", t.tgname as name, pg_catalog.pg_get_triggerdef(t.oid) as definition,
        t.tgenabled::text as enabled, t.tgfoid::regprocedure::text as function
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_class as c on t.tgrelid = c.oid and not t.tgisinternal and t.tgparentid = 0
    {_OF_TABLE}
"""

FUNCTIONS: LiteralString = f"""
    select f.oid::regprocedure::text as function, l.lanname as language,
        pg_catalog.pg_get_functiondef(f.oid) as definition, f.prosrc as body, f.prosecdef as definer,
        f.provolatile::text as volatility, f.proisstrict as strict, array(
            select split_part(s, '=', 1) from unnest(f.proconfig) as u (s)
        ) as settings
    from pg_catalog.pg_proc as f
    inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    inner join pg_catalog.pg_language as l on f.prolang = l.oid
    where f.prokind in ('f', 'p') and {_OURS} and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e'
    )
"""

VIEWS: LiteralString = f"""
    select {_TABLE} as view, pg_catalog.pg_get_viewdef(c.oid) as definition,
        coalesce(c.reloptions, '{{}}') as options
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relkind = 'v' and {_OURS}
"""

ENUMS: LiteralString = f"""
    select t.oid::regtype::text as type, array(
            select e.enumlabel::text from pg_catalog.pg_enum as e
            where e.enumtypid = t.oid order by e.enumsortorder
        ) as labels, array(
            select distinct a.attrelid::regclass::text from pg_catalog.pg_attribute as a
            inner join pg_catalog.pg_class as c on a.attrelid = c.oid and c.relkind in ('r', 'p', 'v')
            where a.atttypid = t.oid and not a.attisdropped
        ) as tables
    from pg_catalog.pg_type as t inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    where t.typtype = 'e' and {_OURS}
"""

_OBJECTS: LiteralString = f"""
    select case c.relkind when 'S' then 'sequence' else 'table' end as kind, {_TABLE} as object, c.oid,
        c.relacl as acl, c.relowner as owner, c.relkind
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'S') and {_OURS}
    union all
    select 'function', f.oid::regprocedure::text, f.oid,
        coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner)), f.proowner, ''
    from pg_catalog.pg_proc as f inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    where {_OURS}
    union all
    select 'schema', quote_ident(n.nspname), n.oid, n.nspacl, n.nspowner, ''
    from pg_catalog.pg_namespace as n where {_OURS}
"""

GRANTED: LiteralString = f"""
    select o.kind, o.object, '' as column, coalesce(r.rolname, 'public') as role,
        lower(a.privilege_type) as privilege
    from ({_OBJECTS}) as o cross join lateral pg_catalog.aclexplode(o.acl) as a
    left join pg_catalog.pg_roles as r on a.grantee = r.oid
    where a.grantee <> o.owner and (a.grantee = 0 or r.rolname = any(%(roles)s))
    union
    select o.kind, o.object, t.attname, coalesce(r.rolname, 'public'), lower(a.privilege_type)
    from ({_OBJECTS}) as o
    inner join pg_catalog.pg_attribute as t on t.attrelid = o.oid and not t.attisdropped
    cross join lateral pg_catalog.aclexplode(t.attacl) as a
    left join pg_catalog.pg_roles as r on a.grantee = r.oid
    where o.kind = 'table' and a.grantee <> o.owner and (a.grantee = 0 or r.rolname = any(%(roles)s))
"""

# What a role has through PUBLIC or another role is not missing.
LACKING: LiteralString = f"""
    select o.kind, o.object, '' as column, r.role, p.privilege
    from ({_OBJECTS}) as o
    cross join unnest(%(roles)s::text[]) as r (role)
    -- All privileges that this version of the server has: those that an owner starts with.
    inner join lateral (values ('table', 'r'), ('sequence', 's'), ('function', 'f'), ('schema', 'n'))
        as k (kind, letter) on o.kind = k.kind
    cross join lateral (
        select distinct lower(a.privilege_type)
        from pg_catalog.aclexplode(pg_catalog.acldefault(k.letter::"char", o.owner)) as a
    ) as p (privilege)
    where not case o.kind
        when 'table' then pg_catalog.has_table_privilege(r.role, o.oid, p.privilege)
        when 'sequence' then pg_catalog.has_sequence_privilege(r.role, o.oid, p.privilege)
        when 'function' then pg_catalog.has_function_privilege(r.role, o.oid, p.privilege)
        else pg_catalog.has_schema_privilege(r.role, o.oid, p.privilege)
    end
    union all
    select o.kind, o.object, a.attname, r.role, p.privilege
    from ({_OBJECTS}) as o
    inner join pg_catalog.pg_attribute as a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
    cross join unnest(%(roles)s::text[]) as r (role)
    cross join unnest(case o.relkind when 'v' then '{{select}}' else '{{select,insert,update}}' end::text[])
        as p (privilege)
    where o.kind = 'table' and not pg_catalog.has_column_privilege(r.role, o.oid, a.attnum, p.privilege)
"""

# The columns of the first key of a table that a person gave its rows: unique, never null, without a default.
SEEDED: LiteralString = f"""
    select {_TABLE} as "table", array(
            select a.attname::text from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum = any(i.indkey::int2[])
        ) as key, array(
            select a.attname::text from pg_catalog.pg_attribute as a
            inner join pg_catalog.pg_type as t on a.atttypid = t.oid
            where a.attrelid = c.oid and a.attnum > 0 and t.typcategory = 'N' and a.attgenerated = ''
                and a.attidentity = '' and a.attnum <> all(i.indkey::int2[])
            order by a.attnum
        ) as numbers
    from pg_catalog.pg_class as c
    inner join lateral (
        select x.indkey from pg_catalog.pg_index as x
        where x.indrelid = c.oid and x.indisunique and x.indpred is null and x.indexprs is null
            and not exists (
                select from pg_catalog.pg_attribute as a
                where a.attrelid = c.oid and a.attnum = any(x.indkey::int2[])
                    and (a.atthasdef or a.attidentity <> '' or not a.attnotnull)
            )
        order by x.indisprimary desc, x.indexrelid limit 1
    ) as i on true
    {_OF_TABLE}
"""
