"""Read the indexes and foreign keys of the tables that the current role owns."""

from __future__ import annotations

from typing import Any, LiteralString

from pgassay.database import Session
from pgassay.plans.indexes import ForeignKey, Index

_INDEXES: LiteralString = """
    select
        n.nspname::text as schema,
        c.relname::text as name,
        t.relname::text as "table",
        m.amname::text as method,
        array(
            select pg_catalog.concat_ws(
                ' ', pg_catalog.pg_get_indexdef(i.indexrelid, k::int, true),
                i.indoption[k - 1], i.indcollation[k - 1], i.indclass[k - 1]
            )
            from pg_catalog.generate_series(1, i.indnkeyatts) as k order by k
        ) as keys,
        (i.indkey::int2[])[0 : i.indnkeyatts - 1] as columns,
        i.indnatts - i.indnkeyatts as included,
        coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') as predicate,
        i.indisunique as "unique",
        exists (select from pg_catalog.pg_constraint as k where k.conindid = c.oid and k.contype = 'f')
            as target,
        exists (select from pg_catalog.pg_constraint as k where k.conindid = c.oid and k.contype <> 'f')
            as "constraint"
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_am as m on c.relam = m.oid
    inner join pg_catalog.pg_class as t on i.indrelid = t.oid
    where t.relkind = 'r' and pg_catalog.pg_get_userbyid(t.relowner) = current_user
    order by "table", name
"""
_FOREIGN_KEYS: LiteralString = """
    select
        k.conname::text as name,
        t.relname::text as "table",
        k.conkey as columns,
        exists (
            select from pg_catalog.pg_index as p
            where
                p.indrelid = k.confrelid and p.indisprimary
                and p.indnkeyatts = 1 and p.indkey[0] = k.confkey[1]
        ) as identified
    from pg_catalog.pg_constraint as k
    inner join pg_catalog.pg_class as t on k.conrelid = t.oid
    where k.contype = 'f' and t.relkind = 'r' and pg_catalog.pg_get_userbyid(t.relowner) = current_user
    order by "table", name
"""


def read_indexes(session: Session) -> tuple[Index, ...]:
    """The indexes, by table and name."""
    return tuple(Index(**_frozen(row)) for row in session.execute(_INDEXES).rows)


def read_foreign_keys(session: Session) -> tuple[ForeignKey, ...]:
    """The foreign keys, by table and name."""
    return tuple(ForeignKey(**_frozen(row)) for row in session.execute(_FOREIGN_KEYS).rows)


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
