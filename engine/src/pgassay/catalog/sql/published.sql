select
    t.schemaname as schema,
    t.tablename as relation,
    t.pubname as name,
    t.rowfilter as rows,
    coalesce(t.attnames, '{}') as columns
from pg_catalog.pg_publication_tables as t
