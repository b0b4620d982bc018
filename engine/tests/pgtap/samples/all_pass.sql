begin;
select plan(3);
select ok(true, 'truth');
select is(1 + 1, 2, 'sum');
select has_table('pg_catalog', 'pg_class', 'a table exists');
select * from finish();
rollback;
