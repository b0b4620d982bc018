select '1..1';
select 'ok 1 - truth';
select pg_terminate_backend(pg_backend_pid());
