-- Foreign tables can be declared, and never be read: their handlers refuse.

create table wrappers_fdw_stats (
    fdw_name text primary key,
    create_times bigint,
    rows_in bigint,
    rows_out bigint,
    bytes_in bigint,
    bytes_out bigint,
    metadata jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

do $handlers$
declare
    name text;
begin
    foreach name in array array[
        'airtable', 'auth0', 'big_query', 'click_house', 'cognito', 'duckdb', 'firebase', 'hello_world', 'iceberg',
        'logflare', 'mssql', 'redis', 's3', 's3vectors', 'stripe', 'wasm'
    ] loop
        -- No format(): one in the schema that this goes into could be a better match.
        -- Of fdw_handler no function can be but one in C: this one raises, whatever it gets.
        execute 'create function ' || name || '_fdw_handler() returns fdw_handler language internal as '
            || '''fdw_handler_in''';
        execute 'create function ' || name || '_fdw_validator(options text[], catalog oid) returns void '
            || 'language plpgsql as ''begin end''';
    end loop;
end
$handlers$;
