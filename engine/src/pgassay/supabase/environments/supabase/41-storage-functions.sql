-- `storage`: helpers for policies, triggers, and who may reach the tables.
-- The names are Supabase's, so these keywords stay.
-- sqlfluff:rules:references.keywords:ignore_words:name,owner,size

set local role supabase_storage_admin;

-- foldername('a/b/c.png') is {a,b}; of a name without a folder it is {}.
create function storage.foldername(name text) returns text[]
language plpgsql immutable
as $$
declare
    parts constant text[] := string_to_array(name, '/');
begin
    return parts[: cardinality(parts) - 1];
end
$$;

create function storage.filename(name text) returns text
language plpgsql immutable
as $$
declare
    parts constant text[] := string_to_array(name, '/');
begin
    return parts[cardinality(parts)];
end
$$;

-- Of a name without a dot, the whole name.
create function storage.extension(name text) returns text
language plpgsql immutable
as $$
begin
    return split_part(storage.filename(name), '.', -1);
end
$$;

create function storage.operation() returns text
language plpgsql stable
as $$
begin
    return current_setting('storage.operation', true);
end
$$;

-- Names of operations are compared without the prefix `storage.`.
create function storage.allow_any_operation(expected_operations text[]) returns boolean
language sql stable
as $$
    select exists (
        select from unnest(expected_operations) as expected
        where
            expected <> ''
            and regexp_replace(expected, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', '')
    )
$$;

create function storage.allow_only_operation(expected_operation text) returns boolean
language sql stable
as $$ select storage.allow_any_operation(array[expected_operation]) $$;

-- Succeeds by failing: the insert is undone, and PostgREST answers 200.
create function storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb) returns void
language plpgsql
as $$
begin
    insert into storage.objects (bucket_id, name, owner, metadata) values (bucketid, name, owner, metadata);
    raise sqlstate 'PT200' using message = 'ROLLBACK', detail = 'rollback successful insert';
end
$$;

create function storage.get_size_by_bucket() returns table (size bigint, bucket_id text)
language plpgsql stable
as $$
begin
    return query
    select
        sum((o.metadata ->> 'size')::bigint)::bigint,
        o.bucket_id
    from storage.objects as o
    group by o.bucket_id;
end
$$;

create function storage.update_updated_at_column() returns trigger
language plpgsql
as $$
begin
    new.updated_at = now();
    return new;
end
$$;

create function storage.enforce_bucket_name_length() returns trigger
language plpgsql
as $$
begin
    if length(new.name) > 100 then
        raise exception 'bucket name "%" is too long (% characters). Max is 100.', new.name, length(new.name);
    end if;
    return new;
end
$$;

-- The Storage API sets this for its own statements; whoever deletes a row in another way leaves its file behind.
create function storage.protect_delete() returns trigger
language plpgsql
as $$
begin
    if current_setting('storage.allow_delete_query', true) is distinct from 'true' then
        raise exception 'Direct deletion from storage tables is not allowed. Use the Storage API instead.'
            using errcode = 'insufficient_privilege',
            hint = 'This prevents accidental data loss from orphaned objects.';
    end if;
    return null;
end
$$;

create trigger update_objects_updated_at before update on storage.objects
for each row execute function storage.update_updated_at_column();

create trigger enforce_bucket_name_length_trigger before insert or update of name on storage.buckets
for each row execute function storage.enforce_bucket_name_length();

create trigger protect_objects_delete before delete on storage.objects
for each statement execute function storage.protect_delete();

create trigger protect_buckets_delete before delete on storage.buckets
for each statement execute function storage.protect_delete();

-- The API roles hold every privilege on some: row level security alone, without a policy, is what keeps them out.
grant all on storage.buckets, storage.objects, storage.buckets_analytics to anon, authenticated, service_role;
grant select on
storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts, storage.iceberg_namespaces,
storage.iceberg_tables, storage.buckets_vectors, storage.vector_indexes
to anon, authenticated, service_role;
grant all on
storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts, storage.iceberg_namespaces, storage.iceberg_tables
to service_role;

do $tables$
declare
    owner constant regrole := quote_ident(current_setting('pgassay.owner'))::regrole;
    every_table regclass;
begin
    for every_table in
        select c.oid from pg_catalog.pg_class as c
        where c.relnamespace = 'storage'::regnamespace and c.relkind = 'r'
    loop
        execute format('alter table %s enable row level security', every_table);
    end loop;
    execute format('grant all on storage.buckets, storage.objects to %s with grant option', owner);
    -- What the first release of the image granted, when these were all there was.
    execute format(
        'grant execute on function storage.foldername(text), storage.filename(text), storage.extension(text) '
        'to anon, authenticated, service_role, dashboard_user, %s', owner
    );
end
$tables$;
