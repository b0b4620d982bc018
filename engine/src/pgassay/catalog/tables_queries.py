"""The queries of `tables`: each reads all objects of one kind at once."""

from __future__ import annotations

from typing import LiteralString

# PostgREST serves the schemas that the login role names; a setting for this database wins.
SCHEMAS: LiteralString = """
    select split_part(entry, '=', 2)
    from pg_catalog.pg_db_role_setting as s
    inner join pg_catalog.pg_roles as r on s.setrole = r.oid and r.rolname = 'authenticator'
    cross join lateral unnest(s.setconfig) as entry
    where entry like 'pgrst.db_schemas=%%'
        and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
    order by s.setdatabase desc
    limit 1
"""

TABLES: LiteralString = """
    select
        c.oid::bigint as oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
        coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)::bigint as root,
        n.nspname = any(%(schemas)s) or (n.nspname = 'storage' and c.relname = 'objects') as reachable,
        pg_catalog.pg_relation_is_updatable(c.oid, true) as updatable,
        c.relrowsecurity as secured,
        pg_catalog.has_schema_privilege(n.oid, 'usage')
        and pg_catalog.has_table_privilege(c.oid, 'select') as readable,
        exists (
            select from pg_catalog.pg_options_to_table(c.reloptions)
            where option_name = 'security_invoker' and option_value::boolean
        ) as invoker,
        exists (select from pg_catalog.pg_trigger as t where t.tgrelid = c.oid and not t.tgisinternal)
        or exists (select from pg_catalog.pg_rewrite as w where w.ev_class = c.oid and c.relkind <> 'v')
            as triggers
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
        and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%%'
    order by n.nspname, c.relname
"""

COLUMNS: LiteralString = """
    select
        a.attrelid::bigint as table, a.attnum::integer as number, a.attname as name,
        b.typname as type, b.typcategory::text as category,
        -- Of a type with a length, the length in characters.
        case when b.typname in ('varchar', 'bpchar') and m.typmod > 4 then m.typmod - 4 end as length,
        not a.attnotnull as nullable,
        a.atthasdef or a.attidentity <> '' or t.typdefault is not null as default,
        a.attidentity = 'a' as always, a.attgenerated <> '' as generated,
        pg_catalog.pg_column_is_updatable(a.attrelid, a.attnum, true) as updatable,
        array(
            select e.enumlabel from pg_catalog.pg_enum as e where e.enumtypid = b.oid order by e.enumsortorder
        ) as labels,
        exists (
            select from pg_catalog.pg_opclass as o
            inner join pg_catalog.pg_am as am on o.opcmethod = am.oid and am.amname in ('btree', 'hash')
            where o.opcdefault and o.opcintype = b.oid
        ) or b.typcategory in ('E', 'A', 'R') or b.typname = 'varchar' as comparable
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_type as t on a.atttypid = t.oid
    -- A domain stands for its base type.
    cross join lateral (
        with recursive base as (
            select t.oid as type, a.atttypmod as typmod
            union all
            select d.typbasetype, case when base.typmod > -1 then base.typmod else d.typtypmod end
            from base inner join pg_catalog.pg_type as d on base.type = d.oid
            where d.typtype = 'd'
        )
        select base.type, base.typmod
        from base inner join pg_catalog.pg_type as d on base.type = d.oid
        where d.typtype <> 'd'
    ) as m
    inner join pg_catalog.pg_type as b on m.type = b.oid
    where a.attrelid = any(%(tables)s::oid[]) and a.attnum > 0 and not a.attisdropped
    order by a.attrelid, a.attnum
"""

# Without expressions and predicates a unique index names a row; with them it still refuses duplicates.
# By name: a dump restores indexes in another order than they were made in.
UNIQUE: LiteralString = """
    select
        i.indrelid::bigint as table, i.indisprimary as primary,
        i.indpred is null and i.indexprs is null as whole,
        array(
            select a.attname from unnest(i.indkey[: i.indnkeyatts - 1]) with ordinality as k (number, ordinal)
            inner join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and k.number = a.attnum
            order by k.ordinal
        ) as columns
    from pg_catalog.pg_index as i
    where i.indisunique and i.indrelid = any(%(tables)s::oid[])
    order by i.indrelid, i.indisprimary desc, (
        select x.relname from pg_catalog.pg_class as x where x.oid = i.indexrelid
    )
"""

