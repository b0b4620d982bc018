select 'ok 1 - first';
select '1..2';
select 'ok 2 - second';
