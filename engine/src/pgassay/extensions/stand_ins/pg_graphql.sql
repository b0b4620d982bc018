-- Answers every query with an error that says so: no GraphQL is resolved.

set local search_path = pg_catalog, pg_temp;

create function graphql.resolve(
    query text, variables jsonb default '{}', "operationName" text default null, extensions jsonb default null
) returns jsonb
language sql
as $$
    select '{"data": null, "errors": [{"message": "pgassay stands in for pg_graphql, and resolves no query."}]}'::jsonb
$$;

create function graphql.comment_directive(comment_ text) returns jsonb
language sql immutable
as $$ select coalesce((regexp_match(comment_, '@graphql\((.+)\)'))[1]::jsonb, '{}') $$;

create function graphql.get_schema_version() returns integer
language sql
as $$ select 1 $$;

grant usage on schema graphql to public;
