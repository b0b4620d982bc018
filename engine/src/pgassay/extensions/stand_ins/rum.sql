-- Indexes are GIN indexes by another name: the same rows, no order by distance.

create access method rum type index handler ginhandler; -- noqa: PRS

create operator class rum_tsvector_ops default for type tsvector using rum as
operator 1 pg_catalog.@@ (tsvector, tsquery),
function 1 pg_catalog.gin_cmp_tslexeme(text, text),
function 2 pg_catalog.gin_extract_tsvector(tsvector, internal, internal),
function 3 pg_catalog.gin_extract_tsquery(tsvector, internal, smallint, internal, internal, internal, internal),
function 4 pg_catalog.gin_tsquery_consistent(
    internal, smallint, tsvector, integer, internal, internal, internal, internal
),
function 5 pg_catalog.gin_cmp_prefix(text, text, smallint, internal),
storage text;
