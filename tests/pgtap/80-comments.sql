-- Comments: everything says what it is for.

begin;
select plan(5);

select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            and obj_description(c.oid, 'pg_class') is null
    $$,
    'every table has a comment'
);
select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
            and obj_description(c.oid, 'pg_class') is null
    $$,
    'every view has a comment'
);
select is_empty(
    $$
        select t.typname
        from pg_type as t
        where t.typnamespace in ('public'::regnamespace, 'private'::regnamespace) and t.typtype in ('e', 'd', 'r')
            and obj_description(t.oid, 'pg_type') is null
    $$,
    'every type has a comment'
);
select is_empty(
    $$
        select p.oid::regprocedure
        from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
            and obj_description(p.oid, 'pg_proc') is null
    $$,
    'every function has a comment'
);
select isnt(obj_description('private'::regnamespace, 'pg_namespace'), null, 'the schema private has a comment');

select finish();
rollback;
