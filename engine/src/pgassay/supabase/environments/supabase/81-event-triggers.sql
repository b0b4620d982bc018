-- Event triggers of the schema's owner, which PostgreSQL lets a superuser alone create. The engine sends calls of these
-- functions instead of the owner's statements. As with supautils, they fire for everybody but superusers: while the
-- script of an extension runs as superuser, and while supautils is at work, they are disabled. For this the engine's
-- own are the last in the order of names: nothing of the owner's runs between them and the statement.

create table pgassay.paused_event_triggers (name name primary key, state text not null);

-- Whose function belongs to a superuser, that is the platform's or the engine's.
create function pgassay.own_event_triggers() returns table (name name, state text)
language sql stable set search_path = ''
as $$
    select t.evtname, t.evtenabled::text
    from pg_catalog.pg_event_trigger as t
    inner join pg_catalog.pg_proc as p on t.evtfoid = p.oid
    inner join pg_catalog.pg_roles as r on p.proowner = r.oid
    where not r.rolsuper
$$;

create function pgassay.create_event_trigger(name text, event text, tags text[], called regprocedure) returns void
language plpgsql security definer set search_path = ''
as $$
begin
    if event not in ('ddl_command_start', 'ddl_command_end', 'sql_drop', 'table_rewrite') then
        raise exception 'this emulation knows no event trigger on %', event using errcode = 'feature_not_supported';
    end if;
    if name collate "C" >= '~' then
        raise exception 'this emulation has no event triggers with such a name: %', name
            using errcode = 'feature_not_supported';
    end if;
    if (
        select r.rolsuper from pg_catalog.pg_proc as p
        inner join pg_catalog.pg_roles as r on p.proowner = r.oid
        where p.oid = called
    ) then
        raise exception 'an event trigger of "%" must execute a function of no superuser', session_user
            using errcode = 'insufficient_privilege';
    end if;
    execute format('create event trigger %I on %s', name, event)
        || coalesce((select format(' when tag in (%s)', string_agg(quote_literal(t), ', ')) from unnest(tags) as t having count(*) > 0), '')
        || format(' execute function %s()', called::oid::regproc);
end
$$;

create function pgassay.change_event_trigger(name text, verb text, value text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
    if not exists (select from pg_catalog.pg_event_trigger as t where t.evtname = $1) then
        if verb <> 'drop if exists' then
            raise exception 'event trigger "%" does not exist', name using errcode = 'undefined_object';
        end if;
        raise notice 'event trigger "%" does not exist, skipping', name;
        return;
    end if;
    if not exists (select from pgassay.own_event_triggers() as t where t.name = $1) then
        raise exception 'must be owner of event trigger %', name using errcode = 'insufficient_privilege';
    end if;
    if verb = 'rename' and value collate "C" >= '~' then
        raise exception 'this emulation has no event triggers with such a name: %', value
            using errcode = 'feature_not_supported';
    end if;
    case
        when verb in ('enable', 'disable', 'enable replica', 'enable always') then
            execute format('alter event trigger %I %s', name, verb);
        when verb in ('drop', 'drop if exists') then
            execute format('drop event trigger %I', name);
        when verb = 'rename' then
            execute format('alter event trigger %I rename to %I', name, value);
        when verb = 'comment' then
            execute format('comment on event trigger %I is %L', name, value);
        when verb = 'owner' then  -- a superuser's it stays
            null;
    end case;
end
$$;

create function pgassay.pause_event_triggers() returns void
language plpgsql security definer set search_path = ''
as $$
declare
    own record;
begin
    for own in select t.name, t.state from pgassay.own_event_triggers() as t where t.state <> 'D'
    loop
        insert into pgassay.paused_event_triggers (name, state) values (own.name, own.state);
        execute format('alter event trigger %I disable', own.name);
    end loop;
end
$$;

create function pgassay.resume_event_triggers() returns void
language plpgsql security definer set search_path = ''
as $$
declare
    paused record;
begin
    for paused in delete from pgassay.paused_event_triggers returning name, state
    loop
        execute format('alter event trigger %I enable %s', paused.name, case paused.state
            when 'R' then 'replica' when 'A' then 'always' else '' end);
    end loop;
end
$$;

-- What an extension's script makes is a superuser's. So the superuser moves it for the owner of the extension, whose
-- own statement then finds it where it shall be.
create function pgassay.move_extension(statement text) returns void
language plpgsql set search_path = ''
as $$
declare
    name constant text := '("(?:[^"]|"")+"|[^\s".;(]+)';
    words constant text[] := regexp_match(
        statement, '(?i)^alter\s+extension\s+' || name || '\s+set\s+schema\s+' || name
    );
    extension name;
    target name;
begin
    select e.extname, n.nspname into extension, target
    from pg_catalog.pg_extension as e, pg_catalog.pg_namespace as n
    where e.extname = (parse_ident(words[1]))[1] and n.nspname = (parse_ident(words[2]))[1]
        and e.extowner = session_user::regrole and current_setting('role') in ('none', session_user)
        and e.extnamespace <> n.oid and pg_catalog.has_schema_privilege(session_user, n.oid, 'CREATE');
    if found then
        execute format('alter extension %I set schema %I', extension, target);
    end if;
end
$$;

create function pgassay.before_extension() returns event_trigger
language plpgsql security definer set search_path = ''
as $$
declare
    context text;
begin
    get diagnostics context = pg_context;
    perform pgassay.pause_event_triggers();
    if context !~ 'pgassay\.move_extension' then
        perform pgassay.move_extension(pgassay.statement_at_work(context));
    end if;
end
$$;

create function pgassay.after_extension() returns event_trigger
language plpgsql security definer set search_path = ''
as $$ begin perform pgassay.resume_event_triggers(); end $$;

do $rights$
declare
    owner constant regrole := quote_ident(current_setting('pgassay.owner'))::regrole;
begin
    revoke execute on all functions in schema pgassay from public;
    execute format(
        'grant execute on function pgassay.create_event_trigger, pgassay.change_event_trigger, '
        || 'pgassay.pause_event_triggers, pgassay.resume_event_triggers, pgassay.open_schemas, '
        || 'pgassay.statement_at_work to %s', owner
    );
end
$rights$;

do $triggers$
begin
    create event trigger "~pgassay_before_extension" on ddl_command_start
    when tag in ('CREATE EXTENSION', 'ALTER EXTENSION') execute function pgassay.before_extension();
    create event trigger "~pgassay_after_extension" on ddl_command_end
    when tag in ('CREATE EXTENSION', 'ALTER EXTENSION') execute function pgassay.after_extension();
    alter event trigger "~pgassay_before_extension" enable always;
    alter event trigger "~pgassay_after_extension" enable always;
end
$triggers$;
