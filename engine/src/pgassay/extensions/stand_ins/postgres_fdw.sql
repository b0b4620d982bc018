-- Reaches no network: servers and foreign tables can be declared, and reading one says that there is no handler.

create function postgres_fdw_validator(options text[], catalog oid) returns void
language plpgsql
as $$ begin end $$;

create foreign data wrapper postgres_fdw validator postgres_fdw_validator; -- noqa: PRS

create function postgres_fdw_get_connections(out server_name text, out valid boolean) returns setof record
language sql
as $$ select null::text, null::boolean where false $$;

create function postgres_fdw_disconnect(text) returns boolean
language sql
as $$ select false $$;

create function postgres_fdw_disconnect_all() returns boolean
language sql
as $$ select false $$;

set local search_path = pg_catalog, pg_temp;
do $rights$
begin
    execute format(
        'grant usage on foreign data wrapper postgres_fdw to %s with grant option',
        (select extowner::regrole from pg_catalog.pg_extension where extname = 'postgres_fdw')
    );
end
$rights$;
