-- Extensions that are installed through it are noted, and cannot be created. What has no version, as in the answers of
-- the http that stands in, is passed over.

set local search_path = pg_catalog, pg_temp;

create table pgtle.stand_in_extension (
    name text,
    version text,
    description text,
    ext text,
    requires text[],
    is_default boolean not null,
    primary key (name, version)
);

create function pgtle.install_extension(
    name text, version text, description text, ext text, requires text[] default null, schema text default null
) returns boolean
language sql
as $$
    insert into pgtle.stand_in_extension (name, version, description, ext, requires, is_default)
    select $1, $2, $3, $4, $5, not exists (select from pgtle.stand_in_extension as e where e.name = $1)
    where $2 is not null;
    select true
$$;

create function pgtle.install_extension_version_sql(name text, version text, ext text) returns boolean
language sql
as $$ select pgtle.install_extension($1, $2, '', $3) $$;

create function pgtle.install_update_path(name text, fromvers text, tovers text, ext text) returns boolean
language sql
as $$ select pgtle.install_extension($1, $3, '', $4) $$;

create function pgtle.set_default_version(name text, version text) returns boolean
language sql
as $$
    update pgtle.stand_in_extension as e set is_default = e.version = $2 where e.name = $1;
    select true
$$;

create function pgtle.uninstall_extension(extname text) returns boolean
language sql
as $$
    delete from pgtle.stand_in_extension as e where e.name = $1;
    select true
$$;

create function pgtle.uninstall_extension(extname text, version text) returns boolean
language sql
as $$
    delete from pgtle.stand_in_extension as e where e.name = $1 and e.version = $2;
    select true
$$;

create function pgtle.uninstall_extension_if_exists(extname text) returns boolean
language sql
as $$ select pgtle.uninstall_extension($1) $$;

create function pgtle.available_extensions() returns table (name name, default_version text, comment text)
language sql
as $$ select e.name, e.version, e.description from pgtle.stand_in_extension as e where e.is_default $$;

create function pgtle.available_extension_versions() returns table (
    name name,
    version text,
    superuser boolean,
    trusted boolean,
    relocatable boolean,
    schema name,
    requires name[],
    comment text
)
language sql
as $$
    select e.name, e.version, false, false, false, null::name, e.requires::name[], e.description
    from pgtle.stand_in_extension as e
$$;

do $rights$
declare
    maker constant regrole := (select extowner from pg_catalog.pg_extension where extname = 'pg_tle');
begin
    execute format('grant usage on schema pgtle to %s with grant option', maker);
    execute format('grant all on pgtle.stand_in_extension to %s', maker);
end
$rights$;
