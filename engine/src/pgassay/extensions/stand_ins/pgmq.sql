-- Queues work; none is partitioned, reading never waits, and topics and notifications are left out.
-- On the platform all objects belong to who creates the extension.

set local search_path = pg_catalog, pg_temp;

create table pgmq.meta (
    queue_name varchar not null unique,
    is_partitioned boolean not null,
    is_unlogged boolean not null,
    created_at timestamptz not null default now()
);
create type pgmq.message_record as (
    msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb, headers jsonb
);
create type pgmq.queue_record as (
    queue_name varchar, is_partitioned boolean, is_unlogged boolean, created_at timestamptz
);
create type pgmq.metrics_result as (
    queue_name text,
    queue_length bigint,
    newest_msg_age_sec integer,
    oldest_msg_age_sec integer,
    total_messages bigint,
    scrape_time timestamptz,
    queue_visible_length bigint
);

create function pgmq.format_table_name(queue_name text, prefix text) returns text
language plpgsql
as $$
begin
    if queue_name ~ '\$|;|--|''' then
        raise exception 'queue name contains invalid characters: $, ;, --, or \''';
    end if;
    return lower(prefix || '_' || queue_name);
end
$$;

create function pgmq.validate_queue_name(queue_name text) returns void
language plpgsql
as $$
begin
    if length(queue_name) >= 48 then
        raise exception 'queue name is too long, maximum length is 48 characters';
    end if;
end
$$;

create function pgmq._create(queue_name text, is_unlogged boolean) returns void
language plpgsql
as $$
declare
    queue constant text := pgmq.format_table_name(queue_name, 'q');
    archive constant text := pgmq.format_table_name(queue_name, 'a');
begin
    perform pgmq.validate_queue_name(queue_name);
    execute format(
        'create %s table if not exists pgmq.%I (msg_id bigint primary key generated always as identity, '
        'read_ct integer not null default 0, enqueued_at timestamptz not null default now(), '
        'vt timestamptz not null, message jsonb, headers jsonb)',
        case when is_unlogged then 'unlogged' else '' end, queue
    );
    execute format(
        'create table if not exists pgmq.%I (msg_id bigint primary key, read_ct integer not null default 0, '
        'enqueued_at timestamptz not null default now(), archived_at timestamptz not null default now(), '
        'vt timestamptz not null, message jsonb, headers jsonb)', archive
    );
    execute format('create index if not exists %I on pgmq.%I (vt asc)', queue || '_vt_idx', queue);
    execute format('create index if not exists %I on pgmq.%I (archived_at)', 'archived_at_idx_' || queue_name, archive);
    insert into pgmq.meta (queue_name, is_partitioned, is_unlogged)
    values (_create.queue_name, false, _create.is_unlogged) on conflict do nothing;
end
$$;

create function pgmq.create_non_partitioned(queue_name text) returns void
language sql
as $$ select pgmq._create(queue_name, false) $$;

create function pgmq.create_unlogged(queue_name text) returns void
language sql
as $$ select pgmq._create(queue_name, true) $$;

create function pgmq.create(queue_name text) returns void
language sql
as $$ select pgmq._create(queue_name, false) $$;

create function pgmq.drop_queue(queue_name text) returns boolean
language plpgsql
as $$
begin
    execute format('drop table if exists pgmq.%I', pgmq.format_table_name(queue_name, 'q'));
    execute format('drop table if exists pgmq.%I', pgmq.format_table_name(queue_name, 'a'));
    delete from pgmq.meta as m where m.queue_name = drop_queue.queue_name;
    return found;
end
$$;

create function pgmq.detach_archive(queue_name text) returns void
language sql
as $$ select $$;

create function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[], delay timestamptz)
returns setof bigint
language plpgsql
as $$
begin
    return query execute format(
        'insert into pgmq.%I (vt, message, headers) select $1, m, h from unnest($2, $3) as sent (m, h) returning msg_id',
        pgmq.format_table_name(queue_name, 'q')
    ) using delay, msgs, headers;
