-- Digests, HMACs and random bytes are right; nothing is encrypted, and passwords are not hashed with bcrypt.
-- Ciphers carry their text readably, so that the right key opens it and a wrong one does not.

create function gen_random_bytes(integer) returns bytea
language plpgsql volatile strict parallel safe
as $$
declare
    bytes bytea := '';
begin
    if $1 not between 1 and 1024 then
        raise exception 'Length not in range' using errcode = 'external_routine_invocation_exception';
    end if;
    while length(bytes) < $1 loop
        bytes := bytes || sha256(uuid_send(pg_catalog.gen_random_uuid()) || uuid_send(pg_catalog.gen_random_uuid()));
    end loop;
    return substr(bytes, 1, $1);
end
$$;

create function gen_random_uuid() returns uuid
language sql volatile parallel safe
as $$ select pg_catalog.gen_random_uuid() $$;

-- SHA-1, which PostgreSQL itself does not have: FIPS 180-4, with 32-bit words in bigints.
create function stand_in_sha1(message bytea) returns bytea
language plpgsql immutable strict parallel safe
as $$
declare
    mask constant bigint := 4294967295;
    h bigint[] := array[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    v bigint[];
    w bigint[];
    f bigint;
    k bigint;
    x bigint;
    padded bytea := message || '\x80' || decode(repeat('00', (119 - length(message) % 64) % 64), 'hex')
        || int8send(length(message)::bigint * 8);
begin
    for block in 0 .. length(padded) / 64 - 1 loop
        w := array[]::bigint[];
        for i in 0 .. 15 loop
            w[i] := ('x' || encode(substr(padded, block * 64 + i * 4 + 1, 4), 'hex'))::bit(32)::bigint;
        end loop;
        for i in 16 .. 79 loop
            x := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
            w[i] := ((x << 1) & mask) | (x >> 31);
        end loop;
        v := h;
        for i in 0 .. 79 loop
            case i / 20
                when 0 then f := (v[2] & v[3]) | ((~v[2] & mask) & v[4]); k := 1518500249;
                when 1 then f := v[2] # v[3] # v[4]; k := 1859775393;
                when 2 then f := (v[2] & v[3]) | (v[2] & v[4]) | (v[3] & v[4]); k := 2400959708;
                else f := v[2] # v[3] # v[4]; k := 3395469782;
            end case;
            x := ((((v[1] << 5) & mask) | (v[1] >> 27)) + f + v[5] + k + w[i]) & mask;
            v := array[x, v[1], ((v[2] << 30) & mask) | (v[2] >> 2), v[3], v[4]];
        end loop;
        for i in 1 .. 5 loop
            h[i] := (h[i] + v[i]) & mask;
        end loop;
    end loop;
    return (select string_agg(substr(int8send(word), 5), '' order by n) from unnest(h) with ordinality as t (word, n));
end
$$;

create function digest(bytea, text) returns bytea
language plpgsql immutable strict parallel safe set search_path from current
as $$
begin
    case lower($2)
        when 'md5' then return decode(md5($1), 'hex');
        when 'sha1' then return stand_in_sha1($1);
        when 'sha224' then return sha224($1);
        when 'sha256' then return sha256($1);
        when 'sha384' then return sha384($1);
        when 'sha512' then return sha512($1);
        else
            raise exception 'Cannot use "%": No such hash algorithm', $2
                using errcode = 'external_routine_invocation_exception';
    end case;
end
$$;

create function digest(text, text) returns bytea
language sql immutable strict parallel safe set search_path from current
as $$ select digest(convert_to($1, getdatabaseencoding()), $2) $$;

create function hmac(bytea, bytea, text) returns bytea
language plpgsql immutable strict parallel safe set search_path from current
as $$
declare
    size constant integer := case when lower($3) in ('sha384', 'sha512') then 128 else 64 end;
    key bytea := case when length($2) > size then digest($2, $3) else $2 end;
    inner_pad bytea;
    outer_pad bytea;
begin
    key := key || decode(repeat('00', size - length(key)), 'hex');
    inner_pad := key;
    outer_pad := key;
    for i in 0 .. size - 1 loop
        inner_pad := set_byte(inner_pad, i, get_byte(key, i) # 54);
        outer_pad := set_byte(outer_pad, i, get_byte(key, i) # 92);
    end loop;
    return digest(outer_pad || digest(inner_pad || $1, $3), $3);
end
$$;

create function hmac(text, text, text) returns bytea
language sql immutable strict parallel safe set search_path from current
as $$ select hmac(convert_to($1, getdatabaseencoding()), convert_to($2, getdatabaseencoding()), $3) $$;

-- A salt that nobody takes for bcrypt's.
create function gen_salt(text, integer) returns text
language plpgsql volatile strict parallel safe set search_path from current
as $$
begin
    if lower($1) not in ('bf', 'md5', 'xdes', 'des', 'sha256crypt', 'sha512crypt') then
        raise exception 'gen_salt: Unknown salt algorithm' using errcode = 'invalid_parameter_value';
    end if;
    return '$stand-in$' || encode(gen_random_bytes(12), 'hex') || '$';
end
$$;

create function gen_salt(text) returns text
language sql volatile strict parallel safe set search_path from current
as $$ select gen_salt($1, 0) $$;

create function crypt(text, text) returns text
language plpgsql immutable strict parallel safe
as $$
declare
    salt constant text := substring($2 from '^\$stand-in\$[0-9a-f]{24}\$');
begin
    if salt is null then
        raise exception 'The stand-in for pgcrypto knows no bcrypt, and only salts of its own gen_salt.'
            using errcode = 'feature_not_supported', hint = 'npm brings the real pgcrypto: see `pgassay doctor`.';
    end if;
    return salt || encode(sha256(convert_to(salt || $1, 'utf8')), 'hex');
end
$$;

create function encrypt(bytea, bytea, text) returns bytea
language sql immutable strict parallel safe
as $$ select '\x7374616e642d696e'::bytea || sha256($2) || $1 $$;

create function decrypt(bytea, bytea, text) returns bytea
language plpgsql immutable strict parallel safe
as $$
begin
    if substr($1, 1, 40) is distinct from '\x7374616e642d696e'::bytea || sha256($2) then
        raise exception 'Wrong key or corrupt data' using errcode = 'external_routine_invocation_exception';
    end if;
    return substr($1, 41);
end
$$;

create function encrypt_iv(bytea, bytea, bytea, text) returns bytea
language sql immutable strict parallel safe set search_path from current
as $$ select encrypt($1, $2 || $3, $4) $$;

create function decrypt_iv(bytea, bytea, bytea, text) returns bytea
language sql immutable strict parallel safe set search_path from current
as $$ select decrypt($1, $2 || $3, $4) $$;

create function pgp_sym_encrypt_bytea(data bytea, key text, options text default '') returns bytea
language sql volatile strict parallel safe set search_path from current
as $$ select encrypt($1, convert_to($2, 'utf8'), 'pgp') $$;

create function pgp_sym_decrypt_bytea(data bytea, key text, options text default '') returns bytea
language sql immutable strict parallel safe set search_path from current
as $$ select decrypt($1, convert_to($2, 'utf8'), 'pgp') $$;

create function pgp_sym_encrypt(data text, key text, options text default '') returns bytea
language sql volatile strict parallel safe set search_path from current
as $$ select encrypt(convert_to($1, 'utf8'), convert_to($2, 'utf8'), 'pgp') $$;

create function pgp_sym_decrypt(data bytea, key text, options text default '') returns text
language sql immutable strict parallel safe set search_path from current
as $$ select convert_from(decrypt($1, convert_to($2, 'utf8'), 'pgp'), 'utf8') $$;

create function armor(bytea) returns text
language plpgsql immutable strict parallel safe
as $$
begin
    raise exception 'The stand-in for pgcrypto has no PGP messages.'
        using errcode = 'feature_not_supported', hint = 'npm brings the real pgcrypto: see `pgassay doctor`.';
end
$$;

create function dearmor(text) returns bytea
language plpgsql immutable strict parallel safe
as $$
begin
    raise exception 'The stand-in for pgcrypto has no PGP messages.'
        using errcode = 'feature_not_supported', hint = 'npm brings the real pgcrypto: see `pgassay doctor`.';
end
$$;
