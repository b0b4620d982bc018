-- Realtime: what is published, and how much of a deleted row.

begin;
select plan(3);

select set_eq(
    $$
        select p.schemaname::text, p.tablename::text
        from pg_publication_tables as p
        where p.pubname = 'supabase_realtime'
    $$,
    $$values ('public', 'jobs'), ('public', 'users')$$,
    'supabase_realtime: jobs and users, nothing else'
);

select is_empty(
    $$
        select r.prrelid::regclass
        from pg_publication_rel as r
        inner join pg_class as c on c.oid = r.prrelid
        where c.relnamespace = 'public'::regnamespace and (r.prqual is not null or r.prattrs is not null)
    $$,
    'all columns and rows of a published table; policies filter them for each subscriber'
);

-- A DELETE is not filtered by policies: with a full identity, everybody would see the whole row.
select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relreplident <> 'd'
    $$,
    'the replica identity of every table is its primary key'
);

select finish();
rollback;
