begin;
select plan(2);
select todo('not written yet', 1);
select ok(false, 'future');
select ok(true, 'present');
select * from finish();
rollback;
