-- Realtime: what triggers broadcast with, what policies ask, and what decides who sees a change.
-- The names are Supabase's, so these keywords stay.
-- sqlfluff:rules:references.keywords:ignore_words:columns,filters,level,name,new,old,operation,private

set local role supabase_realtime_admin;

create function realtime.topic() returns text
language sql stable
as $$ select nullif(current_setting('realtime.topic', true), '') $$;

-- A message that cannot be kept is a warning, and no error of the transaction that sent it.
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
language plpgsql
as $$
declare
    message_id constant uuid := gen_random_uuid();
begin
    perform set_config('realtime.topic', topic, true);
    insert into realtime.messages (id, payload, event, topic, private, extension)
    values (
        message_id,
        case when payload ? 'id' then payload else jsonb_set(payload, '{id}', to_jsonb(message_id)) end,
        event, topic, private, 'broadcast'
    );
exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

create function realtime.send_binary(payload bytea, event text, topic text, private boolean default true)
returns void
language plpgsql
as $$
begin
    perform set_config('realtime.topic', topic, true);
    insert into realtime.messages (binary_payload, event, topic, private, extension)
    values (payload, event, topic, private, 'broadcast');
exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

create function realtime.broadcast_changes(
    topic_name text,
    event_name text,
    operation text,
    table_name text,
    table_schema text,
    new record,
    old record,
    level text default 'ROW'
) returns void
language plpgsql
as $$
begin
    if level = 'STATEMENT' then
        raise exception 'function can only be triggered for each row, not for each statement';
    end if;
    begin
        if operation in ('INSERT', 'UPDATE', 'DELETE') is not true then
            raise exception 'Unexpected operation type: %', operation;
        end if;
        perform realtime.send(
            jsonb_build_object(
                'old_record', old, 'record', new, 'operation', operation,
                'table', table_name, 'schema', table_schema
            ),
            event_name, topic_name
        );
    exception when others then
        raise exception 'Failed to process the row: %', sqlerrm;
    end;
end
$$;

-- A value as JSON, read as a type; of bytea as it is written.
create function realtime.cast(val text, type_ regtype) returns jsonb
language plpgsql immutable
as $$
declare
    result jsonb;
begin
    if type_ = 'bytea'::regtype then
        return to_jsonb(val);
    end if;
    execute format('select to_jsonb(%L::%s)', val, type_) into result;
    return result;
end
$$;

create function realtime.check_equality_op(op realtime.equality_op, type_ regtype, val_1 text, val_2 text)
returns boolean
language plpgsql immutable
as $$
declare
    operators constant jsonb := '{"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "in": "= any"}';
    result boolean;
begin
    execute format(
        'select %L::%s %s (%L::%s)', val_1, type_, coalesce(operators ->> op::text, 'UNKNOWN OP'), val_2,
        type_ || case when op = 'in' then '[]' else '' end
    ) into result;
    return result;
end
$$;

create function realtime.check_equality_op(
    op realtime.equality_op, type_ regtype, val_1 text, val_2 text, negate boolean
) returns boolean
language plpgsql stable
as $$
declare
    operators constant jsonb := '{
        "eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "in": "= any",
        "like": "like", "ilike": "ilike", "match": "~", "imatch": "~*"
    }';
    result boolean;
begin
    case op
        when 'isdistinct' then
            execute format('select %L::%s is distinct from %L::%s', val_1, type_, val_2, type_) into result;
        when 'is' then
            if val_2 not in ('null', 'true', 'false', 'unknown') then
                raise exception 'invalid value for is filter: must be null, true, false, or unknown';
            end if;
            execute format('select %L::%s is %s', val_1, type_, val_2) into result;
        else
            execute format(
                'select %L::%s %s (%L::%s)', val_1, type_, operators ->> op::text, val_2,
                type_ || case when op = 'in' then '[]' else '' end
            ) into result;
    end case;
    return case when negate then not result else result end;
end
$$;

-- Every filter must find its column, and hold.
create function realtime.is_visible_through_filters(
    columns realtime.wal_column[], filters realtime.user_defined_filter[]
) returns boolean
language sql stable
as $$
    select coalesce(cardinality(filters), 0) = 0 or coalesce((
        select
            bool_and(c.name is not null)
            and count(*) filter (
                where realtime.check_equality_op(
                    f.op, coalesce(c.type_oid::regtype, c.type_name::regtype), c.value #>> '{}', f.value,
                    coalesce(f.negate, false)
                )
            ) = count(*)
        from unnest(filters) as f
        left join unnest(columns) as c on f.column_name = c.name
    ), false)
$$;

create function realtime.subscription_check_filters() returns trigger
language plpgsql
as $$
declare
    readable constant text[] := array(
        select a.attname::text
        from pg_catalog.pg_attribute as a
        where a.attrelid = new.entity and a.attnum > 0 and not a.attisdropped
            and pg_catalog.has_column_privilege(new.claims ->> 'role', a.attrelid, a.attnum, 'SELECT')
    );
    filter realtime.user_defined_filter;
    column_type regtype;
    operator name;
    stray text;
