select '1..2';
select 'ok 1 - truth';
\q
select 'ok 2 - never';