end
$$;

create function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[], delay integer)
returns setof bigint
language sql
as $$ select pgmq.send_batch(queue_name, msgs, headers, clock_timestamp() + make_interval(secs => delay)) $$;

create function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[]) returns setof bigint
language sql
as $$ select pgmq.send_batch(queue_name, msgs, headers, clock_timestamp()) $$;

create function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer) returns setof bigint
language sql
as $$ select pgmq.send_batch(queue_name, msgs, null, clock_timestamp() + make_interval(secs => delay)) $$;

create function pgmq.send_batch(queue_name text, msgs jsonb[], delay timestamptz) returns setof bigint
language sql
as $$ select pgmq.send_batch(queue_name, msgs, null, delay) $$;

create function pgmq.send_batch(queue_name text, msgs jsonb[]) returns setof bigint
language sql
as $$ select pgmq.send_batch(queue_name, msgs, null, clock_timestamp()) $$;

create function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay timestamptz) returns setof bigint
language sql
as $$ select pgmq.send_batch(queue_name, array[msg], array[headers], delay) $$;

create function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay integer) returns setof bigint
language sql
as $$ select pgmq.send(queue_name, msg, headers, clock_timestamp() + make_interval(secs => delay)) $$;

create function pgmq.send(queue_name text, msg jsonb, headers jsonb) returns setof bigint
language sql
as $$ select pgmq.send(queue_name, msg, headers, clock_timestamp()) $$;

create function pgmq.send(queue_name text, msg jsonb, delay integer) returns setof bigint
language sql
as $$ select pgmq.send(queue_name, msg, null, clock_timestamp() + make_interval(secs => delay)) $$;

create function pgmq.send(queue_name text, msg jsonb, delay timestamptz) returns setof bigint
language sql
as $$ select pgmq.send(queue_name, msg, null, delay) $$;

create function pgmq.send(queue_name text, msg jsonb) returns setof bigint
language sql
as $$ select pgmq.send(queue_name, msg, null, clock_timestamp()) $$;

create function pgmq.read(queue_name text, vt integer, qty integer, conditional jsonb default '{}')
returns setof pgmq.message_record
language plpgsql
as $$
begin
    return query execute format(
        'with next as (select msg_id from pgmq.%1$I where vt <= clock_timestamp() '
        'and ($3 = ''{}'' or message @> $3) '
        'order by msg_id limit $1 for update skip locked) '
        'update pgmq.%1$I as m set vt = clock_timestamp() + $2, read_ct = read_ct + 1 from next '
        'where m.msg_id = next.msg_id '
        'returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers',
        pgmq.format_table_name(queue_name, 'q')
    ) using qty, make_interval(secs => vt), conditional;
end
$$;

create function pgmq.read_with_poll(
    queue_name text,
    vt integer,
    qty integer,
    max_poll_seconds integer default 5,
    poll_interval_ms integer default 100,
    conditional jsonb default '{}'
) returns setof pgmq.message_record
language sql
as $$ select * from pgmq.read(queue_name, vt, qty, conditional) $$;

create function pgmq.pop(queue_name text, qty integer) returns setof pgmq.message_record
language plpgsql
as $$
begin
    return query execute format(
        'delete from pgmq.%1$I where msg_id in (select msg_id from pgmq.%1$I where vt <= clock_timestamp() '
        'order by msg_id limit $1 for update skip locked) '
        'returning msg_id, read_ct, enqueued_at, vt, message, headers', pgmq.format_table_name(queue_name, 'q')
    ) using qty;
end
$$;

-- By itself, as up to 1.6.1: dumps of the platform's 1.4.4 and 1.5.1 grant it so.
create function pgmq.pop(queue_name text) returns setof pgmq.message_record
language sql
as $$ select * from pgmq.pop(queue_name, 1) $$;

