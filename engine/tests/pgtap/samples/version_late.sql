select '1..1';
\echo TAP version 13
select 'ok 1 - truth';
