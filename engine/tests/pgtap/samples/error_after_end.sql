begin;
select plan(1);
select ok(true, 'truth');
select * from finish();
rollback;
select 1 / 0;