begin
    foreach filter in array new.filters loop
        if filter.column_name <> all(readable) then
            raise exception 'invalid column for filter %', filter.column_name;
        end if;
        select a.atttypid::regtype into column_type
        from pg_catalog.pg_attribute as a
        where a.attrelid = new.entity and a.attname = filter.column_name;
        operator := case filter.op
            when 'like' then '~~' when 'ilike' then '~~' when 'match' then '~' when 'imatch' then '~*'
        end;
        if operator is not null and not exists (
            select from pg_catalog.pg_operator as o
            where o.oprname = operator and o.oprleft = column_type
                and (operator = '~~' or (o.oprright = column_type and o.oprresult = 'boolean'::regtype))
        ) then
            raise exception 'operator % requires a text-compatible column type, got %', filter.op, column_type;
        end if;
        if filter.op in ('match', 'imatch') then
            begin
                perform '' ~ filter.value;
            exception when others then
                raise exception 'invalid regular expression for % filter: %', filter.op, sqlerrm;
            end;
        elsif filter.op = 'is' then
            if filter.value not in ('null', 'true', 'false', 'unknown') then
                raise exception 'invalid value for is filter: must be null, true, false, or unknown';
            elsif filter.value <> 'null' and column_type <> 'boolean'::regtype then
                raise exception 'is % filter requires a boolean column, got %', filter.value, column_type;
            end if;
        elsif filter.op = 'in' then
            if jsonb_array_length(realtime.cast(filter.value, (column_type || '[]')::regtype)) > 100 then
                raise exception 'too many values for `in` filter. Maximum 100';
            end if;
        elsif operator is null then
            perform realtime.cast(filter.value, column_type);
        end if;
    end loop;

    select chosen into stray from unnest(new.selected_columns) as chosen where chosen <> all(readable) limit 1;
    if found then
        raise exception 'invalid column for select %', stray;
    end if;

    -- In one order, so that the unique index sees what is the same.
    new.filters := array(
        select f from unnest(new.filters) as f order by f.column_name, f.op, f.value, f.negate
    );
    new.selected_columns := (select array_agg(chosen order by chosen) from unnest(new.selected_columns) as chosen);
    return new;
end
$$;

create trigger tr_check_filters before insert or update on realtime.subscription
for each row execute function realtime.subscription_check_filters();

create function realtime.wal2json_escape_identifier(name text) returns text
language sql immutable strict
as $$ select regexp_replace(name, '([\\,.[:space:]])', '\\\1', 'g') $$;

create function realtime.quote_wal2json(entity regclass) returns text
language sql immutable strict
as $$
    select realtime.wal2json_escape_identifier(n.nspname) || '.' || realtime.wal2json_escape_identifier(c.relname)
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.oid = entity
$$;

create function realtime.build_prepared_statement_sql(
    prepared_statement_name text, entity regclass, columns realtime.wal_column[]
) returns text
language sql
as $$
    select format(
        'prepare %s as select exists (select 1 from %s where %s)', prepared_statement_name, entity,
        string_agg(format('%I = %s', key.name, quote_nullable(key.value #>> '{}')), ' and ')
    )
    from unnest(columns) as key
    where key.is_pkey
    having count(*) > 0
$$;

-- These two read the log through a replication slot and wal2json, which the emulation has not.
create function realtime.apply_rls(wal jsonb, max_record_bytes integer default (1024 * 1024))
returns setof realtime.wal_rls
language plpgsql
as $$
begin
    raise exception 'The emulated platform reads no write-ahead log.' using errcode = 'feature_not_supported';
end
$$;

-- Only who may set this parameter can make a function that sets it.
reset role;

create function realtime.list_changes(
    publication name, slot_name name, max_changes integer, max_record_bytes integer
) returns table (wal jsonb, is_rls_enabled boolean, subscription_ids uuid[], errors text[], slot_changes_count bigint)
language sql
set log_min_messages to 'fatal'
as $$
    select
        changes.*,
        0::bigint
    from realtime.apply_rls(null, max_record_bytes) as changes
$$;
alter function realtime.list_changes(name, name, integer, integer) owner to supabase_realtime_admin;

set local role supabase_realtime_admin;

do $owner$
declare
    owner constant regrole := quote_ident(current_setting('pgassay.owner'))::regrole;
    every_function regprocedure;
begin
    for every_function in
        select p.oid from pg_catalog.pg_proc as p where p.pronamespace = 'realtime'::regnamespace
    loop
        execute format('grant execute on function %s to %s, dashboard_user', every_function, owner);
        continue when every_function::text ~ '^realtime\.(topic|send|broadcast|list_changes|wal2json_escape)';
        execute format('grant execute on function %s to anon, authenticated, service_role', every_function);
    end loop;
end
$owner$;
