-- Searches by comparing letters, without an index; an index on text is made, and serves nothing but equality.

create access method pgroonga type index handler hashhandler; -- noqa: PRS

create function pgroonga_match_term(target text, term text) returns boolean
language sql immutable strict
as $$ select strpos(lower(target), lower(term)) > 0 $$;

create function pgroonga_query(target text, query text) returns boolean
language sql immutable strict
as $$
    select bool_and(strpos(lower(target), lower(word)) > 0) from regexp_split_to_table(query, '\s+') as words (word)
$$;

create operator &@ (leftarg = text, rightarg = text, function = pgroonga_match_term);
create operator &@~ (leftarg = text, rightarg = text, function = pgroonga_query);
create operator &^ (leftarg = text, rightarg = text, function = pg_catalog.starts_with);

create operator class pgroonga_text_full_text_search_ops_v2 default for type text using pgroonga as
operator 1 pg_catalog.= (text, text),
function 1 pg_catalog.hashtext(text);

create operator class pgroonga_text_term_search_ops_v2 for type text using pgroonga as
operator 1 pg_catalog.= (text, text),
function 1 pg_catalog.hashtext(text);

create function pgroonga_score(tableoid oid, ctid tid) returns double precision
language sql
as $$ select 0::double precision $$;

create function pgroonga_snippet_html(target text, keywords text[], width integer default 200) returns text[]
language sql immutable
as $$ select array[left(target, width)] $$;

create function pgroonga_escape(value text) returns text
language sql immutable
as $$ select regexp_replace(value, '([-+<>~*()":^\\])', '\\\1', 'g') $$;
