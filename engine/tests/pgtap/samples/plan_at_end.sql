select 'ok 1 - first';
select 'ok 2 - second';
select '1..2';
