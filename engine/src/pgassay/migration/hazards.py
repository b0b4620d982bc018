"""What of a migration can hurt others: the locks that it takes on their tables, and what squawk knows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from pglast import ast, parser

from pgassay.catalog.model import Relation
from pgassay.catalog.read import read_catalog
from pgassay.database import Script, Statement
from pgassay.errors import CannotJudgeError, Place

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


ABSENT = "not looked for: squawk is not installed (pip install squawk-cli)"
_TASTE = "prefer-"  # rules of style, not of safety
_UNREAD = "syntax-error"  # the first tells enough: the others follow from it
_FOUND = 1
_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """One statement that can hurt others; `rule` is squawk's name for it."""

    rule: str
    message: str
    place: Place


def find_squawk() -> Path | None:
    """The program beside this Python, else on PATH."""
    beside = shutil.which("squawk", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("squawk")
    return Path(found) if found else None


def ask_squawk(program: Path, script: Script, *, version: int, transactional: bool) -> tuple[Hazard, ...]:
    """Lint a migration for a server_version_num. Raises CannotJudgeError when squawk itself fails."""
    command = [str(program), "--reporter=json", f"--pg-version={version // 10000}.0"]
    command += ["--assume-in-transaction"] if transactional else []
    done = subprocess.run(
        [*command, "--stdin-filepath", script.path.name],
        input=script.text,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode not in (0, _FOUND):
        raise CannotJudgeError(f"squawk failed on {script.path}.", why=done.stderr.strip())
    found = [one for one in json.loads(done.stdout) if not one["rule_name"].startswith(_TASTE)]
    unread = [one for one in found if one["rule_name"] == _UNREAD]
    return tuple(_hazard(script, one) for one in found if one not in unread[1:])


def _hazard(script: Script, one: dict[str, Any]) -> Hazard:
    message = ". ".join(part.strip().rstrip(".") for part in (one["message"], one["help"]) if part) + "."
    # Its lines and columns count from 0.
    place = Place(file=script.path, line=one["line"] + 1, column=one["column"] + 1)
    return Hazard(rule=one["rule_name"], message=message, place=place)
