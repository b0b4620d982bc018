-- Hypertables are plain tables: nothing is in chunks, compressed or dropped by age, and no view is continuous.

create type dimension_info as (column_name name, width text);

create function by_range(column_name name, partition_interval anyelement default null::interval)
returns dimension_info
language sql immutable
as 'select row(column_name, partition_interval::text)::@extschema@.dimension_info';

create function by_hash(column_name name, number_partitions integer) returns dimension_info
language sql immutable
as 'select row(column_name, number_partitions::text)::@extschema@.dimension_info';

-- With the rights of whoever calls it. What tells rows apart has to have the column in it there, too.
create function create_hypertable(
    relation regclass, time_column_name name, partitioning_column name default null,
    number_partitions integer default null, associated_schema_name name default null,
    associated_table_prefix name default null, chunk_time_interval anyelement default null::interval,
    create_default_indexes boolean default true, if_not_exists boolean default false,
    partitioning_func regproc default null, migrate_data boolean default false,
    chunk_target_size text default null, chunk_sizing_func regproc default null,
    time_partitioning_func regproc default null,
    out hypertable_id integer, out schema_name name, out table_name name, out created boolean
) returns setof record
language plpgsql
as $$
declare
    place pg_catalog.int2;
    alone pg_catalog.name;
begin
    select a.attnum into place from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = time_column_name and not a.attisdropped;
    if not found then
        raise exception 'column "%" does not exist', time_column_name using errcode = 'undefined_column';
    end if;
    select c.relname into alone
    from pg_catalog.pg_index as i inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
    where i.indrelid = relation and i.indisunique and not (place = any (i.indkey::pg_catalog.int2[]))
    order by 1 limit 1;
    if found then
        raise exception 'cannot create a unique index without the column "%" (used in partitioning)',
            time_column_name
        using errcode = 'TS103', detail = pg_catalog.format('It is %s.', alone);
    end if;
    execute pg_catalog.format('alter table %s alter column %I set not null', relation, time_column_name);
    return query
    select 1, n.nspname, c.relname, true
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.oid = relation;
end
$$;

create function create_hypertable(
    relation regclass, dimension dimension_info, create_default_indexes boolean default true,
    if_not_exists boolean default false, migrate_data boolean default false,
    out hypertable_id integer, out created boolean
) returns setof record
language sql
as 'select h.hypertable_id, h.created
    from @extschema@.create_hypertable(relation, (dimension).column_name) as h';

create function add_dimension(
    hypertable regclass, column_name name, number_partitions integer default null,
    chunk_time_interval anyelement default null::interval, partitioning_func regproc default null,
    if_not_exists boolean default false
) returns void
language sql
as '';

create function set_chunk_time_interval(
    hypertable regclass, chunk_time_interval anyelement, dimension_name name default null
) returns void
language sql
as '';

create function add_retention_policy(
    relation regclass, drop_after interval, if_not_exists boolean default false
) returns integer
language sql
as 'select 1000';

create function remove_retention_policy(relation regclass, if_exists boolean default false) returns void
language sql
as '';

create function add_compression_policy(
    hypertable regclass, compress_after interval, if_not_exists boolean default false
) returns integer
language sql
as 'select 1001';

create function remove_compression_policy(hypertable regclass, if_exists boolean default false)
returns boolean
language sql
as 'select true';

create function show_chunks(relation regclass, older_than interval, newer_than interval) returns setof regclass
language sql
as 'select relation where false';

create function show_chunks(relation regclass) returns setof regclass
language sql
as 'select relation where false';

create function drop_chunks(relation regclass, older_than interval) returns setof text
language sql
as 'select null::text where false';

-- Weeks begin on Mondays there, months at the turn of the century.
create function time_bucket(
    bucket_width interval, ts timestamp, origin timestamp default null
) returns timestamp
language plpgsql immutable
as $$
declare
    months constant pg_catalog.int4 := extract(year from bucket_width) * 12 + extract(month from bucket_width);
    first constant pg_catalog.timestamp := coalesce(origin, '2000-01-01');
    passed pg_catalog.int4;
begin
    if months = 0 then
        return pg_catalog.date_bin(bucket_width, ts, coalesce(origin, '2000-01-03'));
    end if;
    passed := (extract(year from ts) - extract(year from first)) * 12
        + extract(month from ts) - extract(month from first);
    return first + pg_catalog.make_interval(
        months => pg_catalog.floor(passed::pg_catalog.float8 / months)::pg_catalog.int4 * months
    );
end
$$;

create function time_bucket(
    bucket_width interval, ts timestamptz, origin timestamptz default null
) returns timestamptz
language sql immutable
as $$
    select @extschema@.time_bucket(bucket_width, ts at time zone 'UTC', origin at time zone 'UTC')
        at time zone 'UTC'
$$;

create function time_bucket(bucket_width interval, ts timestamptz, timezone text) returns timestamptz
language sql immutable
as 'select @extschema@.time_bucket(bucket_width, ts at time zone timezone) at time zone timezone';

create function time_bucket(bucket_width interval, ts date, origin date default null) returns date
language sql immutable
as 'select @extschema@.time_bucket(bucket_width, ts::timestamp, origin::timestamp)::date';

create function time_bucket(bucket_width bigint, ts bigint, "offset" bigint default 0) returns bigint
language sql immutable
as 'select pg_catalog.floor((ts - "offset")::numeric / bucket_width)::bigint * bucket_width + "offset"';

create function time_bucket(bucket_width integer, ts integer, "offset" integer default 0) returns integer
language sql immutable
as 'select @extschema@.time_bucket(bucket_width::bigint, ts::bigint, "offset"::bigint)::integer';
