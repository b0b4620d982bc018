-- Comments: everything says what it is for, in two words at least.

begin;
select plan(5);

select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            and coalesce(obj_description(c.oid, 'pg_class'), '') !~ '\w+ \w+'
    $$,
    'every table has a comment'
);
select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
            and coalesce(obj_description(c.oid, 'pg_class'), '') !~ '\w+ \w+'
    $$,
    'every view has a comment'
);
select is_empty(
    $$
        select t.typname
        from pg_type as t
        where t.typnamespace in ('public'::regnamespace, 'private'::regnamespace) and t.typtype in ('e', 'd', 'r')
            and coalesce(obj_description(t.oid, 'pg_type'), '') !~ '\w+ \w+'
    $$,
    'every type has a comment'
);
select is_empty(
    $$
        select p.oid::regprocedure
        from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
            and coalesce(obj_description(p.oid, 'pg_proc'), '') !~ '\w+ \w+'
    $$,
    'every function has a comment'
);
select matches(obj_description('private'::regnamespace, 'pg_namespace'), '\w+ \w+', 'the schema private has a comment');

select finish();
rollback;
