-- The extensions that a new project has ("Database Extensions"), as far as the server has them or something that
-- stands in.

-- Older projects have extensions in these: their dumps say `create extension … with schema graphql`.
create schema graphql;
create schema pgsodium;
create sequence pgsodium.key_key_id_seq;  -- seeds that were dumped set it

do $extensions$
declare
    owner constant regrole := quote_ident(current_setting('pgassay.owner'))::regrole;
    wanted record;
begin
    -- Whoever makes an extension may drop it, as supautils lets `postgres`: the owner makes all that PostgreSQL trusts,
    -- whose scripts run as superuser all the same.
    execute format('grant create on database %I to %s', current_database(), owner);
    execute format('grant usage on schema pgsodium to %s', owner);
    execute format('grant all on sequence pgsodium.key_key_id_seq to %s', owner);
    for wanted in
        select
            project.name,
            project.schema,
            version.trusted
        from (
            values
            ('pg_stat_statements', 'extensions'),
            ('pgcrypto', 'extensions'),
            ('uuid-ossp', 'extensions'),
            ('supabase_vault', 'vault')
        ) as project (name, schema)
        inner join pg_catalog.pg_available_extensions as available using (name)
        inner join pg_catalog.pg_available_extension_versions as version
            on project.name = version.name and available.default_version = version.version
        where version.trusted
            or exists (select from pg_catalog.pg_roles where rolname = current_user and rolsuper)
    loop
        execute format('create schema if not exists %I', wanted.schema);
        if wanted.trusted then
            execute format('set local role %s', owner);
        end if;
        execute format('create extension %I with schema %I', wanted.name, wanted.schema);
        reset role;
    end loop;
    execute format('revoke create on database %I from %s', current_database(), owner);
end
$extensions$;
