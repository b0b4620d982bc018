select '1..2 todo 2';
select 'ok 1 - present';
select 'not ok 2 - future';
