begin;
select plan(1);
select 1234;
select '1ab50000-0000-4000-8000-000000000001'::uuid;
select null::int, now(), array[1, 2], '{"a": 1}'::jsonb, '\x00'::bytea;
select 'okay is not ok';
select ok(true, 'truth');
select * from finish();
rollback;
