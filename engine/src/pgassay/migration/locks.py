"""The locks that a migration takes on tables that others use meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from pglast import ast, parser

from pgassay.catalog.model import Relation
from pgassay.catalog.read import read_catalog
from pgassay.database import Statement
from pgassay.errors import Place

_MODES = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
"""From the weakest to the strongest: PostgreSQL's documentation, "Explicit Locking", "Table-Level Locks"."""

_HELD: LiteralString = """
    select l.relation::bigint, l.mode
    from pg_catalog.pg_locks as l inner join pg_catalog.pg_database as d on l.database = d.oid
    where l.pid = %s and l.locktype = 'relation' and l.granted and d.datname = current_database()
"""


@dataclass(frozen=True, kw_only=True)
class TableLock:
    """The strongest lock on a table, held until its transaction ends, and the statement that took it."""

    table: str
    mode: str
    place: Place

    @property
    def spelled(self) -> str:
        """As LOCK TABLE spells the mode: ACCESS EXCLUSIVE."""
        words = self.mode.removesuffix("Lock")
        return "".join(f" {c}" if c.isupper() else c for c in words).strip().upper()

    @property
    def blocks(self) -> str:
        """What other sessions have to wait with: "reads and writes", "writes" or ""."""
        if _MODES.index(self.mode) < _MODES.index("ShareLock"):
            return ""
        return "reads and writes" if self.mode == _MODES[-1] else "writes"


class LockWatch:
    """Looks from a connection of its own, after each statement, at what the migration holds by then.

    `unseen`: statements that run in transactions of their own, of which nothing is held after them.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        relations = read_catalog(connection, Relation).of(Relation)
        self._names = {table.oid: table.name for table in relations if table.kind in ("r", "p", "m")}
        self._strongest: dict[int, TableLock] = {}
        self.unseen: list[Place] = []

    def __call__(self, statement: Statement, process: int) -> None:
        """As `apply_script` wants its watcher."""
        held = self._connection.execute(_HELD, [process]).fetchall()
        if not statement.transactional and not held and not _controls_transactions(statement):
            self.unseen.append(statement.place)
        for oid, mode in held:
            known = self._strongest.get(oid)
            if oid in self._names and (known is None or _MODES.index(mode) > _MODES.index(known.mode)):
                self._strongest[oid] = TableLock(table=self._names[oid], mode=mode, place=statement.place)

    @property
    def locks(self) -> tuple[TableLock, ...]:
        """On each table that was there before, the strongest first."""
        found = self._strongest.values()
        return tuple(sorted(found, key=lambda lock: (-_MODES.index(lock.mode), lock.table)))


def _controls_transactions(statement: Statement) -> bool:
    """BEGIN, COMMIT and the like, which lock nothing themselves."""
    return isinstance(parser.parse_sql(statement.text)[0].stmt, ast.TransactionStmt)
