select '1..1 and no more';
select 'ok 1 - truth';
