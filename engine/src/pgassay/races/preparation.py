"""A scenario in an arena: its runs, one after the other, and what each left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from pgassay.catalog.model import Constraint, Function, Trigger
from pgassay.catalog.read import read_catalog
from pgassay.errors import CannotJudgeError
from pgassay.races.arena import Arena
from pgassay.races.model import Isolation, RunOutcome, Scenario, SessionScript, Trial, Violation
from pgassay.races.run import Party, ScheduleRun
from pgassay.races.sync import enlist, skip
from pgassay.supabase.identity import AUTHENTICATOR, Roles, request_identity

_ROWS = 5
"""Offending rows that a violation shows."""

_OBSERVE = "observe"

Record = dict[str, str | None]
Owner = psycopg.Connection[Any]


class OutcomeJudge:
    """Asks a scenario's queries over the owner's connection, all of them in one."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._queries = dict(scenario.invariants)
        if scenario.observe:
            self._queries[_OBSERVE] = scenario.observe
        self._question = _combine(self._queries)

    def judge(self, owner: Owner, run: ScheduleRun) -> Trial:
        """The outcome of a run, and the rows that offend. Raises CannotJudgeError for a query that fails."""
        found = self._ask(owner)
        observed = self._only(found.pop(_OBSERVE, [])) if self._scenario.observe else {}
        results: Record = {party.name: party.result for party in run.parties.values()}
        return Trial(
            scenario=self._scenario,
            moves=tuple(run.moves),
            skips=run.skips,
            outcome=RunOutcome(values=tuple((results | observed).items())),
            violations=tuple(
                Violation(invariant=name, rows=tuple(rows[:_ROWS])) for name, rows in found.items()
            ),
        )

    def _ask(self, owner: Owner) -> dict[str, list[Record]]:
        """The rows of each query that has any."""
        try:
            rows = owner.execute(self._question, prepare=True).fetchall()
        except psycopg.Error as error:
            if owner.closed:
                raise
            raise self._blame(owner, error) from error
        found: dict[str, list[Record]] = {}
        for name, row in rows:
            found.setdefault(name, []).append(_record(row))
        return found

    def _blame(self, owner: Owner, error: psycopg.Error) -> CannotJudgeError:
        """Which of the queries it is that fails."""
        for name, query in self._queries.items():
            try:
                owner.execute(_combine({name: query}))
            except psycopg.Error as own:
                return CannotJudgeError(
                    f'{self._scenario.name}: the query "{name}" fails.',
                    why=str(own),
                    fixes=("correct it: a single SELECT, without a semicolon",),
                )
        return CannotJudgeError(f"{self._scenario.name}: its queries fail.", why=str(error))

    def _only(self, rows: list[Record]) -> Record:
        if len(rows) == 1:
            return rows[0]
        raise CannotJudgeError(
            f"{self._scenario.name}: observe must return one row, and returned {len(rows)}.",
            fixes=("correct the query",),
        )


def _combine(queries: Mapping[str, str]) -> bytes:
    """One query whose rows are those of all: the name of the query, the row as JSON."""
    # The line break ends a comment at the end of a query.
    parts = [
        b"select %b::text, pg_catalog.row_to_json(q)::text from (%b\n) as q"
        % (sql.quote(name).encode(), query.encode())
        for name, query in queries.items()
    ]
    return b" union all ".join(parts or [b"select '', '' where false"])


def _record(row: str) -> Record:
    return {name: _text(value) for name, value in json.loads(row, parse_int=str, parse_float=str).items()}


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


class PreparedScenario:
    """Sets a scenario up, and begins a run of it as often as is wanted. Raises CannotJudgeError."""

    def __init__(self, arena: Arena, scenario: Scenario) -> None:
        self._arena = arena
        self._scenario = scenario
        self._is_used = False
        arena.set_up(scenario)
        self._judge = OutcomeJudge(scenario)
        self._openings = _openings(arena.owner, scenario, limit=arena.limit)

    def start(self, skips: tuple[int, ...] = ()) -> ScheduleRun:
        """A run from where the setup ended; `skips` as those of a `Trial`, inside functions alone."""
        if self._is_used:
            self._arena.go_back(self._scenario)
        self._is_used = True
        lines = self._arena.lines([AUTHENTICATOR if s.persona else s.role for s in self._scenario.sessions])
        steps = self._scenario.steps.items()
        openings = self._openings
        if self._scenario.inside and skips:
            openings = [f"{opening}; {skip(points)}" for opening, points in zip(openings, skips, strict=True)]
        parties = [
            Party(
                name=name, number=number, line=line, steps=own, opening=opening,
                retries=self._scenario.retries,
            )
            for number, ((name, own), line, opening) in enumerate(
                zip(steps, lines, openings, strict=True), start=1
            )
        ]  # fmt: skip
        if self._scenario.inside:
            for party in parties:
                party.line.skipped.clear()
                self._arena.gatekeeper.close(party.number)
        judge = partial(self._judge.judge, self._arena.owner)
        return ScheduleRun(self._scenario, parties, self._arena, judge=judge, skips=skips)

    @property
    def shared(self) -> frozenset[str]:
        """The tables that points may be about; none where sessions stop at all of them."""
        return self._scenario.shared

    def share(self, tables: frozenset[str]) -> None:
        """From now on stop only at points that may be about one of these tables, of which there is one."""
        self._scenario = replace(self._scenario, shared=tables)
        self._judge = OutcomeJudge(self._scenario)
        self._openings = _openings(self._arena.owner, self._scenario, limit=self._arena.limit)

    def why_unpruned(self) -> str:
        """Why locks do not tell what the steps do; "" where they do."""
        if any("advisory" in step.sql for steps in self._scenario.steps.values() for step in steps):
            return "a step takes advisory locks"
        catalog = read_catalog(self._arena.owner, Constraint, Trigger, Function)
        # They work past the locks that a step leaves behind: at COMMIT, or with locks that go earlier.
        if any(key.deferrable for key in catalog.of(Constraint)) or any(
            t.deferrable for t in catalog.of(Trigger)
        ):
            return "the schema has a deferrable constraint or trigger"
        has_locks = any("advisory" in function.body for function in catalog.of(Function))
        return "the schema has a function with advisory locks" if has_locks else ""


def _openings(owner: psycopg.Connection[Any], scenario: Scenario, *, limit: float) -> Sequence[str]:
    """The SQL that begins a transaction of each session."""
    roles = Roles(owner)
    openings = [_opening(session, scenario.isolation, roles, limit=limit) for session in scenario.sessions]
    if not scenario.inside:
        return openings
    return [
        f"{opening}; {enlist(number, scenario.shared)}" for number, opening in enumerate(openings, start=1)
    ]


def _opening(session: SessionScript, isolation: Isolation, roles: Roles, *, limit: float) -> str:
    # Who logs in as authenticator has the timeouts of that role.
    own = {} if session.persona else {"statement_timeout": f"{limit:.0f}s"}
    # The query of a persona's claims takes the snapshot that fixes what a transaction sees; so does this.
    snapshot = [] if isolation is Isolation.READ_COMMITTED else ["select"]
    become = [request_identity(session.persona, roles).become] if session.persona else snapshot
    settings = (own | dict(session.settings)).items()
    return "; ".join(
        [
            f"begin isolation level {isolation.value}",
            *become,
            *(_set(name, value) for name, value in settings),
        ]
    )


def _set(name: str, value: str) -> str:
    statement = sql.SQL("set local {} to {}").format(sql.Identifier(*name.split(".")), sql.Literal(value))
    return statement.as_string(None)
