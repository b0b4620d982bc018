-- Signs and verifies with HS256, HS384 and HS512, as the original does.

create function url_encode(data bytea) returns text
language sql immutable
as $$ select translate(encode(data, 'base64'), E'+/=\n', '-_') $$;

create function url_decode(data text) returns bytea
language sql immutable
as $$ select decode(rpad(translate(data, '-_', '+/'), length(data) + (4 - length(data) % 4) % 4, '='), 'base64') $$;

create function algorithm_sign(signables text, secret text, algorithm text) returns text
language plpgsql immutable set search_path from current
as $$
declare
    home constant text := (
        select extnamespace::regnamespace::text from pg_catalog.pg_extension where extname = 'pgcrypto'
    );
    signature bytea;
begin
    execute format('select %s.hmac($1, $2, $3)', home) into signature using signables, secret, case algorithm
        when 'HS256' then 'sha256' when 'HS384' then 'sha384' when 'HS512' then 'sha512' else '' end;
    return url_encode(signature);
end
$$;

create function sign(payload json, secret text, algorithm text default 'HS256') returns text
language sql immutable set search_path from current
as $$
    select signables || '.' || algorithm_sign(signables, secret, algorithm)
    from (
        select
            url_encode(convert_to('{"alg":"' || algorithm || '","typ":"JWT"}', 'utf8')) || '.'
            || url_encode(convert_to(payload::text, 'utf8')) as signables
    ) as token
$$;

create function try_cast_double(inp text) returns double precision
language plpgsql immutable
as $$
begin
    return inp::double precision;
exception when others then
    return null;
end
$$;

create function verify(token text, secret text, algorithm text default 'HS256')
returns table (header json, payload json, valid boolean)
language sql immutable set search_path from current
as $$
    select
        convert_from(url_decode(parts[1]), 'utf8')::json,
        read.payload,
        parts[3] = algorithm_sign(parts[1] || '.' || parts[2], secret, algorithm)
        and to_timestamp(coalesce(try_cast_double(read.payload ->> 'nbf'), 0)) <= current_timestamp
        and current_timestamp < coalesce(to_timestamp(try_cast_double(read.payload ->> 'exp')), 'infinity')
    from string_to_array(token, '.') as parts
    cross join lateral (select convert_from(url_decode(parts[2]), 'utf8')::json as payload) as read
$$;
