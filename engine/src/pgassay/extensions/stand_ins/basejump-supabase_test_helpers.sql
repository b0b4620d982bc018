-- Users, requests and frozen time for pgTAP files; belongs to whoever creates it.
-- Source: the documented functions of basejump's supabase-test-helpers; names and results are theirs, the SQL is ours.

set local search_path = pg_catalog, pg_temp;

create schema tests;
create schema test_overrides;

-- Triggers of auth.users run with the rights and the search path of this function, as with the original.
create function tests.create_supabase_user(
    identifier text, email text default null, phone text default null, metadata jsonb default null
) returns uuid
language plpgsql security definer set search_path = auth, pg_temp
as $$
declare
    made uuid := gen_random_uuid();
begin
    insert into auth.users (id, email, phone, raw_user_meta_data, raw_app_meta_data, created_at, updated_at)
    values (
        made,
        coalesce($2, made || '@test.com'),
        $3,
        jsonb_build_object('test_identifier', $1) || coalesce($4, '{}'),
        '{}',
        now(),
        now()
    )
    returning id into made;
    return made;
end
$$;

create function tests.get_supabase_user(identifier text) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    found json;
begin
    select json_build_object(
        'id', u.id,
        'email', u.email,
        'phone', u.phone,
        'raw_user_meta_data', u.raw_user_meta_data,
        'raw_app_meta_data', u.raw_app_meta_data
    ) into found
    from auth.users as u
    where u.raw_user_meta_data ->> 'test_identifier' = $1
    limit 1;
    if found is null then
        raise exception 'User with identifier % not found', $1;
    end if;
    return found;
end
$$;

create function tests.get_supabase_uid(identifier text) returns uuid
language plpgsql set search_path = ''
as $$ begin return (tests.get_supabase_user($1) ->> 'id')::uuid; end $$;

-- Until the end of the transaction: a change of role, and what goes with it.
create function tests.become(role text, claims json) returns void
language plpgsql
as $$
begin
    perform set_config('role', $1, true);
    perform set_config('request.jwt.claims', coalesce($2::text, ''), true);
end
$$;

create function tests.authenticate_as(identifier text) returns void
language plpgsql
as $$
declare
    account constant json := tests.get_supabase_user($1);
begin
    perform tests.become('authenticated', json_build_object(
        'sub', account -> 'id',
        'email', account -> 'email',
        'phone', account -> 'phone',
        'user_metadata', account -> 'raw_user_meta_data',
        'app_metadata', account -> 'raw_app_meta_data'
    ));
end
$$;

create function tests.authenticate_as_service_role() returns void
language plpgsql
as $$ begin perform tests.become('service_role', null); end $$;

create function tests.clear_authentication() returns void
language plpgsql
as $$ begin perform tests.become('anon', null); end $$;

-- What has no row level security; a view has none, and counts with the original too.
create function tests.rls_enabled(testing_schema text) returns text
language plpgsql
as $$
begin
    return is(
        (
            select count(*)::integer from pg_catalog.pg_class as c
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            where n.nspname = $1 and c.reltype <> 0 and not c.relrowsecurity
        ),
        0,
        format('row level security is on for all of schema %s', $1)
    );
end
$$;

create function tests.rls_enabled(testing_schema text, testing_table text) returns text
language plpgsql
as $$
begin
    return is(
        (
            select count(*)::integer from pg_catalog.pg_class as c
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            where n.nspname = $1 and c.relname = $2 and c.relrowsecurity
        ),
        1,
        format('row level security is on for %s.%s', $1, $2)
    );
end
$$;

create function test_overrides.now() returns timestamptz
language plpgsql
as $$
begin
    return coalesce(nullif(current_setting('tests.frozen_time', true), '')::timestamptz, pg_catalog.now());
end
$$;

create function tests.freeze_time(frozen_time timestamptz) returns void
language plpgsql
as $$
declare
    path constant text := current_setting('search_path');
begin
    if path not like 'test_overrides,%' then
        perform set_config('tests.original_search_path', path, true);
        -- Named, pg_catalog comes last; else it would come first.
        perform set_config('search_path', concat_ws(',', 'test_overrides', nullif(path, ''), 'pg_catalog'), true);
    end if;
    perform set_config('tests.frozen_time', $1::text, true);
end
$$;

create function tests.unfreeze_time() returns void
language plpgsql
as $$
begin
    perform set_config('tests.frozen_time', '', true);
    if current_setting('search_path') like 'test_overrides,%' then
        perform set_config('search_path', current_setting('tests.original_search_path'), true);
    end if;
end
$$;

revoke execute on all functions in schema tests, test_overrides from public;
do $rights$
declare
    receiver regrole;
begin
    foreach receiver in array array_remove(
        array[to_regrole('anon'), to_regrole('authenticated'), to_regrole('service_role')], null
    )
    loop
        execute format('grant usage on schema tests, test_overrides to %s', receiver);
        execute format('grant execute on all functions in schema tests, test_overrides to %s', receiver);
        -- What a file adds to these schemas, its requests may call.
        execute format(
            'alter default privileges in schema tests, test_overrides grant execute on functions to %s', receiver
        );
    end loop;
end
$rights$;
