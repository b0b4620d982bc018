-- What a request of the platform carries beside its role: a complete token, as Auth writes it, shaped by the project's
-- hook. In a schema of the engine's own, which nobody but the owner and authenticator may use.
-- sqlfluff:rules:references.keywords:ignore_words:name,value

create schema pgassay;

-- `hook.custom_access_token`: a function; `roles`: the settings of roles, as they were when the schema was loaded.
-- Roles belong to the cluster, where another schema changes them.
create table pgassay.settings (
    name text primary key,
    value jsonb not null
);

-- Auth takes what it knows of a user from the table; what the persona claims wins.
create function pgassay.token(claims jsonb) returns text
language plpgsql volatile security definer
set search_path to auth
as $body$
declare
    seconds constant bigint := extract(epoch from now());
    of_user constant text := claims ->> 'sub';
    token jsonb := jsonb_build_object(
        'iss', 'https://project.supabase.co/auth/v1', 'iat', seconds, 'exp', seconds + 3600
    );
    hook text;
    answer jsonb;
begin
    -- One query, since each costs as much as the rest of the function.
    select
        s.value #>> '{}',
        token || case when of_user <> '' then jsonb_build_object(
            'aud', 'authenticated', 'email', coalesce(u.email, ''), 'phone', coalesce(u.phone, ''),
            'aal', 'aal1', 'is_anonymous', coalesce(u.is_anonymous, false),
            'app_metadata', coalesce(u.raw_app_meta_data, '{}'),
            'user_metadata', coalesce(u.raw_user_meta_data, '{}'),
            'amr', jsonb_build_array(jsonb_build_object('method', 'password', 'timestamp', seconds)),
            'session_id', md5('session of ' || of_user)::uuid
        ) else '{}' end || claims
    into hook, token
    from (values (case when of_user ~ '^[0-9a-fA-F-]{36}$' then of_user::uuid end)) as asked (id)
    left join auth.users as u on u.id = asked.id
    left join pgassay.settings as s on s.name = 'hook.custom_access_token';
    -- A hook that is not there shapes nothing; the command says so.
    if to_regproc(hook) is null or token ->> 'sub' is null then
        return token::text;
    end if;
    execute format('select %s($1)', hook::regproc) into answer
    using jsonb_build_object(
        'user_id', of_user, 'claims', token,
        'authentication_method', coalesce(token -> 'amr' -> 0 ->> 'method', 'password')
    );
    if jsonb_typeof(answer -> 'claims') is distinct from 'object' then
        raise exception 'The hook % gives no token: %', hook, coalesce(answer -> 'error' ->> 'message', answer::text)
            using errcode = 'invalid_parameter_value';
    end if;
    return (answer -> 'claims')::text;
end
$body$;

alter function pgassay.token(jsonb) owner to supabase_auth_admin;
revoke all on function pgassay.token(jsonb) from public;
grant usage on schema pgassay to authenticator, supabase_auth_admin;
grant select on pgassay.settings to authenticator, supabase_auth_admin;
grant execute on function pgassay.token(jsonb) to authenticator;

do $owner$
declare
    owner constant regrole := quote_ident(current_setting('pgassay.owner'))::regrole;
begin
    execute format('grant usage on schema pgassay to %s', owner);
    execute format('grant select, insert, update on pgassay.settings to %s', owner);
    execute format('grant execute on function pgassay.token(jsonb) to %s', owner);
end
$owner$;
