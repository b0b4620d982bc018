-- Reaches no network: no connection can be established.

create type dblink_pkey_results as (position integer, colname text);

create function stand_in_refuse() returns text
language plpgsql
as $$
begin
    raise exception 'could not establish connection' using
        errcode = 'sqlclient_unable_to_establish_sqlconnection', detail = 'pgassay reaches no network.';
end
$$;

create function dblink_connect(text) returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink_connect(text, text) returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink_disconnect() returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink_disconnect(text) returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink(text) returns setof record
language plpgsql set search_path from current
as $$ begin perform stand_in_refuse(); end $$;

create function dblink(text, boolean) returns setof record
language plpgsql set search_path from current
as $$ begin perform stand_in_refuse(); end $$;

create function dblink(text, text) returns setof record
language plpgsql set search_path from current
as $$ begin perform stand_in_refuse(); end $$;

create function dblink(text, text, boolean) returns setof record
language plpgsql set search_path from current
as $$ begin perform stand_in_refuse(); end $$;

create function dblink_exec(text) returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink_exec(text, boolean) returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink_exec(text, text) returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink_exec(text, text, boolean) returns text
language sql set search_path from current
as $$ select stand_in_refuse() $$;

create function dblink_send_query(text, text) returns integer
language sql
as $$ select 0 $$;

create function dblink_get_result(text) returns setof record
language plpgsql set search_path from current
as $$ begin perform stand_in_refuse(); end $$;

create function dblink_is_busy(text) returns integer
language sql
as $$ select 0 $$;

create function dblink_get_connections() returns text[]
language sql
as $$ select null::text[] $$;

create function dblink_error_message(text) returns text
language sql
as $$ select 'pgassay reaches no network.' $$;

create function dblink_fdw_validator(options text[], catalog oid) returns void
language plpgsql
as $$ begin end $$;

create foreign data wrapper dblink_fdw validator dblink_fdw_validator; -- noqa: PRS
