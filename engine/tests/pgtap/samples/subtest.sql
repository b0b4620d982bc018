select '1..1';
select '    1..1';
select '    not ok 1 - inner';
select 'ok 1 - outer';
