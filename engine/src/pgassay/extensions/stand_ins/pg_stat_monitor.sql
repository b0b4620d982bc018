-- Counts nothing: its view is empty.

create function pg_stat_monitor_reset() returns void
language sql
as $$ select $$;

create function pg_stat_monitor_version() returns text
language sql
as $$ select 'stand-in' $$;

create view pg_stat_monitor as
select
    null::bigint as bucket,
    null::timestamptz as bucket_start_time,
    null::oid as userid,
    null::oid as dbid,
    null::bigint as queryid,
    null::text as query,
    null::bigint as calls,
    null::double precision as total_exec_time,
    null::double precision as mean_exec_time,
    null::bigint as rows
where false;

grant select on pg_stat_monitor to public;
