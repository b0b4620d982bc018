"""The catalog queries of `denial.facts`. Names with a schema come back safely quoted."""

from __future__ import annotations

from typing import LiteralString

# The relations of these names; views lead on to what they read, with the role whose rights count there.
RELATIONS: LiteralString = """
    with recursive used as (
        select u.ordinal::integer - 1 as index, c.oid, r.oid as role, true as direct
        from unnest(%(schemas)s::text[], %(names)s::text[]) with ordinality as u (schema, name, ordinal)
        inner join pg_catalog.pg_class as c on u.name = c.relname
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        inner join pg_catalog.pg_roles as r on r.rolname = %(role)s
        where u.schema = n.nspname or (u.schema = '' and pg_catalog.pg_table_is_visible(c.oid))
        union
        select used.index, d.refobjid, case when o.invoker then used.role else v.relowner end, false
        from used
        inner join pg_catalog.pg_class as v on used.oid = v.oid and v.relkind = 'v'
        inner join pg_catalog.pg_rewrite as w on v.oid = w.ev_class
        inner join pg_catalog.pg_depend as d
            on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> v.oid
        cross join lateral (
            select exists (
                select from pg_catalog.pg_options_to_table(v.reloptions)
                where option_name = 'security_invoker' and option_value::boolean
            ) as invoker
        ) as o
    )
    select
        used.index, used.direct, r.rolname as role,
        format('%%I.%%I', n.nspname, c.relname) as name, n.nspname as schema, c.relkind::text as kind,
        pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage') as usage,
        array(
            select p from unnest(array['select', 'update', 'usage']) as p
            where c.relkind = 'S' and pg_catalog.has_sequence_privilege(r.oid, c.oid, p)
            union all
            select p
            from unnest(
                array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
            ) as p
            where c.relkind <> 'S' and pg_catalog.has_table_privilege(r.oid, c.oid, p)
        ) as held,
        (
            select coalesce(jsonb_object_agg(a.attname, array(
                select p from unnest(array['select', 'insert', 'update', 'references']) as p
                where pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, p)
            )), '{}')
            from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'
        ) as columns,
        c.relrowsecurity and not (r.rolsuper or r.rolbypassrls)
        and (c.relforcerowsecurity or not pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')) as filters,
        (
            select coalesce(jsonb_agg(jsonb_build_object(
                'name', p.polname, 'permissive', p.polpermissive, 'checks', p.polwithcheck is not null,
                'command', case p.polcmd
                    when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                    when 'd' then 'delete' else 'all'
                end
            ) order by p.polname), '[]')
            from pg_catalog.pg_policy as p
            where p.polrelid = c.oid and exists (
                select from unnest(p.polroles) as named
                where case named when 0 then true else pg_catalog.pg_has_role(r.oid, named, 'usage') end
            )
        ) as policies,
        array(
            select option_name from pg_catalog.pg_options_to_table(c.reloptions) where option_value <> 'false'
        ) as options
    from used
    inner join pg_catalog.pg_class as c on used.oid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_roles as r on used.role = r.oid
    order by used.direct desc, used.index, c.oid, r.oid
"""

# Functions as GRANT names them: argument types with their schemas, whatever the search path.
SIGNATURES: LiteralString = """
    select f.oid, format('%%I.%%I(%%s)', n.nspname, f.proname, array_to_string(array(
        select case
            when tn.nspname = 'pg_catalog' then format_type(t.oid, null)
            when e.oid is null then format('%%I.%%I', tn.nspname, t.typname)
            else format('%%I.%%I[]', tn.nspname, e.typname)
        end
        from unnest(f.proargtypes) with ordinality as argument (type, ordinal)
        inner join pg_catalog.pg_type as t on argument.type = t.oid
        inner join pg_catalog.pg_namespace as tn on t.typnamespace = tn.oid
        left join pg_catalog.pg_type as e on t.typelem = e.oid and t.typcategory = 'A'
        order by argument.ordinal
    ), ', ')) as name
    from pg_catalog.pg_proc as f
    inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    where f.oid = any(%(functions)s::oid[])
"""

# Functions of these names that the role cannot call, all overloads.
FUNCTIONS: LiteralString = """
    select f.oid, n.nspname as schema, s.usage, s.execute
    from unnest(%(schemas)s::text[], %(names)s::text[]) as u (schema, name)
    inner join pg_catalog.pg_proc as f on u.name = f.proname
    inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    cross join lateral (select
        pg_catalog.has_schema_privilege(%(role)s, n.oid, 'usage') as usage,
        pg_catalog.has_function_privilege(%(role)s, f.oid, 'execute') as execute
    ) as s
    where (n.nspname = u.schema or (u.schema = '' and pg_catalog.pg_function_is_visible(f.oid)))
        and not (s.usage and s.execute)
    order by f.oid
"""

