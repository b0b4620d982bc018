"""The query of `inventory`: one row for each property of each object that access depends on."""

from __future__ import annotations

from typing import LiteralString

OURS: LiteralString = """
    n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
"""

_RELATIONS: LiteralString = f"""
    select 'relation', c.oid::bigint, n.nspname, c.relname, '', p.property, p.value
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral (values
        ('kind', case c.relkind
            when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
            when 'S' then 'sequence' else 'table'
        end),
        ('owner', pg_catalog.pg_get_userbyid(c.relowner)),
        ('row level security', case when c.relkind in ('r', 'p') then c.relrowsecurity::text end),
        ('force row level security', case when c.relkind in ('r', 'p') then c.relforcerowsecurity::text end),
        ('definition', case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end)
    ) as p (property, value)
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and p.value is not null and {OURS}
    union all
    select 'relation', c.oid::bigint, n.nspname, c.relname, '', o.option_name,
        coalesce(o.option_value, 'true')
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral pg_catalog.pg_options_to_table(c.reloptions) as o
    where c.relkind = 'v' and {OURS}
"""

_COLUMNS: LiteralString = f"""
    select 'column', c.oid::bigint, n.nspname, c.relname, a.attname, p.property, p.value
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_class as c on a.attrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    cross join lateral (values
        ('type', pg_catalog.format_type(a.atttypid, a.atttypmod)),
        ('not null', a.attnotnull::text),
        ('default', pg_catalog.pg_get_expr(d.adbin, d.adrelid))
    ) as p (property, value)
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
        and p.value is not null and {OURS}
"""

_POLICIES: LiteralString = f"""
    select 'policy', c.oid::bigint, n.nspname, c.relname, y.polname, p.property, p.value
    from pg_catalog.pg_policy as y
    inner join pg_catalog.pg_class as c on y.polrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral (values
        ('kind', case when y.polpermissive then 'permissive' else 'restrictive' end),
        ('command', case y.polcmd
            when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
            else 'all'
        end),
        ('roles', (
            select string_agg(coalesce(r.rolname, 'public'), ', ' order by r.rolname)
            from unnest(y.polroles) as u (oid) left join pg_catalog.pg_roles as r using (oid)
        )),
        ('using', pg_catalog.pg_get_expr(y.polqual, y.polrelid)),
        ('with check', pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid))
    ) as p (property, value)
    where p.value is not null and {OURS}
"""

_TRIGGERS: LiteralString = f"""
    select 'trigger', c.oid::bigint, n.nspname, c.relname, t.tgname, p.property, p.value
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_proc as f on t.tgfoid = f.oid
    inner join pg_catalog.pg_namespace as m on f.pronamespace = m.oid
    cross join lateral (values
        ('definition', pg_catalog.pg_get_triggerdef(t.oid)),
        ('enabled', case t.tgenabled
            when 'O' then 'enabled' when 'A' then 'always' when 'R' then 'replica' else 'disabled'
        end),
        ('function', format('%I.%I()', m.nspname, f.proname))
    ) as p (property, value)
    where not t.tgisinternal and {OURS}
"""

# What a rule does, it does with the rights of the table's owner. A view's own rule is its definition.
_RULES: LiteralString = f"""
    select 'rule', c.oid::bigint, n.nspname, c.relname, w.rulename, p.property, p.value
    from pg_catalog.pg_rewrite as w
    inner join pg_catalog.pg_class as c on w.ev_class = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral (values
        ('definition', pg_catalog.pg_get_ruledef(w.oid)),
        ('enabled', case w.ev_enabled
            when 'O' then 'enabled' when 'A' then 'always' when 'R' then 'replica' else 'disabled'
        end)
    ) as p (property, value)
    where w.rulename <> '_RETURN' and {OURS}
"""

_CONSTRAINTS: LiteralString = f"""
    select 'constraint', c.oid::bigint, n.nspname, c.relname, k.conname, 'definition',
        pg_catalog.pg_get_constraintdef(k.oid)
    from pg_catalog.pg_constraint as k
    inner join pg_catalog.pg_class as c on k.conrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    -- NOT NULL is a property of the column; only PostgreSQL 18 has it here too.
    where k.contype <> 'n' and {OURS}
    union all
    select 'index', c.oid::bigint, n.nspname, c.relname, x.relname, 'definition',
        pg_catalog.pg_get_indexdef(x.oid)
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indrelid = c.oid
    inner join pg_catalog.pg_class as x on i.indexrelid = x.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where {OURS} and not exists (
        select from pg_catalog.pg_constraint as k where k.conindid = x.oid and k.contype in ('p', 'u', 'x')
    )
"""

# `name` holds the arguments. Nothing of an extension is the schema's own.
_FUNCTIONS: LiteralString = f"""
    select 'function', f.oid::bigint, n.nspname, f.proname, '', p.property, p.value
    from pg_catalog.pg_proc as f
    inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    inner join pg_catalog.pg_language as l on f.prolang = l.oid
    cross join lateral (values
        ('security', case when f.prosecdef then 'definer' else 'invoker' end),
        ('owner', pg_catalog.pg_get_userbyid(f.proowner)),
        ('language', l.lanname),
        ('result', pg_catalog.format_type(f.prorettype, null)),
        ('settings', array_to_string(f.proconfig, ', ')),
        ('body', coalesce(pg_catalog.pg_get_function_sqlbody(f.oid), f.prosrc))
    ) as p (property, value)
    where p.value is not null and {OURS} and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e'
    )
"""

