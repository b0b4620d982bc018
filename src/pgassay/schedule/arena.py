"""Where runs take place: one database, one connection for each session, back at the start for every run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from types import TracebackType
from typing import LiteralString, Self

import psycopg
from psycopg import sql

from pgassay.database import Database
from pgassay.database.identity import AUTHENTICATOR, Roles, request_identity
from pgassay.errors import CannotJudgeError
from pgassay.schedule.baseline import Baseline
from pgassay.schedule.line import Line, Reply, Row
from pgassay.schedule.model import Isolation, Scenario, SessionScript
from pgassay.schedule.observer import open_observer
from pgassay.schedule.run import Party, ScheduleRun, ask
from pgassay.schedule.trial import Outcome, Trial, Violation
from pgassay.workbench import Workbench

# DISCARD ALL without the plans, which are no part of what a session means.
_CLEAN = "close all; unlisten *; reset all; select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences"
_ROWS = 5
"""Offending rows that a violation shows."""

# What works past the locks that a step leaves behind: it runs at COMMIT, or gives its locks back before.
_HIDDEN: LiteralString = """
    select 'a deferrable constraint or trigger' from pg_catalog.pg_trigger where tgdeferrable
    union all
    select 'advisory locks' from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname not in ('pg_catalog', 'information_schema') and p.prosrc like '%%advisory%%'
    limit 1
"""


class Arena:
    """Runs of one scenario. `notes` say what made them slower or more than they had to be."""

    def __init__(self, bench: Workbench, scenario: Scenario) -> None:
        self.scenario = scenario
        self.notes: list[str] = []
        self._bench = bench
        self._resources = ExitStack()
        self._limit = float(bench.config.statement_timeout)
        self._used = False
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def can_prune(self) -> bool:
        """Whether footprints tell all that steps do. Else, a note says why not."""
        if self.scenario.isolation is Isolation.SERIALIZABLE:
            self.notes.append("not pruned: under SERIALIZABLE every transaction matters to every other")
            return False
        if hidden := self._owner.execute(_HIDDEN).fetchone():
            self.notes.append(f"not pruned: the schema has {hidden[0]}")
            return False
        return not any("advisory" in str(step) for steps in self.scenario.steps.values() for step in steps)

    def start(self) -> ScheduleRun:
        """A run from where the scenario's setup ends."""
        if self._used:
            self._go_back()
        self._used = True
        parties = [
            Party(name=name, line=line, steps=steps, opening=opening, retries=self.scenario.retries)
            for (name, steps), line, opening in zip(
                self.scenario.steps.items(), self._lines, self._openings, strict=True
            )
        ]
        return ScheduleRun(
            self.scenario, parties, self._observer,
            judge=self.judge, unversioned=self._unversioned, limit=self._limit,
        )  # fmt: skip

    def judge(self, run: ScheduleRun) -> Trial:
        """Look at what the run left: the outcome, and the rows that offend an invariant."""
        results = {party.name: party.result for party in run.parties.values()}
        observed = self._observe(self.scenario.observe) if self.scenario.observe else {}
        violations = [
            Violation(invariant=name, rows=tuple(rows))
            for name, query in self.scenario.invariants.items()
            if (rows := self._ask(f'the invariant "{name}"', query)[:_ROWS])
        ]
        return Trial(
            scenario=self.scenario,
            moves=tuple(run.moves),
            outcome=Outcome(values=tuple((results | observed).items())),
            violations=tuple(violations),
        )

    def _open(self) -> None:
        self._database = self._resources.enter_context(self._bench.database())
        self._owner = self._resources.enter_context(closing(self._database.connect(autocommit=True)))
        self._set_up()
        self._observer = self._resources.enter_context(open_observer(self._database))
        self._judge = self._resources.enter_context(closing(self._line(None)))
        self._lines = [
            self._resources.enter_context(closing(self._line(_login(session))))
            for session in self.scenario.sessions
        ]
        self._openings = _openings(self.scenario, self._database, limit=self._limit)
        self._baseline, self._unversioned = None, frozenset[tuple[str, ...]]()
        try:
            self._baseline = Baseline(self._owner)
            self._unversioned = frozenset(("relation", oid) for oid in self._baseline.sequence_oids)
        except psycopg.Error as error:
            self._cannot_go_back(error)

    def _line(self, login: str | None) -> Line:
        return Line(partial(self._database.connect, user=login, autocommit=True))

    def _set_up(self) -> None:
        try:
            self._owner.execute(self.scenario.setup.encode())
        except psycopg.Error as error:
            raise CannotJudgeError(
                f"{self.scenario.name}: its setup fails.", why=str(error), fixes=("correct the scenario",)
            ) from error

    def _go_back(self) -> None:
        for line in self._lines:
            if line.lost:
                line.open()
            else:
                line.send(_CLEAN)
        for line in self._lines:
            if line.busy:
                ask(line)
        try:
            if self._baseline:
                self._baseline.restore()
                return
        except psycopg.Error as error:
            self._cannot_go_back(error)
        self._resources.close()
        self._open()

    def _cannot_go_back(self, error: psycopg.Error) -> None:
        note = f"slow, a clone for each schedule: the owner can not undo the steps ({error.diag.message_primary})"
        if note not in self.notes:
            self.notes.append(note)

    def _observe(self, query: str) -> dict[str, str | None]:
        rows = self._ask("observe", query)
        if len(rows) != 1:
            raise CannotJudgeError(
                f"{self.scenario.name}: observe must return one row, and returned {len(rows)}.",
                fixes=("correct the query",),
            )
        return rows[0]

    def _ask(self, what: str, query: str) -> list[dict[str, str | None]]:
        reply = ask(self._judge, query)
        if reply.sqlstate:
            raise CannotJudgeError(
                f"{self.scenario.name}: {what} fails.",
                why=f"{reply.sqlstate}: {reply.message}",
                fixes=("correct the query",),
            )
        return _records(reply)


def _records(reply: Reply) -> list[dict[str, str | None]]:
    def record(row: Row) -> dict[str, str | None]:
        return dict(zip(reply.columns, row, strict=True))

    return [record(row) for row in reply.rows]


def _login(session: SessionScript) -> str | None:
    return AUTHENTICATOR if session.persona else session.role


def _openings(scenario: Scenario, database: Database, *, limit: float) -> Sequence[str]:
    """The SQL that begins a transaction of each session."""
    with closing(database.connect(autocommit=True)) as connection:
        roles = Roles(connection)
        return [_opening(session, scenario.isolation, roles, limit=limit) for session in scenario.sessions]


def _opening(session: SessionScript, isolation: Isolation, roles: Roles, *, limit: float) -> str:
    # What logs in as authenticator has timeouts of its own.
    own = {} if session.persona else {"statement_timeout": f"{limit:.0f}s"}
    settings = [
        sql.SQL("set local {} to {}")
        .format(sql.Identifier(*name.split(".")), sql.Literal(value))
        .as_string(None)
        for name, value in (own | dict(session.settings)).items()
    ]
    become = [request_identity(session.persona, roles).become] if session.persona else []
    return "; ".join([f"begin isolation level {isolation.value}", *become, *settings])
