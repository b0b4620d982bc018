-- `auth`: what policies ask about a request, and what the schema's owner may do with the tables of Auth.

set local role supabase_auth_admin;

-- A custom setting is '' and not NULL once a transaction that set it has ended, hence nullif.
-- A non-empty legacy setting request.jwt.claim.<name> wins over the JSON claims.
-- An empty claim counts as absent; the platform raises 22P02 for an empty sub instead.
create function auth.uid() returns uuid
language sql stable
as $$
    select nullif(coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    ), '')::uuid
$$;

create function auth.role() returns text
language sql stable
as $$
    select nullif(coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
    ), '')
$$;

create function auth.email() returns text
language sql stable
as $$
    select nullif(coalesce(
        nullif(current_setting('request.jwt.claim.email', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
    ), '')
$$;

create function auth.jwt() returns jsonb
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;

do $tables$
declare
    -- Tables that later releases added have neither row level security nor the grant option.
    secured constant text := 'auth.audit_log_entries, auth.flow_state, auth.identities, auth.instances, '
        'auth.mfa_amr_claims, auth.mfa_challenges, auth.mfa_factors, auth.one_time_tokens, auth.refresh_tokens, '
        'auth.saml_providers, auth.saml_relay_states, auth.schema_migrations, auth.sessions, auth.sso_domains, '
        'auth.sso_providers, auth.users';
    owner constant regrole := quote_ident(current_setting('pgassay.owner'))::regrole;
    secured_table text;
begin
    foreach secured_table in array string_to_array(secured, ', ') loop
        execute format('alter table %s enable row level security', secured_table);
    end loop;
    execute format('grant select on %s to %s with grant option', secured, owner);
    execute format('revoke all on auth.schema_migrations from %s, dashboard_user', owner);
end
$tables$;
