\set ON_ERROR_STOP off
select * from no_such_table;
select '1..1';
select 'ok 1 - truth';
