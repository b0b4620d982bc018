"""Where scenarios are run: one database, watched from outside and brought back for every schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property, partial
from typing import Any, LiteralString, Self

import psycopg
from psycopg import sql

from pgassay.catalog.model import Column, Constraint, Relation
from pgassay.catalog.read import read_catalog, read_marks
from pgassay.database import Database
from pgassay.errors import CannotJudgeError
from pgassay.races.effects import Shapes, shape_of
from pgassay.races.explorer import HeldLock, Peculiar
from pgassay.races.line import SessionLine, ask
from pgassay.races.model import Scenario
from pgassay.races.reset import Baseline, TableChange
from pgassay.races.sync import Gatekeeper, install_sync_points
from pgassay.workbench import Workbench

# With their defaults a deadlock takes a second to be found, and nobody says when it was looked for.
_SETTINGS = {
    "deadlock_timeout": "1ms",
    "log_lock_waits": "on",
    "lc_messages": "C",
    "client_min_messages": "log",
}

# A function may have set client_min_messages, and so have silenced its session.
_WHERE_TOLD, _WHERE_SILENT = 1.0, 0.0

_BLOCKERS: LiteralString = """
    select pid, pg_catalog.pg_blocking_pids(pid) || pg_catalog.pg_safe_snapshot_blocking_pids(pid)
    from pg_catalog.unnest(%s::integer[]) as pid
"""
# Locks of pages, tuples and transactions are how waiting is done; those that remain say what was touched.
_LOCKS: LiteralString = """
    select locktype, coalesce(relation, classid), objid, objsubid, mode from pg_catalog.pg_locks
    where pid = %s and granted and locktype not in ('virtualxid', 'transactionid', 'tuple', 'page', 'extend')
"""


class LockObserver:
    """A connection to the maintenance database: the schema under test has no way to it.

    After `patience` seconds a session waits if it is blocked, though it has not said so.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, patience: float) -> None:
        self._connection = connection
        self.patience = patience

    def blockers(self, pids: Sequence[int]) -> dict[int, set[int]]:
        """The processes that each of `pids` waits for; none where it runs or is idle."""
        rows = self._connection.execute(_BLOCKERS, [list(pids)], prepare=True)
        return {pid: set(blockers) for pid, blockers in rows}

    def locks(self, pid: int) -> list[HeldLock]:
        """What a process has locked, but for the rows."""
        rows = self._connection.execute(_LOCKS, [pid], prepare=True)
        return [
            HeldLock(key=(kind, *(str(part) for part in identity if part is not None)), mode=mode)
            for kind, *identity, mode in rows
        ]

    def terminate(self, pid: int) -> None:
        """End a session's backend."""
        self._connection.execute("select pg_catalog.pg_terminate_backend(%s)", [pid])


@contextmanager
def open_observer(database: Database) -> Iterator[LockObserver]:
    """An observer of `database`, whose sessions, from now on, tell at once that they wait and why they fail.

    On an attached server whose role may not arrange this, deadlocks take that server's deadlock_timeout.
    """
    server = database.server
    with closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as connection:
        patience = _WHERE_TOLD if _let_sessions_tell(connection, database) else _WHERE_SILENT
        yield LockObserver(connection, patience=patience)


def _let_sessions_tell(connection: psycopg.Connection[Any], database: Database) -> bool:
    alter = sql.SQL("alter database {} set {} to {}")
    try:
        for name, value in _SETTINGS.items():
            connection.execute(
                alter.format(sql.Identifier(database.name), sql.Identifier(name), sql.Literal(value))
            )
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


# DISCARD ALL without the plans, which are no part of what a session means.
_CLEAN = (
    "close all; unlisten *; reset all; select pg_catalog.pg_advisory_unlock_all(); "
    "discard temp; discard sequences"
)


