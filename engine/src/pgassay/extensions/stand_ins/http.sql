-- Reaches no network: every request is answered with the status 503 and an empty list.

create domain http_method as text;
create domain content_type as text check (value ~ '^\S+\/\S+');
create type http_header as (field varchar, value varchar);
create type http_response as (status integer, content_type varchar, headers http_header [], content varchar);
create type http_request as (
    method http_method, uri varchar, headers http_header [], content_type varchar, content varchar
);

create function http_set_curlopt(curlopt varchar, value varchar) returns boolean
language sql
as $$ select true $$;

create function http_reset_curlopt() returns boolean
language sql
as $$ select true $$;

create function http_list_curlopt() returns table (curlopt text, value text)
language sql
as $$ select null::text, null::text where false $$;

create function http_header(field varchar, value varchar) returns http_header
language sql
as $$ select $1, $2 $$;

create function http(request http_request) returns http_response
language sql set search_path from current
as $$
    select row(503, 'application/json', array[]::http_header[], '[]')::http_response
$$;

create function http_get(uri varchar) returns http_response
language sql set search_path from current
as $$ select http(row('GET', $1, null, null, null)::http_request) $$;

create function http_head(uri varchar) returns http_response
language sql set search_path from current
as $$ select http(row('HEAD', $1, null, null, null)::http_request) $$;

create function http_delete(uri varchar) returns http_response
language sql set search_path from current
as $$ select http(row('DELETE', $1, null, null, null)::http_request) $$;

create function http_delete(uri varchar, content varchar, content_type varchar) returns http_response
language sql set search_path from current
as $$ select http(row('DELETE', $1, null, $3, $2)::http_request) $$;

create function http_post(uri varchar, content varchar, content_type varchar) returns http_response
language sql set search_path from current
as $$ select http(row('POST', $1, null, $3, $2)::http_request) $$;

create function http_put(uri varchar, content varchar, content_type varchar) returns http_response
language sql set search_path from current
as $$ select http(row('PUT', $1, null, $3, $2)::http_request) $$;

create function http_patch(uri varchar, content varchar, content_type varchar) returns http_response
language sql set search_path from current
as $$ select http(row('PATCH', $1, null, $3, $2)::http_request) $$;

create function urlencode(string bytea) returns text
language sql immutable strict
as $$
    select string_agg(
        case when chr(byte) ~ '^[A-Za-z0-9_.*-]$' then chr(byte) else '%' || upper(lpad(to_hex(byte), 2, '0')) end,
        '' order by n
    )
    from (select n, get_byte(string, n) as byte from generate_series(0, length(string) - 1) as places (n)) as bytes
$$;

create function urlencode(string varchar) returns text
language sql immutable strict set search_path from current
as $$ select urlencode(convert_to(string, 'utf8')) $$;

create function urlencode(data jsonb) returns text
language sql immutable strict set search_path from current
as $$
    select string_agg(urlencode(pair.key::varchar) || '=' || urlencode(pair.value::varchar), '&')
    from jsonb_each_text(data) as pair
$$;

create function http_get(uri varchar, data jsonb) returns http_response
language sql set search_path from current
as $$ select http_get((uri || '?' || urlencode(data))::varchar) $$;

create function http_post(uri varchar, data jsonb) returns http_response
language sql set search_path from current
as $$ select http_post(uri, urlencode(data)::varchar, 'application/x-www-form-urlencoded'::varchar) $$;

create function text_to_bytea(data text) returns bytea
language sql immutable strict
as $$ select convert_to(data, getdatabaseencoding()) $$;

create function bytea_to_text(data bytea) returns text
language sql immutable strict
as $$ select convert_from(data, getdatabaseencoding()) $$;
