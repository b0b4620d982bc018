-- Encodes and decodes reversibly, with other letters than the original, and takes no notice of the salt.

create function id_encode(
    number bigint, salt text default '', min_length integer default 0, alphabet text default
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890'
) returns text
language plpgsql immutable strict
as $$
declare
    encoded text := '';
begin
    loop
        encoded := substr(alphabet, 1 + (number % length(alphabet))::integer, 1) || encoded;
        number := number / length(alphabet);
        exit when number = 0;
    end loop;
    return lpad(encoded, greatest(min_length, length(encoded)), substr(alphabet, 1, 1));
end
$$;

create function id_decode_once(
    hash text, salt text default '', min_length integer default 0, alphabet text default
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890'
) returns bigint
language plpgsql immutable strict
as $$
declare
    number bigint := 0;
begin
    for place in 1 .. length(hash) loop
        number := number * length(alphabet) + strpos(alphabet, substr(hash, place, 1)) - 1;
    end loop;
    return number;
end
$$;

create function id_decode(
    hash text, salt text default '', min_length integer default 0, alphabet text default
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890'
) returns bigint[]
language sql immutable strict set search_path from current
as $$ select array[id_decode_once(hash, salt, min_length, alphabet)] $$;
