"""Look at what a run left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from pgassay.errors import CannotJudgeError
from pgassay.schedule.line import Reply, read_result
from pgassay.schedule.model import Scenario
from pgassay.schedule.run import ScheduleRun
from pgassay.schedule.trial import Outcome, Trial, Violation

_ROWS = 5
"""Offending rows that a violation shows."""

_OBSERVE = "observe"

Record = dict[str, str | None]


def judge(owner: psycopg.Connection[Any], run: ScheduleRun) -> Trial:
    """The outcome of a run, and the rows that offend an invariant. Raises CannotJudgeError for a bad query."""
    scenario = run.scenario
    queries = dict(scenario.invariants) | ({_OBSERVE: scenario.observe} if scenario.observe else {})
    found = {name: _records(reply) for name, reply in _ask_all(owner, scenario, queries).items()}
    observed = _only(scenario, found.pop(_OBSERVE)) if scenario.observe else {}
    results: Record = {party.name: party.result for party in run.parties.values()}
    return Trial(
        scenario=scenario,
        moves=tuple(run.moves),
        outcome=Outcome(values=tuple((results | observed).items())),
        violations=tuple(
            Violation(invariant=name, rows=tuple(rows[:_ROWS])) for name, rows in found.items() if rows
        ),
    )


def _ask_all(
    owner: psycopg.Connection[Any], scenario: Scenario, queries: Mapping[str, str]
) -> dict[str, Reply]:
    """All answers in one exchange; where something fails one by one, to say what."""
    try:
        with owner.pipeline():
            cursors = {name: owner.execute(query.encode(), prepare=True) for name, query in queries.items()}
        return {name: _reply(cursor) for name, cursor in cursors.items()}
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return {name: _ask(owner, scenario, name, query) for name, query in queries.items()}


def _ask(owner: psycopg.Connection[Any], scenario: Scenario, name: str, query: str) -> Reply:
    try:
        return _reply(owner.execute(query.encode()))
    except psycopg.Error as error:
        raise CannotJudgeError(
            f"{scenario.name}: {name!r} is no query that can be asked: {error.diag.message_primary or error}.",
            fixes=("correct the scenario",),
        ) from error


def _reply(cursor: psycopg.Cursor[Any]) -> Reply:
    assert cursor.pgresult
    return read_result(cursor.pgresult)


def _records(reply: Reply) -> list[Record]:
    return [dict(zip(reply.columns, row, strict=True)) for row in reply.rows]


def _only(scenario: Scenario, rows: list[Record]) -> Record:
    if len(rows) != 1:
        raise CannotJudgeError(
            f"{scenario.name}: observe must return one row, and returned {len(rows)}.",
            fixes=("correct the query",),
        )
    return rows[0]
