-- `storage`: what the Storage API lists objects with. Names below a delimiter are one line: the folder they are in.
-- The API's own versions skip over folders with the index; these read what the policies let be seen, and fold it.
-- The names are Supabase's, so these keywords stay.
-- sqlfluff:rules:references.keywords:ignore_words:key,metadata,name,prefix,search

set local role supabase_storage_admin;

-- get_common_prefix('a/b/c', 'a/', '/') is 'a/b/'; NULL where nothing follows the prefix but a name.
create function storage.get_common_prefix(p_key text, p_prefix text, p_delimiter text) returns text
language sql immutable
as $$
    select left(p_key, length(p_prefix) + found.place)
    from position(p_delimiter in substring(p_key from length(p_prefix) + 1)) as found (place)
    where found.place > 0
$$;

-- A cursor that names a folder goes on behind everything in it.
create function storage.list_objects_with_delimiter(
    _bucket_id text,
    prefix_param text,
    delimiter_param text,
    max_keys integer default 100,
    start_after text default '',
    next_token text default '',
    sort_order text default 'asc'
) returns table (
    name text,
    id uuid,
    metadata jsonb,
    updated_at timestamptz,
    created_at timestamptz,
    last_accessed_at timestamptz
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    ascending constant boolean := lower(coalesce(sort_order, 'asc')) = 'asc';
    prefix constant text := coalesce(prefix_param, '');
    last_seen constant text := coalesce(nullif(next_token, ''), start_after, '');
    of_folder constant boolean := last_seen <> '' and exists (
        select from storage.objects as o
        where o.bucket_id = _bucket_id and starts_with(o.name, last_seen || delimiter_param)
    );
begin
    return query
    with visible as (
        select
            o.*,
            storage.get_common_prefix(o.name, prefix, delimiter_param) as folder
        from storage.objects as o
        where o.bucket_id = _bucket_id
            and starts_with(o.name, prefix)
            and case
                when last_seen = '' then true
                when of_folder and ascending
                    then o.name collate "C" >= last_seen || chr(ascii(delimiter_param) + 1)
                when of_folder then o.name collate "C" < last_seen || delimiter_param
                when ascending then o.name collate "C" >= last_seen || delimiter_param
                else o.name collate "C" < last_seen
            end
    ),

    lines as (
        select
            coalesce(folder, v.name) as place,
            rtrim(folder, delimiter_param) as folder_name,
            (array_agg(v.name))[1] as file_name,
            (array_agg(v.id))[1] as id,
            (array_agg(v.metadata))[1] as metadata,
            (array_agg(v.updated_at))[1] as updated_at,
            (array_agg(v.created_at))[1] as created_at,
            (array_agg(v.last_accessed_at))[1] as last_accessed_at
        from visible as v
        group by folder, coalesce(folder, v.name)
    )

    select
        coalesce(l.folder_name, l.file_name),
        case when l.folder_name is null then l.id end,
        case when l.folder_name is null then l.metadata end,
        case when l.folder_name is null then l.updated_at end,
        case when l.folder_name is null then l.created_at end,
        case when l.folder_name is null then l.last_accessed_at end
    from lines as l
    order by
        case when ascending then l.place collate "C" end,
        case when not ascending then l.place collate "C" end desc
    limit max_keys;
end
$$;

create function storage.list_multipart_uploads_with_delimiter(
    bucket_id text,
    prefix_param text,
    delimiter_param text,
    max_keys integer default 100,
    next_key_token text default '',
    next_upload_token text default ''
) returns table (key text, id text, created_at timestamptz)
language plpgsql
as $$
#variable_conflict use_column
begin
    return query
    select distinct on (line.key collate "C")
        line.key,
        u.id,
        u.created_at
    from storage.s3_multipart_uploads as u
    cross join lateral (
        select coalesce(storage.get_common_prefix(u.key, prefix_param, delimiter_param), u.key) as key
    ) as line
    where u.bucket_id = list_multipart_uploads_with_delimiter.bucket_id
        and u.key ilike prefix_param || '%'
        and (next_key_token = '' or next_upload_token <> '' or line.key collate "C" > next_key_token)
        and (next_upload_token = '' or u.id collate "C" > next_upload_token)
    order by line.key collate "C", u.created_at
    limit max_keys;
end
$$;

-- Names are matched and sorted without regard to case, and come without the prefix.
create function storage.search(
    prefix text,
    bucketname text,
    limits integer default 100,
    levels integer default 1,
    offsets integer default 0,
    search text default '',
    sortcolumn text default 'name',
    sortorder text default 'asc'
) returns table (
    name text,
    id uuid,
    updated_at timestamptz,
    created_at timestamptz,
    last_accessed_at timestamptz,
    metadata jsonb
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    ascending constant boolean := lower(coalesce(sortorder, 'asc')) = 'asc';
    start constant text := coalesce(prefix, '') || coalesce(search.search, '');
    given constant integer := length(coalesce(prefix, ''));
    sorted_by constant text := lower(coalesce(sortcolumn, 'name'));
    by_name constant boolean := sorted_by not in ('updated_at', 'created_at', 'last_accessed_at');
    -- Sorted by time, names come from the last folder of the prefix on.
    skipped constant integer := given - length(split_part(coalesce(prefix, ''), '/', -1));
begin
    return query
    with visible as (
        select
            o.*,
            storage.get_common_prefix(o.name, start, '/') as folder,
            case sorted_by
                when 'updated_at' then o.updated_at
                when 'created_at' then o.created_at
                when 'last_accessed_at' then o.last_accessed_at
            end as at
        from storage.objects as o
        where o.bucket_id = bucketname and starts_with(lower(o.name), lower(start))
    ),

    lines as (
        select
            lower(coalesce(folder, v.name)) as place,
            (array_agg(rtrim(folder, '/')))[1] as folder_name,
            (array_agg(v.name))[1] as file_name,
            (array_agg(v.id))[1] as id,
            (array_agg(v.updated_at))[1] as updated_at,
            (array_agg(v.created_at))[1] as created_at,
            (array_agg(v.last_accessed_at))[1] as last_accessed_at,
            (array_agg(v.metadata))[1] as metadata,
            (array_agg(v.at))[1] as at
        from visible as v
        group by coalesce(lower(folder), v.id::text), lower(coalesce(folder, v.name)), folder is null
    )

    select
        substring(coalesce(l.folder_name, l.file_name) from case when by_name then given else skipped end + 1),
        case when l.folder_name is null then l.id end,
        case when l.folder_name is null then l.updated_at end,
        case when l.folder_name is null then l.created_at end,
        case when l.folder_name is null then l.last_accessed_at end,
        case when l.folder_name is null then l.metadata end
    from lines as l
    order by
        case when by_name then false else l.folder_name is null end,
        case when not by_name and l.folder_name is null and ascending then l.at end,
        case when not by_name and l.folder_name is null and not ascending then l.at end desc,
        case when ascending then l.place collate "C" end,
        case when not ascending then l.place collate "C" end desc
    limit least(coalesce(limits, 100), 1500)
    offset offsets;
end
$$;

create function storage.search_by_timestamp(
    p_prefix text,
    p_bucket_id text,
    p_limit integer,
    p_level integer,
    p_start_after text,
    p_sort_order text,
    p_sort_column text,
    p_sort_column_after text
) returns table (
    key text,
    name text,
    id uuid,
    updated_at timestamptz,
    created_at timestamptz,
    last_accessed_at timestamptz,
    metadata jsonb
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    ascending constant boolean := p_sort_order = 'asc';
    prefix constant text := coalesce(p_prefix, '');
    after constant timestamptz := coalesce(nullif(p_sort_column_after, '')::timestamptz, 'epoch');
begin
    return query
    with visible as (
        select
            o.*,
            storage.get_common_prefix(o.name, prefix, '/') as folder
        from storage.objects as o
        where o.bucket_id = p_bucket_id and starts_with(o.name, prefix)
    ),

    -- A folder is as old as the oldest object in it.
    lines as (
        select
            rtrim(v.folder, '/') as name,
            null::uuid as id,
            min(v.created_at) as updated_at,
            min(v.created_at) as created_at,
            null::timestamptz as last_accessed_at,
            null::jsonb as metadata
        from visible as v
        where v.folder is not null
        group by v.folder
        union all
        select
            v.name,
            v.id,
            v.updated_at,
            v.created_at,
            v.last_accessed_at,
            v.metadata
        from visible as v
        where v.folder is null
    ),

    dated as (
        select
            l.*,
            date_trunc(
                'milliseconds', case p_sort_column when 'updated_at' then l.updated_at else l.created_at end
            ) as at
        from lines as l
    )

    select
        split_part(d.name, '/', p_level),
        d.name,
        d.id,
        d.updated_at,
        d.created_at,
        d.last_accessed_at,
        d.metadata
    from dated as d
    where p_start_after = ''
        or (ascending and (d.at, d.name collate "C") > (after, p_start_after))
        or (not ascending and (d.at, d.name collate "C") < (after, p_start_after))
    order by
        case when ascending then coalesce(d.at, 'epoch') end,
        case when not ascending then coalesce(d.at, 'epoch') end desc,
        case when ascending then d.name collate "C" end,
        case when not ascending then d.name collate "C" end desc
    limit p_limit;
end
$$;

-- Sorted by name, or by one of two times; anything else means by name, ascending.
create function storage.search_v2(
    prefix text,
    bucket_name text,
    limits integer default 100,
    levels integer default 1,
    start_after text default '',
    sort_order text default 'asc',
    sort_column text default 'name',
    sort_column_after text default ''
) returns table (
    key text,
    name text,
    id uuid,
    updated_at timestamptz,
    created_at timestamptz,
    last_accessed_at timestamptz,
    metadata jsonb
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    count constant integer := least(coalesce(limits, 100), 1500);
    direction constant text := case when lower(sort_order) = 'desc' then 'desc' else 'asc' end;
    time_column constant text := lower(sort_column);
begin
    if time_column in ('updated_at', 'created_at') then
        return query
        select * from storage.search_by_timestamp(
            prefix, bucket_name, count, levels, start_after, direction, time_column, sort_column_after
        );
    else
        return query
        select
            split_part(l.name, '/', levels),
            l.name,
            l.id,
            l.updated_at,
            l.created_at,
            l.last_accessed_at,
            l.metadata
        from storage.list_objects_with_delimiter(
            bucket_name, coalesce(prefix, ''), '/', count, start_after, '', direction
        ) as l;
    end if;
end
$$;
