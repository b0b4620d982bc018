"""Look at what a run left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from pgassay.errors import CannotJudgeError
from pgassay.races.model import Scenario
from pgassay.races.record import Outcome, Trial, Violation
from pgassay.races.run import ScheduleRun

_ROWS = 5
"""Offending rows that a violation shows."""

_OBSERVE = "observe"

Record = dict[str, str | None]
Owner = psycopg.Connection[Any]


class Judge:
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
            outcome=Outcome(values=tuple((results | observed).items())),
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
