begin;
select plan(1);
select todo('not written yet', 1);
select ok(true, 'future');
select * from finish();
rollback;
