-- Rules that every table keeps, tables of tomorrow too.

begin;
select plan(13);

select is_empty(
    $$
        select u.place
        from (
            select format('%s.%s', a.attrelid::regclass, a.attname), a.atttypid
            from pg_attribute as a
            inner join pg_class as c on a.attrelid = c.oid
            where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'v')
                and a.attnum > 0
            union all
            select p.oid::regprocedure::text, t.type
            from pg_proc as p
            cross join unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]) || p.prorettype) as t (type)
            where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
        ) as u (place, type)
        inner join pg_type as t on u.type = t.oid
        where t.typname in ('timestamp', 'time', 'timetz', 'date', 'float4', 'float8', 'money', 'json')
    $$,
    'columns, arguments and results: no time without a zone, no float, no money, no json'
);

select is_empty(
    $$
        select c.table_name, c.column_name
        from information_schema.columns as c
        inner join information_schema.tables as t using (table_schema, table_name)
        where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
            and c.data_type in ('text', 'character varying', 'jsonb', 'integer', 'smallint', 'numeric')
            -- Any order in the shop will do; private.move_job counts path_changes to 3 and measures worker_id.
            and c.column_name not in ('sort_order', 'path_changes', 'worker_id')
            and not exists (
                select
                from pg_constraint as k
                inner join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = any(k.conkey)
                where k.contype = 'c' and k.conrelid = format('public.%I', c.table_name)::regclass
                    and a.attname = c.column_name
            )
            and not exists (
                select
                from pg_trigger as t
                inner join pg_attribute as a on a.attrelid = t.tgrelid and a.attnum = any(t.tgattr::int2[])
                where t.tgfoid = 'private.check_job_values'::regproc and t.tgenabled = 'O'
                    and t.tgrelid = format('public.%I', c.table_name)::regclass and a.attname = c.column_name
            )
    $$,
    'a check, or a trigger of jobs, bounds every text, jsonb and number, but for the order in the shop'
);

select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            and not exists (select from pg_index as i where i.indrelid = c.oid and i.indisprimary)
    $$,
    'every table has a primary key'
);

select is_empty(
    $$
        select t.table_name
        from information_schema.tables as t
        where t.table_schema = 'public' and t.table_type = 'BASE TABLE'
            and not exists (
                select
                from information_schema.columns as c
                where (c.table_schema, c.table_name) = (t.table_schema, t.table_name)
                    and c.column_name = 'created_at' and c.is_nullable = 'NO'
            )
    $$,
    'every table has created_at'
);

select set_eq(
    $$
        select c.table_name::text
        from information_schema.columns as c
        where c.table_schema = 'public' and c.column_name = 'updated_at'
    $$,
    $$
        select t.tgrelid::regclass::text
        from pg_trigger as t
        where t.tgfoid in ('private.set_updated_at'::regproc, 'private.move_job'::regproc)
    $$,
    'updated_at is stamped by a trigger wherever there is one'
);

select is_empty(
    $$
        select k.conrelid::regclass, k.conname
        from pg_constraint as k
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
            and not exists (
                select
                from pg_index as i
                where i.indrelid = k.conrelid and i.indpred is null and i.indisvalid and i.indkey[0] = k.conkey[1]
            )
    $$,
    'a whole index leads with the first column of every foreign key'
);

select is_empty(
    $$
        select i.indexrelid::regclass
        from pg_index as i
        inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any(i.indkey::int2[])
        where i.indrelid in ('public.jobs'::regclass, 'public.users'::regclass)
            and a.attname in ('progress_percentage', 'updated_at')
    $$,
    'no index on progress_percentage or updated_at: updates of them stay HOT'
);

select is_empty(
    $$
        select i.indexrelid::regclass, other.indexrelid::regclass
        from pg_index as i
        inner join pg_index as other on other.indrelid = i.indrelid and other.indexrelid > i.indexrelid
        -- The platform's own tables have such pairs.
        where i.indrelid::regclass::text !~ '^(pg_|auth\.|storage\.|realtime\.)'
            and (i.indkey::text, i.indoption::text, coalesce(pg_get_expr(i.indpred, i.indrelid), ''))
            = (other.indkey::text, other.indoption::text, coalesce(pg_get_expr(other.indpred, other.indrelid), ''))
    $$,
    'no two indexes are the same'
);

select is_empty(
    $$select i.indexrelid::regclass from pg_index as i where not i.indisvalid or not i.indisready$$,
    'every index is valid'
);

select is_empty(
    $$
        select k.conrelid::regclass, k.conname
        from pg_constraint as k
        where k.connamespace = 'public'::regnamespace and (not k.convalidated or k.condeferrable)
    $$,
    'every constraint is validated and checked at once'
);

select is_empty(
    $$
        select k.conrelid::regclass, k.conname
        from pg_constraint as k
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
            and k.confrelid not in (select c.oid from pg_class as c where c.relnamespace = 'public'::regnamespace)
    $$,
    'no foreign key leaves public: deleting an auth user takes no row here with it'
);

select set_eq(
    $$
        select c.relname::text, o.option
        from pg_class as c
        cross join unnest(c.reloptions) as o (option)
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    $$,
    $$values ('users', 'fillfactor=90'), ('jobs', 'fillfactor=85')$$,
    'users and jobs leave room for HOT updates'
);

select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and (c.relpersistence <> 'p' or c.relispartition)
    $$,
    'nothing is unlogged: a crash empties no table'
);

select finish();
rollback;
