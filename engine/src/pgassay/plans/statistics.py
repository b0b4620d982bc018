"""Make the planner believe in far more rows than there are (PostgreSQL 18's import of statistics)."""

from __future__ import annotations

from pgassay.database import Session

SINCE = 180000  # server_version_num that brought pg_restore_relation_stats

_FACTOR = """
    select %s / pg_catalog.max(reltuples) from pg_catalog.pg_class
    where relkind = 'r' and reltuples > 0 and pg_catalog.pg_get_userbyid(relowner) = current_user
"""
# The planner multiplies rows per page by the pages that the file really has: so rows grow, and pages stay.
_RELATIONS = """
    select pg_catalog.pg_restore_relation_stats(
        'schemaname', n.nspname::text, 'relname', c.relname::text,
        'relpages', c.relpages, 'reltuples', (c.reltuples * %s)::real
    )
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where
        c.relkind in ('r', 'i') and c.reltuples > 0
        and pg_catalog.pg_get_userbyid(c.relowner) = current_user
"""
# As many more users and jobs as rows: else each would own as many more.
_REFERENCES = """
    select pg_catalog.pg_restore_attribute_stats(
        'schemaname', s.schemaname::text, 'relname', s.tablename::text, 'attname', s.attname::text,
        'inherited', false, 'n_distinct', (s.n_distinct * %s)::real
    )
    from pg_catalog.pg_stats as s
    inner join pg_catalog.pg_attribute as a on
        a.attrelid = pg_catalog.format('%%I.%%I', s.schemaname, s.tablename)::regclass
        and s.attname = a.attname
    where
        s.n_distinct > 0 and not s.inherited and exists (
            select from pg_catalog.pg_constraint as k
            where k.contype = 'f' and k.conrelid = a.attrelid and a.attnum = any (k.conkey)
        )
"""


def scale_statistics(session: Session, rows: int) -> None:
    """Scale the statistics so that the largest of the owner's tables has `rows` rows, in this transaction."""
    with session.as_owner():
        factor = session.value(_FACTOR, [rows])
        session.execute(_RELATIONS, [factor])
        session.execute(_REFERENCES, [factor])