create function pgmq.delete(queue_name text, msg_ids bigint[]) returns setof bigint
language plpgsql
as $$
begin
    return query execute format(
        'delete from pgmq.%I where msg_id = any($1) returning msg_id', pgmq.format_table_name(queue_name, 'q')
    ) using msg_ids;
end
$$;

create function pgmq.delete(queue_name text, msg_id bigint) returns boolean
language sql
as $$ select exists (select from pgmq.delete(queue_name, array[msg_id])) $$;

create function pgmq.archive(queue_name text, msg_ids bigint[]) returns setof bigint
language plpgsql
as $$
begin
    return query execute format(
        'with gone as (delete from pgmq.%I where msg_id = any($1) returning *) '
        'insert into pgmq.%I (msg_id, vt, read_ct, enqueued_at, message, headers) '
        'select msg_id, vt, read_ct, enqueued_at, message, headers from gone returning msg_id',
        pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a')
    ) using msg_ids;
end
$$;

create function pgmq.archive(queue_name text, msg_id bigint) returns boolean
language sql
as $$ select exists (select from pgmq.archive(queue_name, array[msg_id])) $$;

create function pgmq.set_vt(queue_name text, msg_id bigint, vt integer) returns setof pgmq.message_record
language plpgsql
as $$
begin
    return query execute format(
        'update pgmq.%I set vt = clock_timestamp() + $2 where msg_id = $1 '
        'returning msg_id, read_ct, enqueued_at, vt, message, headers', pgmq.format_table_name(queue_name, 'q')
    ) using msg_id, make_interval(secs => vt);
end
$$;

create function pgmq.purge_queue(queue_name text) returns bigint
language plpgsql
as $$
declare
    purged bigint;
begin
    execute format('delete from pgmq.%I', pgmq.format_table_name(queue_name, 'q'));
    get diagnostics purged = row_count;
    return purged;
end
$$;

create function pgmq.list_queues() returns setof pgmq.queue_record
language sql
as $$ select queue_name, is_partitioned, is_unlogged, created_at from pgmq.meta $$;

create function pgmq.metrics(queue_name text) returns pgmq.metrics_result
language plpgsql
as $$
declare
    measured pgmq.metrics_result;
begin
    execute format(
        'select $1, count(*), extract(epoch from now() - max(enqueued_at))::integer, '
        'extract(epoch from now() - min(enqueued_at))::integer, '
        '(select case when is_called then last_value else 0 end from pgmq.%I), now(), '
        'count(*) filter (where vt <= clock_timestamp()) from pgmq.%I',
        pgmq.format_table_name(queue_name, 'q') || '_msg_id_seq', pgmq.format_table_name(queue_name, 'q')
    ) into measured using queue_name;
    return measured;
end
$$;

create function pgmq.metrics_all() returns setof pgmq.metrics_result
language sql
as $$ select pgmq.metrics(queue_name) from pgmq.meta $$;

do $owner$
declare
    maker constant regrole := (select extowner from pg_catalog.pg_extension where extname = 'pgmq');
    member record;
begin
    for member in
        select objid, classid, (select p.oid::regprocedure from pg_catalog.pg_proc as p where p.oid = objid) as routine
        from pg_catalog.pg_depend
        where refclassid = 'pg_catalog.pg_extension'::regclass and deptype = 'e'
            and refobjid = (select oid from pg_catalog.pg_extension where extname = 'pgmq')
            and classid = 'pg_catalog.pg_proc'::regclass
    loop
        execute format('alter function %s owner to %s', member.routine, maker);
    end loop;
    execute format('alter table pgmq.meta owner to %s', maker);
    execute format('alter type pgmq.message_record owner to %s', maker);
    execute format('alter type pgmq.queue_record owner to %s', maker);
    execute format('alter type pgmq.metrics_result owner to %s', maker);
end
$owner$;
