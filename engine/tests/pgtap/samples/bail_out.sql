select plan(1);
select ok(true, 'truth');
\echo Bail out! database is on fire
