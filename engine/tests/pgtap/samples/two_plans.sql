select '1..1';
select 'ok 1 - truth';
select '1..1';
