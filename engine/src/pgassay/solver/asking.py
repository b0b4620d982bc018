"""The one door to the server: expressions as a persona or an owner sees them, and statements of the owner's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from pgassay.catalog.names import quoted
from pgassay.database import Session
from pgassay.observation import Attempt, Persona
from pgassay.solver.model import Truth, Value

_TRUTHS = {"true": Truth.TRUE, "false": Truth.FALSE, None: Truth.NULL}


class BudgetSpentError(Exception):
    """There are no statements left for this goal."""


@dataclass(frozen=True)
class Answer:
    """A value and the name of its type; `error`: the SQLSTATE and message where there is none."""

    value: Value = None
    type: str = "text"
    error: str = ""

    @property
    def truth(self) -> Truth:
        """As that of a boolean; none of an error."""
        return Truth(0) if self.error else _TRUTHS.get(self.value, Truth(0))


class Trial:
    """A savepoint."""

    def __init__(self, session: Session, answers: dict[tuple[Any, ...], Answer]) -> None:
        self._session = session
        self._answers = answers
        self._kept = False
        session.execute("savepoint pgassay_trial")

    def keep(self) -> None:
        """What was done stays."""
        self._kept = True

    def undo(self) -> None:
        """Undo what was done so far, and go on."""
        self._answers.clear()
        self._session.execute("rollback to savepoint pgassay_trial")

    def end(self) -> None:
        if self._session.connection.closed:
            return
        if not self._kept:
            self.undo()
        self._session.execute("release savepoint pgassay_trial")


class Asker:
    """Asks in the transaction of a session, counts what it asks, and remembers answers while no row changes.

    Between its calls the session acts as the owner, so that other code finds it as it left it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._persona: Persona | None = None
        self._settings: dict[str, str] = {}
        self._answers: dict[tuple[Any, ...], Answer] = {}
        self.spent = 0
        self.limit = 0

    @contextmanager
    def budget(self, statements: int) -> Iterator[None]:
        """At most so many statements within."""
        former, self.limit = self.limit, self.spent + statements
        try:
            yield
        finally:
            self.limit = former

    def _count(self) -> None:
        if self.limit and self.spent >= self.limit:
            raise BudgetSpentError
        self.spent += 1

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """What is done within is undone at the end, unless it shall be kept."""
        trial = Trial(self._session, self._answers)
        try:
            yield trial
        finally:
            trial.end()

    def run(self, statement: str) -> Attempt:
        """Run one statement as the schema's owner."""
        self._count()
        self._answers.clear()
        return self.look(statement)

    def look(self, statement: str) -> Attempt:
        """Run a query as the schema's owner that changes nothing."""
        with self._session.as_owner():
            return self._session.attempt(statement)  # type: ignore[arg-type]  # quoted by the engine

    def evaluate(
        self,
        expression: str,
        persona: Persona | None,
        *,
        claims: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        role: str = "",
    ) -> Answer:
        """An expression without unknowns, for a persona, with the rights of `role` where one is named."""
        if persona and claims:
            persona = replace(persona, claims=merged(persona.claims, claims))
        key = (expression, repr(persona), repr(settings), role)
        if key not in self._answers:
            self._count()
            self._answers[key] = self._evaluate(expression, persona, settings or {}, role)
        return self._answers[key]

    def _evaluate(
        self, expression: str, persona: Persona | None, settings: Mapping[str, str], role: str
    ) -> Answer:
        query = f"select (x.x)::text as value, pg_catalog.pg_typeof(x.x)::text as type from (select {expression} as x) x"
        try:
            return self._asked(query, persona, settings, role)
        except psycopg.Error as error:  # of a function that runs before each request
            if self._session.connection.closed:
                raise
            return Answer(error=f"{error.sqlstate} {error}")

    def _asked(self, query: str, persona: Persona | None, settings: Mapping[str, str], role: str) -> Answer:
        with self._session.undone():
            if persona:
                self._session.act_as(persona)
            for name, value in settings.items():
                text = f"select pg_catalog.set_config({_literal(name)}, {_literal(value)}, true)"
                self._session.attempt(text)  # type: ignore[arg-type]
            # Not `as_owner`, which would give the claims up.
            for name in (role,) if role else ():
                self._session.attempt(f"set local role {quoted(name)}")  # type: ignore[arg-type]
            attempt = self._session.attempt(query)  # type: ignore[arg-type]
        if attempt.sqlstate:
            return Answer(error=f"{attempt.sqlstate} {attempt.message}")
        if not attempt.rows:  # of a function that returns rows, and none
            return Answer()
        return Answer(attempt.rows[0]["value"], attempt.rows[0]["type"])


def merged(claims: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Documents laid over each other."""
    result = dict(claims)
    for name, value in other.items():
        former = result.get(name)
        both = isinstance(value, Mapping) and isinstance(former, Mapping)
        result[name] = merged(former, value) if both else value  # type: ignore[arg-type]
    return result


def _literal(value: str) -> str:
    return sql.Literal(value).as_string(None)
