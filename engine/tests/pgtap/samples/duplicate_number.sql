select '1..3';
select 'ok 1 - first';
select 'ok 1 - first';
select 'ok 3 - third';
