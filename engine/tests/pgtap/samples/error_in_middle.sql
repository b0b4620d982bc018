begin;
select plan(2);
select ok(true, 'before');
select * from no_such_table;
select ok(true, 'after');
select * from finish();
rollback;