# What defaults, checks, policies and views of these relations call and read, and the role may not.
REACHED: LiteralString = """
    with reached as (
        select distinct d.refclassid, d.refobjid, d.refobjsubid
        from pg_catalog.pg_depend as d
        inner join (
            select 'pg_catalog.pg_attrdef'::regclass as class, oid, adrelid as relation
            from pg_catalog.pg_attrdef
            union all
            select 'pg_catalog.pg_constraint'::regclass, oid, conrelid from pg_catalog.pg_constraint
            where contype = 'c'
            union all
            select 'pg_catalog.pg_policy'::regclass, oid, polrelid from pg_catalog.pg_policy
            union all
            select 'pg_catalog.pg_rewrite'::regclass, oid, ev_class from pg_catalog.pg_rewrite
        ) as part on d.classid = part.class and d.objid = part.oid
        where part.relation = any(%(relations)s::regclass[]) and d.refobjid <> part.relation
    )
    select 'execute' as privilege, 'function' as kind, f.oid, '' as object, '' as column
    from reached
    inner join pg_catalog.pg_proc as f on reached.refobjid = f.oid
    where reached.refclassid = 'pg_catalog.pg_proc'::regclass
        and not pg_catalog.has_function_privilege(%(role)s, f.oid, 'execute')
    union all
    select 'usage', 'sequence', null, format('%%I.%%I', n.nspname, c.relname), ''
    from reached
    inner join pg_catalog.pg_class as c on reached.refobjid = c.oid and c.relkind = 'S'
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where reached.refclassid = 'pg_catalog.pg_class'::regclass
        and case c.relkind when 'S' then not pg_catalog.has_sequence_privilege(%(role)s, c.oid, 'usage') end
    union all
    select 'select', 'table', null, format('%%I.%%I', n.nspname, c.relname), a.attname
    from reached
    inner join pg_catalog.pg_class as c on reached.refobjid = c.oid and c.relkind <> 'S'
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid and reached.refobjsubid = a.attnum
    where reached.refclassid = 'pg_catalog.pg_class'::regclass and a.attnum > 0
        and not pg_catalog.has_column_privilege(%(role)s, c.oid, a.attnum, 'select')
    order by 2, 3, 4, 5
"""

# Triggers whose function a context mentions, innermost frame first.
# A partition's triggers are copies of its parent's.
TRIGGERS: LiteralString = """
    select format('%%I.%%I', n.nspname, c.relname) as table, t.tgname as name,
        format('%%I.%%I()', fn.nspname, f.proname) as function
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_proc as f on t.tgfoid = f.oid
    inner join pg_catalog.pg_namespace as fn on f.pronamespace = fn.oid
    cross join lateral (values
        (strpos(%(context)s, format(' %%I.%%I(', fn.nspname, f.proname))),
        (strpos(%(context)s, format(' %%I(', f.proname)))
    ) as found (place)
    where not t.tgisinternal and t.tgparentid = 0 and found.place > 0
    order by found.place, c.oid = any(%(relations)s::regclass[]) desc, 1, 2
"""

# A constraint or unique index by name; for a partition or child, the ancestor's that it was inherited from.
CONSTRAINTS: LiteralString = """
    with recursive hit as (
        select k.oid, k.conrelid, k.contypid, k.conname, k.conparentid, k.coninhcount
        from pg_catalog.pg_constraint as k
        left join pg_catalog.pg_class as c on k.conrelid = c.oid
        where k.conname = %(name)s and coalesce(c.relname, '') = %(table)s
        union
        select p.oid, p.conrelid, p.contypid, p.conname, p.conparentid, p.coninhcount
        from hit
        inner join pg_catalog.pg_inherits as i on hit.conrelid = i.inhrelid
        inner join pg_catalog.pg_constraint as p
            on i.inhparent = p.conrelid
            and (hit.conparentid = p.oid or (hit.conparentid = 0 and hit.conname = p.conname))
        where hit.coninhcount > 0
    ),
    indexes as (
        select i.indexrelid from pg_catalog.pg_index as i
        inner join pg_catalog.pg_class as x on i.indexrelid = x.oid
        inner join pg_catalog.pg_class as c on i.indrelid = c.oid
        where i.indisunique and x.relname = %(name)s and c.relname = %(table)s
        union
        select i.inhparent
        from indexes inner join pg_catalog.pg_inherits as i on indexes.indexrelid = i.inhrelid
    )
    select case when hit.contypid <> 0 then 'domain' else 'table' end as kind,
        format('%%I.%%I', n.nspname, coalesce(c.relname, t.typname)) as of, hit.conname as name
    from hit
    left join pg_catalog.pg_class as c on hit.conrelid = c.oid
    left join pg_catalog.pg_type as t on hit.contypid = t.oid
    inner join pg_catalog.pg_namespace as n on coalesce(c.relnamespace, t.typnamespace) = n.oid
    where hit.coninhcount = 0
    union all
    select 'index', format('%%I.%%I', n.nspname, x.relname), x.relname
    from indexes
    inner join pg_catalog.pg_class as x on indexes.indexrelid = x.oid
    inner join pg_catalog.pg_namespace as n on x.relnamespace = n.oid
    where not x.relispartition and not exists (
        select from pg_catalog.pg_constraint as k where k.conindid = x.oid and k.contype in ('p', 'u', 'x')
    )
    order by 1, 2, 3
"""

# The tables of this name with a column of that name; of a partition, the root, which alone can change it.
NOT_NULL: LiteralString = """
    select distinct format('%%I.%%I', n.nspname, c.relname) as table
    from pg_catalog.pg_class as named
    inner join pg_catalog.pg_attribute as a on named.oid = a.attrelid and a.attname = %(column)s
    inner join pg_catalog.pg_class as c
        on c.oid = coalesce(pg_catalog.pg_partition_root(named.oid), named.oid)
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where named.relname = %(table)s and named.relkind in ('r', 'p') and a.attnotnull
    order by 1
"""