class Arena:
    """A clone of the project's database, with connections for as many sessions as there are at once.

    `owner` is the connection that sets scenarios up and judges them. `why_slow` says why the database can not
    be brought back by the owner, so that every schedule needs a new clone; "" where it can. `rows` are made
    on top of the world, then the owner makes `changes`. With `inside`, functions are rewritten once, for many
    scenarios that stop in them.
    """

    def __init__(
        self,
        bench: Workbench,
        *,
        rows: tuple[str, ...] = (),
        changes: tuple[str, ...] = (),
        inside: bool = False,
    ) -> None:
        self.why_slow = ""
        self._is_sound = True
        self.limit = float(bench.config.statement_timeout)
        self._bench = bench
        self._rows = rows
        self._changes = changes
        self._inside = inside
        self._resources = ExitStack()
        try:
            self._open()
        except BaseException:
            self._resources.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def set_up(self, scenario: Scenario) -> None:
        """Make the state that a scenario's schedules begin in. Raises CannotJudgeError when that fails."""
        if not self._is_sound or self.why_slow or not self._go_to(Baseline.restore_first):
            self.why_slow = ""
            self._renew()
        self._run_setup(scenario)

    def go_back(self, scenario: Scenario) -> None:
        """Make that state again."""
        if not self._go_to(Baseline.restore):
            self._renew()
            self._run_setup(scenario)

    def check(self, scenario: Scenario) -> None:
        """Raise CannotJudgeError if a step altered what `go_back` does not bring back."""
        self._clean()  # temporary tables are in the catalog, too
        schema = read_marks(self.owner)
        if schema != self._schema:
            raise CannotJudgeError(
                f"{scenario.name}: a step altered the schema, or emptied a table by TRUNCATE.",
                why="Neither is undone between schedules.",
                fixes=("let steps read and write rows only",),
            )
        self._is_sound = schema == self._pristine

    def changes(self) -> tuple[TableChange, ...]:
        """What a schedule changed. Raises CannotJudgeError where the owner may not undo everything."""
        if self._baseline is None:
            raise CannotJudgeError("What a schedule changed can not be told.", why=self.why_slow)
        return self._baseline.changes()

    @cached_property
    def gatekeeper(self) -> Gatekeeper:
        """Who lets sessions go on that have come to a sync point."""
        return Gatekeeper(self._resources.enter_context(closing(self.connect())))

    @cached_property
    def tables(self) -> Mapping[str, str]:
        """Tables by their OIDs, as locks name them."""
        relations = read_catalog(self.owner, Relation).of(Relation)
        return {str(relation.oid): relation.name for relation in relations if relation.kind in "rp"}

    @cached_property
    def shapes(self) -> Shapes:
        """Of all tables."""
        catalog = read_catalog(self.owner, Column, Constraint)
        columns, keys = catalog.parts(Column), catalog.parts(Constraint)
        return {some[0].table: shape_of(some, keys[oid]) for oid, some in columns.items() if some}

    def connect(self, user: str | None = None) -> psycopg.Connection[Any]:
        """A further connection, the owner's when `user` is None."""
        return self._database.connect(user=user, autocommit=True)

    def lines(self, logins: Sequence[str | None]) -> list[SessionLine]:
        """A connection of its own for each login; None is the owner's."""
        taken: dict[str | None, int] = defaultdict(int)
        lines: list[SessionLine] = []
        for login in logins:
            pool = self._pools[login]
            if taken[login] == len(pool):
                line = SessionLine(partial(self.connect, login))
                pool.append(self._resources.enter_context(closing(line)))
            lines.append(pool[taken[login]])
            taken[login] += 1
        return lines

    def _open(self) -> None:
        self._database = self._resources.enter_context(self._bench.database(rows=self._rows))
        self.owner = self._resources.enter_context(closing(self.connect()))
        for statement in self._changes:
            self.owner.execute(statement.encode())
        self.uninterrupted = install_sync_points(self.owner, strict=False) if self._inside else ()
        self.observer = self._resources.enter_context(open_observer(self._database))
        self._pools: dict[str | None, list[SessionLine]] = defaultdict(list)
        self._baseline = None if self.why_slow else self._make_baseline()
        self.peculiar = _find_peculiar(self.owner)
        self._schema = self._pristine = read_marks(self.owner)
        self._is_sound = True

    def _run_setup(self, scenario: Scenario) -> None:
        self._is_sound = False  # until `check` says so
        try:
            self.owner.execute(scenario.setup.encode())
        except psycopg.Error as error:
            raise CannotJudgeError(
                f"{scenario.name}: its setup fails.", why=str(error), fixes=("correct the scenario",)
            ) from error
        if scenario.inside and not self._inside:
            install_sync_points(self.owner)
        self._do(Baseline.mark)
        self._schema = read_marks(self.owner)

    def _renew(self) -> None:
        self._resources.close()
        self.__dict__.pop("gatekeeper", None)
        self._open()

    def _make_baseline(self) -> Baseline | None:
        try:
            return Baseline(self.owner, self._resources.enter_context(closing(self.connect())))
        except psycopg.Error as error:
            self._give_up(error)
            return None

    def _go_to(self, restore: Callable[[Baseline], None]) -> bool:
        """Restore, once every session has forgotten what it knew; False where the owner can not."""
        self._clean()
        return self._do(restore)

    def _clean(self) -> None:
        lines = [line for pool in self._pools.values() for line in pool]
        for line in lines:
            if line.lost:
                line.open()
            else:
                line.send(_CLEAN)
        for line in lines:
            if line.busy:
                ask(line)

    def _do(self, act: Callable[[Baseline], None]) -> bool:
        """Whether the owner could: a table may be another's, or refuse in a trigger of another's."""
        if self._baseline is None:
            return False
        try:
            act(self._baseline)
        except psycopg.Error as error:
            self._give_up(error)
        return self._baseline is not None

    def _give_up(self, error: psycopg.Error) -> None:
        if self.owner.closed:
            raise error
        self._baseline = None
        self.why_slow = error.diag.message_primary or str(error)


def _find_peculiar(owner: psycopg.Connection[Any]) -> Peculiar:
    relations = read_catalog(owner, Relation).of(Relation)
    own = {relation.oid for relation in relations if relation.schema.startswith("pgassay_")}
    sequences = {relation.oid for relation in relations if relation.kind == "S"} - own
    return Peculiar(
        sequences=frozenset(("relation", str(oid)) for oid in sequences),
        own=frozenset(("relation", str(oid)) for oid in own),
    )
