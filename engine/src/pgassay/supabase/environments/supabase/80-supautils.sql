-- What the library supautils lets the schema's owner do beside its own rights: create, alter and drop policies on
-- tables of Auth, Storage and Realtime, and drop triggers on these. As supautils does, an owner who does so
-- becomes somebody else for that one statement: pgassay_supautils, who owns these tables by its memberships, may use
-- the owner's schemas meanwhile, and is no superuser. Statements of blocks, functions and EXECUTE come by here too.
-- A schema that becomes an admin of the services by itself is refused all DDL: on the platform it could not.

-- A policy may name what is in any schema of its owner's: parsing it takes USAGE.
create function pgassay.open_schemas(verb text, preposition text) returns void
language plpgsql
as $$
declare
    schema name;
begin
    for schema in
        select n.nspname from pg_catalog.pg_namespace as n
        where n.nspname !~ '^pg_' and pg_catalog.has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
            and case verb
                when 'grant' then not pg_catalog.has_schema_privilege('pgassay_supautils', n.oid, 'USAGE')
                else exists (
                    select from pg_catalog.aclexplode(n.nspacl) as a
                    where a.grantee = 'pgassay_supautils'::regrole
                )
            end
    loop
        execute format('%s usage on schema %I %s pgassay_supautils', verb, schema, preposition);
    end loop;
end
$$;

-- Below its first line, which is the asking function's, a context begins with the statement that a block or function
-- runs, in quotes. What the client sent has no context.
create function pgassay.statement_at_work(context text) returns text
language sql
as $$
    select regexp_replace(
        coalesce(substring(context from '^[^\n]*\n[^\n"]*"(.*)$'), current_query()),
        '^\s*(?:--[^\n]*\n\s*|/\*(?:[^*]|\*+[^*/])*\*+/\s*)*', ''
    )
$$;

do $functions$
begin
    execute format($format$
        create function pgassay.before_ddl() returns event_trigger
        language plpgsql
        as $body$
        declare
            context text;
            statement text;
            -- A name, perhaps quoted.
            name constant text := '(?:"(?:[^"]|"")+"|[^\s".;(]+)';
            target oid;
            grantable boolean;
        begin
            if current_user <> %1$L then
                if session_user = %1$L and current_user in (
                    'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin', 'pgassay_supautils'
                ) then
                    raise exception 'permission denied to set role "%%"', current_user
                        using errcode = 'insufficient_privilege';
                end if;
                return;
            end if;
            if tg_tag not in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER') then
                return;
            end if;
            get diagnostics context = pg_context;
            statement := pgassay.statement_at_work(context);
            target := to_regclass(substring(
                statement from
                '(?i)^(?:create|alter|drop)\s+(?:policy|trigger)\s+(?:if\s+exists\s+)?'
                || name || '\s+on\s+(' || name || '(?:\s*\.\s*' || name || ')?)'
            ));
            select case
                when n.nspname = 'realtime' then c.relname in ('messages', 'subscription')
                else n.nspname in ('auth', 'storage')
            end into grantable
            from pg_catalog.pg_class as c
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            where c.oid = target;
            if grantable then
                perform pgassay.pause_event_triggers();
                perform pgassay.open_schemas('grant', 'to');
                perform set_config('pgassay.former_role', current_setting('role'), true);
                perform set_config('role', 'pgassay_supautils', true);
            end if;
        end
        $body$
    $format$, current_setting('pgassay.owner'));
end
$functions$;

create function pgassay.after_ddl() returns event_trigger
language plpgsql
as $$
begin
    if current_user = 'pgassay_supautils' then
        perform set_config('role', current_setting('pgassay.former_role'), true);
        perform pgassay.open_schemas('revoke', 'from');
        perform pgassay.resume_event_triggers();
    end if;
end
$$;

do $triggers$
begin
    create event trigger "~pgassay_before_ddl" on ddl_command_start execute function pgassay.before_ddl();
    create event trigger "~pgassay_after_ddl" on ddl_command_end
    when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER')
    execute function pgassay.after_ddl();
    alter event trigger "~pgassay_before_ddl" enable always;
    alter event trigger "~pgassay_after_ddl" enable always;
end
$triggers$;
