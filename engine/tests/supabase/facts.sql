-- What a catalog says about the platform's schemas, one line a fact: names, types, owners, grants; no function's text.
-- sqlfluff:exclude_rules:LT14,RF02,RF03,RF04,RF05,ST05
-- What differs between versions of PostgreSQL is left out: MAINTAIN (17), constraints for NOT NULL (18).

with schemas as (
    select
        n.oid,
        n.nspname as name,
        n.nspacl as acl,
        n.nspowner as owner
    from pg_catalog.pg_namespace as n
    where n.nspname in ('auth', 'storage', 'realtime')
),

-- The owner's own privileges say nothing; the grantor is whoever could grant.
grants as (
    select
        object.oid,
        object.catalog,
        coalesce(string_agg(format(
            '%s=%s',
            case when item.grantee = 0 then 'public' else item.grantee::regrole::text end,
            item.privileges
        ), ' ' order by item.grantee::regrole::text collate "C"), '') as line
    from (
        select
            c.oid,
            'pg_class' as catalog,
            c.relacl as acl,
            c.relowner as owner
        from pg_catalog.pg_class as c inner join schemas as s on c.relnamespace = s.oid
        union all
        select
            p.oid,
            'pg_proc' as catalog,
            coalesce(p.proacl, acldefault('f', p.proowner)) as acl,
            p.proowner
        from pg_catalog.pg_proc as p inner join schemas as s on p.pronamespace = s.oid
        union all
        select
            s.oid,
            'pg_namespace' as catalog,
            s.acl,
            s.owner
        from schemas as s
    ) as object
    cross join
        lateral (
            select
                a.grantee,
                string_agg(
                    lower(a.privilege_type) || case when a.is_grantable then '*' else '' end,
                    ',' order by a.privilege_type collate "C"
                ) as privileges
            from aclexplode(object.acl) as a
            where a.privilege_type <> 'MAINTAIN' and a.grantee <> object.owner
            group by a.grantee
        ) as item
    group by object.oid, object.catalog
),

relations as (
    select
        c.oid,
        c.relkind as kind,
        c.relowner as owner,
        c.relrowsecurity as secured,
        c.relforcerowsecurity as forced,
        s.name || '.' || c.relname as name
    from pg_catalog.pg_class as c inner join schemas as s on c.relnamespace = s.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'c') and not c.relispartition
),

facts as (
    select format('schema %s owner=%s [%s]', s.name, s.owner::regrole, g.line) as line
    from schemas as s left join grants as g on s.oid = g.oid and g.catalog = 'pg_namespace'

    union all
    select
        format(
            '%s %s owner=%s%s%s%s [%s]',
            case r.kind
                when 'S' then 'sequence' when 'c' then 'composite' when 'p' then 'partitioned' when 'r' then 'table'
                else 'view'
            end,
            r.name, r.owner::regrole,
            case when r.secured then ' rls' else '' end,
            case when r.forced then ' forced' else '' end,
            coalesce(' by ' || case when r.kind = 'p' then pg_get_partkeydef(r.oid) end, ''),
            g.line
        )
    from relations as r left join grants as g on r.oid = g.oid and g.catalog = 'pg_class'

    union all
    select
        format(
            'column %s %s: %s %s%s%s', r.name,
            to_char(row_number() over (partition by r.oid order by a.attnum), 'fm00'),
            a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' else '' end,
            case when a.attidentity <> '' then format(' identity %s', a.attidentity) else '' end
            || coalesce(
                case
                    when a.attgenerated <> '' then ' generated ' else ' default '
                end || pg_get_expr(d.adbin, d.adrelid), ''
            )
        )
    from relations as r
    inner join pg_catalog.pg_attribute as a on r.oid = a.attrelid
    left join pg_catalog.pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
    where a.attnum > 0 and not a.attisdropped and r.kind <> 'S'

    union all
    select
        format(
            'constraint %s.%s %s', r.name, c.conname,
            regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', ' (not validated)')
        )
    from relations as r inner join pg_catalog.pg_constraint as c on r.oid = c.conrelid
    where c.contype <> 'n'

    union all
    select format('index %s: %s', r.name, pg_get_indexdef(i.indexrelid))
    from relations as r inner join pg_catalog.pg_index as i on r.oid = i.indrelid
    where not exists (select from pg_catalog.pg_constraint as c where c.conindid = i.indexrelid)

    union all
    select
        format(
            'trigger %s', regexp_replace(pg_get_triggerdef(t.oid), '^CREATE (CONSTRAINT )?TRIGGER ', '\1')
        )
    from relations as r inner join pg_catalog.pg_trigger as t on r.oid = t.tgrelid
    where not t.tgisinternal

    union all
    select
        format(
            'policy %s.%s %s for %s to %s using (%s) check (%s)', r.name, p.polname,
            case when p.polpermissive then 'permissive' else 'restrictive' end, p.polcmd,
            p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        )
    from relations as r inner join pg_catalog.pg_policy as p on r.oid = p.polrelid

    union all
    select
        format(
            'function %s.%s(%s) returns %s %s %s%s%s owner=%s%s [%s]', s.name, p.proname,
            pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname,
            case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
            case when p.prosecdef then ' definer' else '' end,
            case when p.proisstrict then ' strict' else '' end,
            p.proowner::regrole,
            coalesce(' set ' || array_to_string(p.proconfig, ' '), ''),
            g.line
        )
    from pg_catalog.pg_proc as p
    inner join schemas as s on p.pronamespace = s.oid
    inner join pg_catalog.pg_language as l on p.prolang = l.oid
    left join grants as g on p.oid = g.oid and g.catalog = 'pg_proc'

    union all
    select format('enum %s.%s owner=%s (%s)', s.name, t.typname, t.typowner::regrole, labels.line)
    from pg_catalog.pg_type as t
    inner join schemas as s on t.typnamespace = s.oid
    cross join
        lateral (
            select string_agg(e.enumlabel, ', ' order by e.enumsortorder) as line
            from pg_catalog.pg_enum as e
            where e.enumtypid = t.oid
        ) as labels
    where t.typtype = 'e'

    union all
    select
        format(
            'defaults of %s in %s on %s: %s', d.defaclrole::regrole, s.name,
            case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' else 'functions' end, acl.line
        )
    from pg_catalog.pg_default_acl as d
    inner join schemas as s on d.defaclnamespace = s.oid
    cross join lateral (
        select
            string_agg(
                distinct a.grantee::regrole::text || case when a.is_grantable then '*' else '' end, ' '
            ) as line
        from aclexplode(d.defaclacl) as a
    ) as acl
)

select f.line from facts as f
order by f.line collate "C"
