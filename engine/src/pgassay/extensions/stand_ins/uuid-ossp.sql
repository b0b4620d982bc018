-- Versions 3 and 5 need pgcrypto; version 1 has a random node, as 1mc has.

create function uuid_nil() returns uuid
language sql immutable parallel safe
as $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;

create function uuid_ns_dns() returns uuid
language sql immutable parallel safe
as $$ select '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid $$;

create function uuid_ns_url() returns uuid
language sql immutable parallel safe
as $$ select '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid $$;

create function uuid_ns_oid() returns uuid
language sql immutable parallel safe
as $$ select '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::uuid $$;

create function uuid_ns_x500() returns uuid
language sql immutable parallel safe
as $$ select '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::uuid $$;

create function uuid_generate_v4() returns uuid
language sql volatile parallel safe
as $$ select pg_catalog.gen_random_uuid() $$;

-- RFC 9562, 5.1: 100 ns since 1582-10-15; the rest is random, with the multicast bit of the node set.
create function uuid_generate_v1mc() returns uuid
language sql volatile parallel safe
as $$
    select (
        substr(ticks, 9, 8) || substr(ticks, 5, 4) || '1' || substr(ticks, 2, 3)
        || overlay(substr(noise, 17) placing (array['1', '3', '5', '7', '9', 'b', 'd', 'f'])[
            1 + ('x' || substr(noise, 1, 1))::bit(4)::integer / 2
        ] from 6 for 1)
    )::uuid
    from (
        select
            lpad(to_hex((extract(epoch from clock_timestamp()) * 10000000)::bigint + 122192928000000000), 16, '0') as ticks,
            replace(pg_catalog.gen_random_uuid()::text, '-', '') as noise
    ) as made
$$;

create function uuid_generate_v1() returns uuid
language sql volatile parallel safe set search_path from current
as $$ select uuid_generate_v1mc() $$;

create function stand_in_named_uuid(space uuid, name text, algorithm text, version text) returns uuid
language plpgsql immutable strict parallel safe
as $$
declare
    home constant text := (
        select extnamespace::regnamespace::text from pg_catalog.pg_extension where extname = 'pgcrypto'
    );
    hashed text;
begin
    if home is null then
        raise exception 'The stand-in for uuid-ossp needs pgcrypto for versions 3 and 5.'
            using errcode = 'feature_not_supported';
    end if;
    execute format('select encode(%s.digest($1, $2), ''hex'')', home)
    into hashed using uuid_send(space) || convert_to(name, 'utf8'), algorithm;
    hashed := overlay(substr(hashed, 1, 32) placing version from 13 for 1);
    return overlay(
        hashed placing to_hex(('x' || substr(hashed, 17, 1))::bit(4)::integer & 3 | 8) from 17 for 1
    )::uuid;
end
$$;

create function uuid_generate_v3(namespace uuid, name text) returns uuid
language sql immutable strict parallel safe set search_path from current
as $$ select stand_in_named_uuid($1, $2, 'md5', '3') $$;

create function uuid_generate_v5(namespace uuid, name text) returns uuid
language sql immutable strict parallel safe set search_path from current
as $$ select stand_in_named_uuid($1, $2, 'sha1', '5') $$;
