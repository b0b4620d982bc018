-- Requests are queued in net.http_request_queue and never sent; no response ever comes.

set local search_path = pg_catalog, pg_temp;

create schema net;

create domain net.http_method as text check (value ~* '^(get|post|delete)$');

create table net.http_request_queue (
    id bigserial,
    method net.http_method not null,
    url text not null,
    headers jsonb,
    body bytea,
    timeout_milliseconds integer not null
);

create table net._http_response (
    id bigint,
    status_code integer,
    content_type text,
    headers jsonb,
    content text,
    timed_out boolean,
    error_msg text,
    created timestamptz not null default now()
);

create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
create type net.http_response as (status_code integer, headers jsonb, body text);
create type net.http_response_result as (status net.request_status, message text, response net.http_response);

create function net._urlencode_string(string varchar) returns text
language sql immutable strict
as $$
    select string_agg(
        case
            when letter ~ '^[A-Za-z0-9_.~-]$' then letter
            else regexp_replace(upper(encode(convert_to(letter, 'utf8'), 'hex')), '..', '%\&', 'g')
        end, '' order by n
    )
    from regexp_split_to_table(string, '') with ordinality as letters (letter, n)
$$;

create function net._encode_url_with_params_array(url text, params_array text[]) returns text
language sql immutable strict
as $$
    select case
        when cardinality(params_array) = 0 then url
        else url || case when url like '%?%' then '&' else '?' end || array_to_string(params_array, '&')
    end
$$;

create function net._enqueue(
    method net.http_method, url text, body bytea, params jsonb, headers jsonb, timeout_milliseconds integer
) returns bigint
language sql
as $$
    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    select
        method,
        net._encode_url_with_params_array(url, coalesce(array_agg(
            net._urlencode_string(p.key) || '=' || net._urlencode_string(p.value)
        ) filter (where p.key is not null), '{}')),
        headers,
        body,
        timeout_milliseconds
    from (values (0)) as one (row)
    left join jsonb_each_text(params) as p (key, value) on true
    returning id
$$;

create function net.http_get(
    url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds integer default 5000
) returns bigint
language sql volatile parallel safe strict
as $$ select net._enqueue('GET', url, null, params, headers, timeout_milliseconds) $$;

create function net.http_post(
    url text,
    body jsonb default '{}',
    params jsonb default '{}',
    headers jsonb default '{"Content-Type": "application/json"}',
    timeout_milliseconds integer default 5000
) returns bigint
language plpgsql volatile parallel safe
as $$
declare
    content_type constant text := (
        select header.value from jsonb_each_text(coalesce(headers, '{}')) as header (key, value)
        where lower(header.key) = 'content-type' limit 1
    );
begin
    if content_type <> 'application/json' then
        raise exception 'Content-Type header must be "application/json"';
    end if;
    if content_type is null then
        headers := coalesce(headers, '{}') || '{"Content-Type": "application/json"}';
    end if;
    return net._enqueue('POST', url, convert_to(body::text, 'utf8'), params, headers, timeout_milliseconds);
end
$$;

create function net.http_delete(
    url text,
    params jsonb default '{}',
    headers jsonb default '{}',
    timeout_milliseconds integer default 5000,
    body jsonb default null
) returns bigint
language sql volatile parallel safe
as $$
    select net._enqueue('DELETE', url, convert_to(body::text, 'utf8'), params, headers, timeout_milliseconds)
$$;

create function net._http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result
language sql volatile parallel safe strict
as $$
    select case
        when exists (select from net.http_request_queue as q where q.id = request_id)
            then row('PENDING', 'request is pending processing', null)::net.http_response_result
        else row('ERROR', 'request matching request_id not found', null)::net.http_response_result
    end
$$;

create function net.http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result
language sql volatile parallel safe strict
as $$ select net._http_collect_response(request_id, async) $$;

create function net.check_worker_is_up() returns void
language sql
as $$ select $$;

create function net.worker_restart() returns boolean
language sql
as $$ select true $$;

grant usage on schema net to public;
grant all on all tables in schema net to public;
grant all on all sequences in schema net to public;
do $rights$
begin
    execute format(
        'grant all on schema net to %s with grant option',
        (select extowner::regrole from pg_catalog.pg_extension where extname = 'pg_net')
    );
end
$rights$;