FOREIGN_KEYS: LiteralString = """
    select
        k.conrelid::bigint as table, k.confrelid::bigint as target,
        k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd') as acts,
        array(
            select a.attname from unnest(k.conkey) with ordinality as u (number, ordinal)
            inner join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and u.number = a.attnum
            order by u.ordinal
        ) as columns,
        array(
            select a.attname from unnest(k.confkey) with ordinality as u (number, ordinal)
            inner join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and u.number = a.attnum
            order by u.ordinal
        ) as target_columns
    from pg_catalog.pg_constraint as k
    where k.contype = 'f' and k.conrelid = any(%(tables)s::oid[])
    order by k.conrelid, k.conname, k.oid
"""

POLICIES: LiteralString = """
    select
        p.polrelid::bigint as table, p.polname as name, p.polpermissive as permissive,
        case p.polcmd
            when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
            else 'all'
        end as command,
        array(
            select r.rolname from pg_catalog.pg_roles as r
            where r.rolname = any(%(roles)s) and exists (
                select from unnest(p.polroles) as named
                where case named when 0 then true else pg_catalog.pg_has_role(r.oid, named, 'usage') end
            )
        ) as roles
    from pg_catalog.pg_policy as p
    where p.polrelid = any(%(tables)s::oid[])
    order by p.polrelid, p.polname
"""

# What each role holds: on columns; on tables and their schemas; and whether policies apply to it.
COLUMN_PRIVILEGES: LiteralString = """
    select
        r.rolname as role, a.attrelid::bigint as table, a.attname as name,
        pg_catalog.has_column_privilege(r.oid, a.attrelid, a.attnum, 'select') as select,
        pg_catalog.has_column_privilege(r.oid, a.attrelid, a.attnum, 'insert') as insert,
        pg_catalog.has_column_privilege(r.oid, a.attrelid, a.attnum, 'update') as update
    from pg_catalog.pg_roles as r
    cross join pg_catalog.pg_attribute as a
    where r.rolname = any(%(roles)s) and a.attrelid = any(%(tables)s::oid[])
        and a.attnum > 0 and not a.attisdropped
"""

TABLE_PRIVILEGES: LiteralString = """
    select
        r.rolname as role, c.oid::bigint as table,
        pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'usage') as usage,
        pg_catalog.has_table_privilege(r.oid, c.oid, 'delete') as delete,
        pg_catalog.has_table_privilege(r.oid, c.oid, 'truncate') as truncate,
        f.filtered, not f.filtered or coalesce(y.shows_all, false) as reads_all
    from pg_catalog.pg_roles as r
    cross join pg_catalog.pg_class as c
    cross join lateral (
        select c.relrowsecurity and not (r.rolsuper or r.rolbypassrls)
            and (c.relforcerowsecurity or not pg_catalog.pg_has_role(r.oid, c.relowner, 'usage'))
    ) as f (filtered)
    cross join lateral (
        select bool_and(y.polpermissive) and bool_or(pg_catalog.pg_get_expr(y.polqual, y.polrelid) = 'true')
        from pg_catalog.pg_policy as y
        cross join lateral unnest(y.polroles) as u (oid)
        where y.polrelid = c.oid and y.polcmd in ('r', '*')
            and case when u.oid = 0 then true else pg_catalog.pg_has_role(r.oid, u.oid, 'usage') end
    ) as y (shows_all)
    where r.rolname = any(%(roles)s) and c.oid = any(%(tables)s::oid[])
"""

# Calls would have effects and need arguments: privileges alone are asked about. Triggers' can not be called.
FUNCTIONS: LiteralString = """
    select
        f.oid::bigint as oid, r.rolname as role,
        pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage') as usage,
        pg_catalog.has_function_privilege(r.oid, f.oid, 'execute') as held,
        array(
            select t.typname from unnest(f.proargtypes) with ordinality as u (type, ordinal)
            inner join pg_catalog.pg_type as t on u.type = t.oid
            order by u.ordinal
        ) as arguments
    from pg_catalog.pg_proc as f
    inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    cross join pg_catalog.pg_roles as r
    where n.nspname = any(%(schemas)s) and r.rolname = any(%(roles)s)
        and f.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
"""

SEQUENCES: LiteralString = """
    select
        n.nspname as schema, c.relname as name, r.rolname as role, p.privilege,
        pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage') as usage,
        pg_catalog.has_sequence_privilege(r.oid, c.oid, p.privilege) as held
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join pg_catalog.pg_roles as r
    cross join (values ('usage'), ('select'), ('update')) as p (privilege)
    where c.relkind = 'S' and n.nspname = any(%(schemas)s) and r.rolname = any(%(roles)s)
"""
