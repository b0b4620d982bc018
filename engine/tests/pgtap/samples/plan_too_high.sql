begin;
select plan(3);
select ok(true, 'truth');
select * from finish();
rollback;
