-- Secrets are encoded and not encrypted; functions, views and rights are the platform's.
-- Sources: the public scripts of supabase/vault, and the platform's own after CREATE EXTENSION.

set local search_path = pg_catalog, pg_temp;

create table vault.secrets (
    id uuid primary key default gen_random_uuid(),
    name text,
    description text not null default '',
    secret text not null,
    key_id uuid,
    nonce bytea default uuid_send(gen_random_uuid()),
    created_at timestamptz not null default current_timestamp,
    updated_at timestamptz not null default current_timestamp
);
create unique index secrets_name_idx on vault.secrets (name) where name is not null;

create function vault._crypto_aead_det_decrypt(
    message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium', nonce bytea default null
) returns bytea
language sql immutable
as $$ select message $$;

-- The order of the columns is the platform's.
create view vault.decrypted_secrets as
select -- noqa: ST06
    s.id,
    s.name,
    s.description,
    s.secret,
    convert_from(
        vault._crypto_aead_det_decrypt(decode(s.secret, 'base64'), convert_to(s.id::text, 'utf8'), 0), 'utf8'
    ) as decrypted_secret,
    s.key_id,
    s.nonce,
    s.created_at,
    s.updated_at
from vault.secrets as s;

create function vault.create_secret(
    new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
) returns uuid
language sql security definer set search_path = ''
as $$
    insert into vault.secrets (secret, name, description)
    values (encode(convert_to(new_secret, 'utf8'), 'base64'), new_name, new_description)
    returning id
$$;

create function vault.update_secret(
    secret_id uuid,
    new_secret text default null,
    new_name text default null,
    new_description text default null,
    new_key_id uuid default null
) returns void
language sql security definer set search_path = ''
as $$
    update vault.secrets as s
    set
        secret = coalesce(encode(convert_to(new_secret, 'utf8'), 'base64'), s.secret),
        name = coalesce(new_name, s.name),
        description = coalesce(new_description, s.description),
        updated_at = now()
    where s.id = secret_id
$$;

revoke all on function vault.create_secret(text, text, text, uuid) from public;
revoke all on function vault.update_secret(uuid, text, text, text, uuid) from public;
revoke all on function vault._crypto_aead_det_decrypt(bytea, bytea, bigint, bytea, bytea) from public;

do $rights$
declare
    maker constant regrole := (select extowner from pg_catalog.pg_extension where extname = 'supabase_vault');
    receiver text;
begin
    foreach receiver in array array[maker || ' with grant option'] || case
        when to_regrole('service_role') is null then array[]::text[] else array['service_role'] end
    loop
        execute 'grant usage on schema vault to ' || receiver;
        execute 'grant select, delete' || case receiver when 'service_role' then '' else ', truncate, references' end
            || ' on vault.secrets, vault.decrypted_secrets to ' || receiver;
        execute 'grant execute on function vault.create_secret, vault.update_secret, '
            || 'vault._crypto_aead_det_decrypt to ' || receiver;
    end loop;
end
$rights$;
