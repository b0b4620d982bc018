select
    t.schemaname as schema, t.tablename as relation, t.pubname as name, coalesce(t.attnames, '{}') as columns,
    t.rowfilter as rows
from pg_catalog.pg_publication_tables as t
