-- Keys are rows and nothing is encrypted: what a key has closed, only the same key opens.
-- Transparent column encryption, signatures and password hashes are left out.

set local search_path = pg_catalog, pg_temp;

create type pgsodium.key_status as enum ('default', 'valid', 'invalid', 'expired');
create type pgsodium.key_type as enum (
    'aead-ietf', 'aead-det', 'hmacsha512', 'hmacsha256', 'auth', 'shorthash', 'generichash', 'kdf', 'secretbox',
    'secretstream', 'stream_xchacha20'
);
create table pgsodium.key (
    id uuid primary key default gen_random_uuid(),
    status pgsodium.key_status default 'valid',
    created timestamptz not null default current_timestamp,
    expires timestamptz,
    key_type pgsodium.key_type,
    key_id bigint generated always as identity,
    key_context bytea default '\x7067736f6469756d',
    name text unique,
    associated_data text default 'associated',
    raw_key bytea,
    raw_key_nonce bytea,
    parent_key uuid references pgsodium.key (id),
    comment text
);
create view pgsodium.valid_key as
select
    key.id,
    key.name,
    key.status,
    key.key_type,
    key.key_id,
    key.key_context,
    key.created,
    key.expires,
    key.associated_data
from pgsodium.key
where key.status in ('valid', 'default') and coalesce(key.expires > now(), true);

create function pgsodium.create_key(
    key_type pgsodium.key_type default 'aead-det',
    name text default null,
    raw_key bytea default null,
    raw_key_nonce bytea default null,
    parent_key uuid default null,
    key_context bytea default '\x7067736f6469756d',
    expires timestamptz default null,
    associated_data text default ''
) returns pgsodium.valid_key
language plpgsql
as $$
declare
    made uuid;
    shown pgsodium.valid_key;
begin
    insert into pgsodium.key (key_type, name, raw_key, raw_key_nonce, parent_key, key_context, expires, associated_data)
    values ($1, $2, $3, $4, $5, $6, $7, $8) returning id into made;
    select v.* into shown from pgsodium.valid_key as v where v.id = made;
    return shown;
end
$$;

create function pgsodium.randombytes_buf(size integer) returns bytea
language sql volatile
as $$
    select substr(string_agg(uuid_send(gen_random_uuid()), ''), 1, size) from generate_series(0, size / 16)
$$;

create function pgsodium.crypto_aead_det_noncegen() returns bytea
language sql volatile
as $$ select pgsodium.randombytes_buf(16) $$;

create function pgsodium.crypto_aead_det_keygen() returns bytea
language sql volatile
as $$ select pgsodium.randombytes_buf(64) $$;

create function pgsodium.crypto_secretbox_noncegen() returns bytea
language sql volatile
as $$ select pgsodium.randombytes_buf(24) $$;

create function pgsodium.crypto_secretbox_keygen() returns bytea
language sql volatile
as $$ select pgsodium.randombytes_buf(32) $$;

create function pgsodium._close(message bytea, key text) returns bytea
language sql immutable
as $$ select '\x7374616e642d696e'::bytea || sha256(convert_to(key, 'utf8')) || message $$;

create function pgsodium._open(message bytea, key text) returns bytea
language plpgsql immutable
as $$
begin
    if substr(message, 1, 40) is distinct from '\x7374616e642d696e'::bytea || sha256(convert_to(key, 'utf8')) then
        raise exception 'pgsodium: invalid ciphertext' using errcode = 'data_exception';
    end if;
    return substr(message, 41);
end
$$;

create function pgsodium.crypto_aead_det_encrypt(
    message bytea, additional bytea, key_uuid uuid, nonce bytea default null
) returns bytea
language sql stable
as $$ select pgsodium._close(message, key_uuid::text || additional::text) $$;

create function pgsodium.crypto_aead_det_decrypt(
    message bytea, additional bytea, key_uuid uuid, nonce bytea default null
) returns bytea
language sql stable
as $$ select pgsodium._open(message, key_uuid::text || additional::text) $$;

create function pgsodium.crypto_aead_det_encrypt(
    message bytea, additional bytea, key bytea, nonce bytea default null
) returns bytea
language sql immutable
as $$ select pgsodium._close(message, key::text || additional::text) $$;

create function pgsodium.crypto_aead_det_decrypt(
    message bytea, additional bytea, key bytea, nonce bytea default null
) returns bytea
language sql immutable
as $$ select pgsodium._open(message, key::text || additional::text) $$;

create function pgsodium.crypto_secretbox(message bytea, nonce bytea, key bytea) returns bytea
language sql immutable
as $$ select pgsodium._close(message, key::text || nonce::text) $$;

create function pgsodium.crypto_secretbox_open(ciphertext bytea, nonce bytea, key bytea) returns bytea
language sql immutable
as $$ select pgsodium._open(ciphertext, key::text || nonce::text) $$;

do $rights$
declare
    maker constant regrole := (select extowner from pg_catalog.pg_extension where extname = 'pgsodium');
begin
    execute format('grant usage on schema pgsodium to %s with grant option', maker);
    execute format('grant all on all tables in schema pgsodium to %s with grant option', maker);
    execute format('grant all on all functions in schema pgsodium to %s with grant option', maker);
end
$rights$;
