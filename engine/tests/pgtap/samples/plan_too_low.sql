begin;
select plan(1);
select ok(true, 'planned');
select ok(true, 'unplanned');
select * from finish();
rollback;