_TYPES: LiteralString = f"""
    select 'type', t.oid::bigint, n.nspname, t.typname, '', 'labels', (
        select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
        from pg_catalog.pg_enum as e where e.enumtypid = t.oid
    )
    from pg_catalog.pg_type as t inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    where t.typtype = 'e' and {OURS}
    union all
    select 'type', t.oid::bigint, n.nspname, t.typname, '', 'constraint ' || k.conname,
        pg_catalog.pg_get_constraintdef(k.oid)
    from pg_catalog.pg_constraint as k
    inner join pg_catalog.pg_type as t on k.contypid = t.oid
    inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    where {OURS}
"""

# The owner's own rights are not granted by anybody; null means the built-in ones.
_GRANTS: LiteralString = f"""
    select g.kind, g.oid, g.schema, g.relation, coalesce(r.rolname, 'public'), g.property,
        case when bool_or(g.is_grantable) then 'with grant option' else 'held' end
    from (
        select 'grant' as kind, c.oid::bigint as oid, n.nspname as schema, c.relname as relation, a.grantee,
            lower(a.privilege_type) as property, a.is_grantable, c.relowner as owner
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        cross join lateral pg_catalog.aclexplode(c.relacl) as a
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {OURS}
        union all
        select 'grant', c.oid::bigint, n.nspname, c.relname, a.grantee,
            lower(a.privilege_type) || ' (' || t.attname || ')', a.is_grantable, c.relowner
        from pg_catalog.pg_attribute as t
        inner join pg_catalog.pg_class as c on t.attrelid = c.oid
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        cross join lateral pg_catalog.aclexplode(t.attacl) as a
        where not t.attisdropped and {OURS}
        union all
        select 'grant on function', f.oid::bigint, n.nspname, f.proname, a.grantee, lower(a.privilege_type),
            a.is_grantable, f.proowner
        from pg_catalog.pg_proc as f
        inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
        cross join lateral pg_catalog.aclexplode(
            coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))
        ) as a
        where {OURS}
        union all
        select 'grant on schema', n.oid::bigint, n.nspname, '', a.grantee, lower(a.privilege_type),
            a.is_grantable, n.nspowner
        from pg_catalog.pg_namespace as n
        cross join lateral pg_catalog.aclexplode(n.nspacl) as a
        where {OURS}
    ) as g
    left join pg_catalog.pg_roles as r on g.grantee = r.oid
    where g.grantee <> g.owner
    group by 1, 2, 3, 4, 5, 6
"""

_PUBLICATIONS: LiteralString = """
    select 'publication', 0::bigint, t.schemaname, t.tablename, t.pubname, 'published', 'yes'
    from pg_catalog.pg_publication_tables as t
"""

# Of the cluster, not of the database: as the schema that was loaded last left them.
_ROLES: LiteralString = """
    select 'role', 0::bigint, '', '', r.rolname, p.property, p.value
    from pg_catalog.pg_roles as r
    cross join lateral (values
        ('superuser', r.rolsuper::text), ('inherit', r.rolinherit::text), ('login', r.rolcanlogin::text),
        ('createrole', r.rolcreaterole::text), ('createdb', r.rolcreatedb::text),
        ('bypassrls', r.rolbypassrls::text),
        ('settings', array_to_string(r.rolconfig, ', '))
    ) as p (property, value)
    where p.value is not null and r.rolname not like 'pg\\_%'
    union all
    select 'role', 0, '', '', m.rolname, 'member of ' || r.rolname, 'yes'
    from pg_catalog.pg_auth_members as a
    inner join pg_catalog.pg_roles as m on a.member = m.oid
    inner join pg_catalog.pg_roles as r on a.roleid = r.oid
    where m.rolname not like 'pg\\_%'
"""

# As JSON: Supabase's own migrations add columns.
BUCKETS: LiteralString = """
    select 'bucket', 0::bigint, 'storage', 'buckets', b.id, p.key, p.value
    from storage.buckets as b cross join lateral jsonb_each_text(to_jsonb(b)) as p
    where p.key in ('public', 'file_size_limit', 'allowed_mime_types') and p.value is not null
"""

PROPERTIES: LiteralString = " union all ".join(
    (
        _RELATIONS,
        _COLUMNS,
        _POLICIES,
        _TRIGGERS,
        _RULES,
        _CONSTRAINTS,
        _FUNCTIONS,
        _TYPES,
        _GRANTS,
        _PUBLICATIONS,
        _ROLES,
    )
)

# What a view reads, a policy looks at, a trigger calls: by the server's own account, as far as it knows.
DEPENDENCIES: LiteralString = """
    select distinct w.ev_class::bigint, d.refobjid::bigint
    from pg_catalog.pg_rewrite as w
    inner join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
    where d.refclassid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)
        and d.refobjid <> w.ev_class
    union
    select y.polrelid::bigint, d.refobjid::bigint
    from pg_catalog.pg_policy as y
    inner join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = y.oid
    where d.refclassid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)
        and d.refobjid <> y.polrelid
    union
    select t.tgrelid::bigint, t.tgfoid::bigint from pg_catalog.pg_trigger as t where not t.tgisinternal
"""
