-- Knows the keywords of JSON Schema for types, numbers, strings, arrays, objects and their combination.
-- It refuses a schema with $ref, conditions or patterns of property names, and ignores format.

create function stand_in_type_of(instance jsonb, wanted text) returns boolean
language sql immutable
as $$
    select case wanted
        when 'integer' then jsonb_typeof(instance) = 'number' and instance::numeric = trunc(instance::numeric)
        else jsonb_typeof(instance) = wanted
    end
$$;

create function jsonschema_validation_errors(schema json, instance json) returns text[]
language plpgsql immutable strict set search_path from current
as $$
declare
    wanted constant jsonb := schema;
    given constant jsonb := instance;
    kind constant text := jsonb_typeof(given);
    found text[] := array[]::text[];
    rule text;
    value jsonb;
    name text;
    matching integer;
begin
    if wanted in ('true', 'false') then
        return case when wanted = 'true' then found else array['False schema does not allow ' || given::text] end;
    end if;
    for rule, value in select r.key, r.value from jsonb_each(wanted) as r order by r.key collate "C" loop
        if (case rule
            when 'type' then not exists (
                select from jsonb_array_elements_text(
                    case when jsonb_typeof(value) = 'array' then value else jsonb_build_array(value) end
                ) as t (name) where stand_in_type_of(given, t.name)
            )
            when 'enum' then not value @> jsonb_build_array(given)
            when 'const' then value <> given
            when 'minimum' then kind = 'number' and given::numeric < value::numeric
            when 'maximum' then kind = 'number' and given::numeric > value::numeric
            when 'exclusiveMinimum' then kind = 'number' and given::numeric <= value::numeric
            when 'exclusiveMaximum' then kind = 'number' and given::numeric >= value::numeric
            when 'multipleOf' then kind = 'number' and given::numeric % value::numeric <> 0
            when 'minLength' then kind = 'string' and length(given #>> '{}') < value::integer
            when 'maxLength' then kind = 'string' and length(given #>> '{}') > value::integer
            when 'pattern' then kind = 'string' and given #>> '{}' !~ (value #>> '{}')
            when 'minItems' then kind = 'array' and jsonb_array_length(given) < value::integer
            when 'maxItems' then kind = 'array' and jsonb_array_length(given) > value::integer
            when 'uniqueItems' then kind = 'array' and value = 'true' and jsonb_array_length(given)
                <> (select count(distinct item) from jsonb_array_elements(given) as i (item))
            when 'minProperties' then kind = 'object'
                and (select count(*) from jsonb_object_keys(given)) < value::integer
            when 'maxProperties' then kind = 'object'
                and (select count(*) from jsonb_object_keys(given)) > value::integer
            when 'additionalProperties' then kind = 'object' and value = 'false' and exists (
                select from jsonb_object_keys(given) as k (name)
                where not coalesce(wanted -> 'properties', '{}') ? k.name
            )
            else false
        end) then
            found := found || format('%s does not satisfy %s: %s', given, rule, value);
        end if;
        case rule
            when 'required' then
                for name in select n from jsonb_array_elements_text(value) as names (n) loop
                    if kind = 'object' and not given ? name then
                        found := found || format('"%s" is a required property', name);
                    end if;
                end loop;
            when 'properties' then
                for name in select k from jsonb_object_keys(value) as keys (k) loop
                    if kind = 'object' and given ? name then
                        found := found || jsonschema_validation_errors((value -> name)::json, (given -> name)::json);
                    end if;
                end loop;
            when 'items' then
                if kind = 'array' then
                    found := found || coalesce((
                        select array_agg(error)
                        from jsonb_array_elements(given) as i (item),
                            unnest(jsonschema_validation_errors(value::json, i.item::json)) as e (error)
                    ), array[]::text[]);
                end if;
            when 'additionalProperties' then
                if kind = 'object' and jsonb_typeof(value) = 'object' then
                    for name in select k from jsonb_object_keys(given) as keys (k) loop
                        if not coalesce(wanted -> 'properties', '{}') ? name then
                            found := found || jsonschema_validation_errors(value::json, (given -> name)::json);
                        end if;
                    end loop;
                end if;
            when 'allOf', 'anyOf', 'oneOf' then
                select count(*) into matching from jsonb_array_elements(value) as s (part)
                where cardinality(jsonschema_validation_errors(s.part::json, instance)) = 0;
                if (rule = 'allOf' and matching < jsonb_array_length(value)) or (rule = 'anyOf' and matching = 0)
                    or (rule = 'oneOf' and matching <> 1)
                then
                    found := found || format('%s matches %s of the schemas of %s', given, matching, rule);
                end if;
            when 'not' then
                if cardinality(jsonschema_validation_errors(value::json, instance)) = 0 then
                    found := found || format('%s is not allowed', given);
                end if;
            when '$ref', 'if', 'then', 'else', 'patternProperties', 'propertyNames', 'contains', 'dependencies',
                'dependentRequired', 'dependentSchemas', 'prefixItems', 'unevaluatedProperties', 'unevaluatedItems'
            then
                raise exception 'The stand-in for pg_jsonschema does not know %.', rule
                    using errcode = 'feature_not_supported';
            else null;
        end case;
    end loop;
    return found;
end
$$;

create function json_matches_schema(schema json, instance json) returns boolean
language sql immutable strict set search_path from current
as $$ select cardinality(jsonschema_validation_errors(schema, instance)) = 0 $$;

create function jsonb_matches_schema(schema json, instance jsonb) returns boolean
language sql immutable strict set search_path from current
as $$ select cardinality(jsonschema_validation_errors(schema, instance::json)) = 0 $$;

create function jsonschema_is_valid(schema json) returns boolean
language sql immutable strict
as $$ select json_typeof(schema) in ('object', 'boolean') $$;
