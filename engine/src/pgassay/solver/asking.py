"""The one door to the server: expressions as a persona or the owner sees them, and the owner's statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pgassay.catalog.names import quoted
from pgassay.database import Session
from pgassay.database.actor import failed
from pgassay.observation import Attempt, Outcome, Persona
from pgassay.solver.model import Truth, Value
from pgassay.supabase.identity import Roles, session_identity

_RECURSION = "42P17"
_TRUTHS = {"true": Truth.TRUE, "false": Truth.FALSE, None: Truth.NULL}


class BudgetSpentError(Exception):
    """There are no statements, or no steps, left for this goal."""


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

    @property
    def is_hopeless(self) -> bool:
        """Whether it is refused whatever the rows are: a policy that is asked asks itself."""
        return self.error.startswith(_RECURSION)


class Trial:
    """A savepoint."""

    def __init__(self, session: Session, answers: dict[str, Answer]) -> None:
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
        self._roles = Roles(session.connection)
        self._answers: dict[str, Answer] = {}
        self._lasting: dict[str, Answer] = {}
        session.execute("select")  # so that a transaction is under way
        self.spent = self.steps = 0
        self.limit = self.most_steps = 0

    def log_in(self) -> None:
        """As requests do, before anything is asked for a persona and outside of savepoints."""
        with self._session.undone():
            pass

    @contextmanager
    def budget(self, statements: int, steps: int) -> Iterator[None]:
        """At most so many statements within, and steps of all searches together."""
        former = self.limit, self.most_steps
        self.limit, self.most_steps = self.spent + statements, self.steps + steps
        try:
            yield
        finally:
            self.limit, self.most_steps = former

    def step(self) -> None:
        """Count one step of a search, whichever it is. Raises BudgetSpentError."""
        self.steps += 1
        if self.most_steps and self.steps > self.most_steps:
            raise BudgetSpentError

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
        connection = self._session.connection
        try:
            cursor = connection.cursor(row_factory=dict_row)
            cursor.execute(f"savepoint pgassay_row; {statement}; release savepoint pgassay_row".encode())
        except psycopg.Error as error:
            if connection.closed:
                raise
            connection.execute(b"rollback to savepoint pgassay_row; release savepoint pgassay_row")
            return failed(error)
        rows: list[dict[str, Any]] = []
        while not cursor.description and cursor.nextset():
            pass
        rows = cursor.fetchall() if cursor.description else []
        return Attempt(outcome=Outcome.ALLOWED if rows else Outcome.FILTERED, rows=rows)

    def evaluate(
        self,
        expression: str,
        persona: Persona | None,
        *,
        claims: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        role: str = "",
        lasting: bool = False,
    ) -> Answer:
        """An expression without unknowns, for a persona, with the rights of `role` where one is named.

        `lasting`: no row has a part in it.
        """
        if persona and claims:
            persona = replace(persona, claims=merged(persona.claims, claims))
        query = _Query(expression=expression, persona=persona, settings=settings or {}, role=role)
        answers = self._lasting if lasting else self._answers
        if query.key not in answers:
            self._count()
            answers[query.key] = self._evaluate(query)
        return answers[query.key]

    def _evaluate(self, query: _Query) -> Answer:
        """One round trip: whoever it is becomes who asks, asks, and all that is undone.

        A policy was parsed by its owner, and so may name what is in a schema that others may not use: what is
        refused is asked again through a view.
        """
        answer = self._ask(self._become(query), query.text)
        if query.persona and answer.error.startswith(_DENIED):
            through_view = self._ask(query.view, self._become(query), query.text_of_view)
            return answer if through_view.error else through_view
        return answer

    def _ask(self, *steps: str) -> Answer:
        connection = self._session.connection
        try:
            cursor = connection.execute(f"savepoint pgassay_question; {'; '.join(steps)}; {_UNDO}".encode())
        except psycopg.Error as error:
            if connection.closed:
                raise
            connection.execute(_UNDO.encode())
            return Answer(error=f"{error.sqlstate} {error.diag.message_primary or error}")
        return _read(cursor)

    def _become(self, query: _Query) -> str:
        persona = query.persona
        if persona is None:
            return "select"
        steps = [session_identity(persona, self._roles).become]
        for name, value in query.settings.items():
            steps.append(f"select pg_catalog.set_config({_literal(name)}, {_literal(value)}, true)")
        if query.role:  # not as a session becomes its owner, which would give the claims up
            steps.append(f"set local role {quoted(query.role)}")
        return "; ".join(steps)


_DENIED = "42501"
_SHOWN = "select (x.x)::text as value, pg_catalog.pg_typeof(x.x)::text as type"
_UNDO = "rollback to savepoint pgassay_question; release savepoint pgassay_question"


@dataclass(frozen=True, kw_only=True)
class _Query:
    """An expression, and who asks."""

    expression: str
    persona: Persona | None
    settings: Mapping[str, str]
    role: str

    @property
    def key(self) -> str:
        return repr((self.expression, self.persona, sorted(self.settings.items()), self.role))

    @property
    def text(self) -> str:
        return f"{_SHOWN} from (select {self.expression} as x) as x"

    @property
    def view(self) -> str:
        return (
            "create temporary view pgassay_x with (security_invoker = true) as "
            f"select {self.expression} as x; grant select on pg_temp.pgassay_x to public"
        )

    @property
    def text_of_view(self) -> str:
        return f"{_SHOWN} from pg_temp.pgassay_x as x"


def _read(cursor: psycopg.Cursor[Any]) -> Answer:
    """The result that has a value and a type, among those of the other statements."""
    answer = Answer()
    while True:
        if cursor.description and [one.name for one in cursor.description] == ["value", "type"]:
            rows = cursor.fetchall()
            # None, of a function that returns rows.
            answer = Answer(rows[0][0], rows[0][1]) if rows else answer
        if not cursor.nextset():
            return answer


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
