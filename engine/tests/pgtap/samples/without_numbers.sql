select '1..2';
select 'ok - first';
select 'ok';
