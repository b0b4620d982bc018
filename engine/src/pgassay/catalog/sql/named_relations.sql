-- The relations of these names; views lead on to what they read, with the role whose rights count there.
with recursive used as (
    select
        u.ordinal::integer - 1 as index,
        c.oid,
        r.oid as role,
        true as direct
    from unnest($1::text[], $2::text[]) with ordinality as u (schema, name, ordinal)
    inner join pg_catalog.pg_class as c on u.name = c.relname
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_roles as r on r.rolname = $3
    where u.schema = n.nspname or (u.schema = '' and pg_catalog.pg_table_is_visible(c.oid))
    union
    select
        used.index,
        d.refobjid as oid,
        case when o.invoker then used.role else v.relowner end as role,
        false as direct
    from used
    inner join pg_catalog.pg_class as v on used.oid = v.oid and v.relkind = 'v'
    inner join pg_catalog.pg_rewrite as w on v.oid = w.ev_class
    inner join pg_catalog.pg_depend as d
        on
            d.classid = 'pg_catalog.pg_rewrite'::regclass and w.oid = d.objid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and v.oid <> d.refobjid
    cross join lateral (
        select exists(
            select from pg_catalog.pg_options_to_table(v.reloptions)
            where option_name = 'security_invoker' and option_value::boolean
        ) as invoker
    ) as o
)

select
    used.index,
    used.direct,
    r.rolname as role,
    n.nspname as schema,
    c.relkind::text as kind,
    format('%I.%I', n.nspname, c.relname) as name,
    pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage') as usage,
    array(
        select p from unnest(array['select', 'update', 'usage']) as p
        where c.relkind = 'S' and pg_catalog.has_sequence_privilege(r.oid, c.oid, p)
        union all
        select p
        from
            unnest(
                array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
            ) as p
        where c.relkind <> 'S' and pg_catalog.has_table_privilege(r.oid, c.oid, p)
    ) as held,
    (
        select
            coalesce(jsonb_object_agg(a.attname, array(
                select p from unnest(array['select', 'insert', 'update', 'references']) as p
                where pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, p)
            )), '{}')
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'
    ) as columns,
    c.relrowsecurity and not (r.rolsuper or r.rolbypassrls)
    and (c.relforcerowsecurity or not pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')) as filters,
    (
        select
            coalesce(jsonb_agg(jsonb_build_object(
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
        select o.option_name from pg_catalog.pg_options_to_table(c.reloptions) as o
        where o.option_value <> 'false'
    ) as options
from used
inner join pg_catalog.pg_class as c on used.oid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_roles as r on used.role = r.oid
order by used.direct desc, used.index asc, c.oid asc, r.oid asc
