"""Why a statement was refused, or touched nothing: proven by taking away what refuses, thing by thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, LiteralString

import psycopg

from pgassay.catalog.model import (
    Column,
    Constraint,
    Dependency,
    Function,
    Grant,
    Index,
    Policy,
    Relation,
    Role,
    Trigger,
)
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.database import Session
from pgassay.database.actor import Params
from pgassay.denial import candidates
from pgassay.denial.ablation import Trials, merge_columns
from pgassay.denial.candidates import Scope
from pgassay.denial.guard import Guard
from pgassay.denial.reading import read_statement
from pgassay.errors import CannotJudgeError, ExitCode, PgassayError
from pgassay.observation import Attempt, Outcome, Persona

_ROUNDS = 8
_JUDGED = (Outcome.FILTERED, Outcome.DENIED_GRANT, Outcome.DENIED_POLICY, Outcome.REJECTED)

# The kinds of objects that decide about rows, about privileges, about values.
_POLICIES = (Relation, Policy, Role, Dependency)
_GRANTS = (*_POLICIES, Column, Function, Grant)
_CONSTRAINTS = (Relation, Column, Constraint, Index)

# The statements inside functions, which the server quotes in an error's context.
_INNER = re.compile(r'^SQL statement "(.*?)"$(?=\n|\Z)', re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Denial:
    """A refusal: with all `guards` removed the statement succeeds, with any one of them left it does not.

    `alternatives`: for a guard, others whose removal would do in its place. `unexplained`: why removing the
    guards is not enough; "" when it is.
    """

    attempt: Attempt
    guards: tuple[Guard, ...]
    alternatives: Mapping[Guard, tuple[Guard, ...]] = field(default_factory=dict, hash=False)
    unexplained: str = ""

    def __str__(self) -> str:
        return f"{describe(self.attempt)}\n{self.cause}"

    @property
    def cause(self) -> str:
        """One line, such as `held by 2: missing grant delete on public.jobs to anon; policy …`."""
        held = [" or ".join(map(str, (guard, *self.alternatives.get(guard, ())))) for guard in self.guards]
        parts = [f"held by {len(held)}: {'; '.join(held)}"] if held else []
        return ". ".join([*parts, *([f"Unexplained: {self.unexplained}"] if self.unexplained else [])])


class NotDeniedError(PgassayError):
    """The statement was allowed. Carries the `attempt`."""

    exit_code = ExitCode.SCHEMA_PROBLEM

    def __init__(self, persona: Persona, query: str, attempt: Attempt) -> None:
        super().__init__(f"{persona.name} was not refused: {query}", why=describe(attempt))
        self.attempt = attempt


def explain_denial(session: Session, persona: Persona, query: LiteralString, params: Params = None) -> Denial:
    """Say what refuses `query` to `persona`, or hides its rows. Everything that is tried is rolled back.

    Raises NotDeniedError when it is allowed, CannotJudgeError when the statement itself is wrong.
    """
    suspects = _Suspects(session, persona, query, params)
    trials = Trials(session, persona, query, params)
    first = trials.attempt()
    if first.outcome is Outcome.ALLOWED:
        raise NotDeniedError(persona, query, first)
    if first.outcome is Outcome.ERROR:
        raise CannotJudgeError(f"The statement is wrong, not refused: {query}", why=describe(first))
    return _Inquiry(trials, suspects).conclude()


def describe(attempt: Attempt) -> str:
    """What became of an attempt, in one line."""
    if attempt.outcome in (Outcome.ALLOWED, Outcome.FILTERED):
        return f"{attempt.outcome.value}, {max(attempt.rowcount, 0)} rows"
    return f"{attempt.outcome.value} {attempt.sqlstate}: {attempt.message}"


class _Inquiry:
    """Removes what refuses until the statement is allowed, or nothing more can be found."""

    def __init__(self, trials: Trials, suspects: _Suspects) -> None:
        self._trials = trials
        self._suspects = suspects
        self._found: tuple[Guard, ...] = ()
        self._alternatives: dict[Guard, tuple[Guard, ...]] = {}

    def conclude(self) -> Denial:
        rounds = 0
        while (latest := self._trials.attempt(self._found)).outcome in _JUDGED and rounds < _ROUNDS:
            rounds += 1
            if not self._take_step(latest):
                break
        guards = self._found if rounds == 1 else self._trials.necessary(self._found)
        return Denial(
            attempt=self._trials.attempt(),
            guards=merge_columns(guards),
            alternatives={guard: others for guard, others in self._alternatives.items() if guard in guards},
            unexplained=self._unexplained(latest),
        )

    def _take_step(self, latest: Attempt) -> bool:
        for stage in self._suspects.stages(latest):
            suspected = tuple(dict.fromkeys(guard for guard in stage if guard not in self._found))
            guards = self._trials.minimal(self._found, suspected) if suspected else ()
            if guards:
                self._found = (*self._found, *guards)
                if latest.outcome is not Outcome.DENIED_GRANT:
                    self._note_alternatives(guards, suspected)
                return True
        return False

    def _note_alternatives(self, guards: tuple[Guard, ...], suspected: tuple[Guard, ...]) -> None:
        for guard in guards:
            others = self._trials.replacements(self._found, guard, suspected)
            if others:
                self._alternatives[guard] = others

    def _unexplained(self, latest: Attempt) -> str:
        if latest.outcome is Outcome.ALLOWED:
            return ""
        stuck = "".join(f"; cannot remove: {guard} ({why})" for guard, why in self._trials.stuck.items())
        if latest.outcome is Outcome.FILTERED:
            return f"no row is touched whatever is removed; does the target exist?{stuck}"
        return f"nothing that can be removed lets it through: {describe(latest)}{stuck}"


class _Suspects:
    """What may be behind a refusal, likeliest first; the catalog is read only when asked, as the owner."""

    def __init__(self, session: Session, persona: Persona, query: LiteralString, params: Params) -> None:
        self._session = session
        self._persona = persona
        self._text = psycopg.ClientCursor(session.connection).mogrify(query, params)
        read_statement(self._text)
        self._known: dict[tuple[type[Any], ...], Catalog] = {}

    def stages(self, attempt: Attempt) -> Iterator[Iterable[Guard]]:
        scopes = [self._scope(text, attempt) for text in self._texts(attempt)]
        match attempt.outcome:
            case Outcome.FILTERED:
                yield candidates.policies(scopes[-1], ("USING",))
            case Outcome.DENIED_POLICY:
                for scope in scopes:
                    yield candidates.policies(scope, ("WITH CHECK", "USING"))
                    yield candidates.row_security(scope)
            case Outcome.DENIED_GRANT:
                yield from map(candidates.missing_grants, scopes)
                for scope in scopes:
                    yield sorted(candidates.missing_inside(scope))
                    yield candidates.missing_ownership(scope)
            case Outcome.REJECTED:
                yield sorted(candidates.constraints(attempt, self._catalog(_CONSTRAINTS)))
                yield chain.from_iterable(map(candidates.check_options, scopes))
                relations = [reached.relation.name for scope in scopes for reached in scope.relations]
                yield candidates.triggers(attempt, self._catalog((Trigger,)), relations)

    def _texts(self, attempt: Attempt) -> Sequence[str]:
        """The statements inside functions that were refused, innermost first, then the statement itself."""
        return (*_INNER.findall(attempt.context), self._text)

    def _scope(self, text: str, attempt: Attempt) -> Scope:
        statement = read_statement(text)
        return Scope(
            statement=statement,
            catalog=self._catalog(_GRANTS if attempt.outcome is Outcome.DENIED_GRANT else _POLICIES),
            role=self._persona.role,
            login=self._login() if statement.roles else "",
        )

    def _catalog(self, kinds: tuple[type[Any], ...]) -> Catalog:
        if kinds not in self._known:
            with self._session.as_owner():
                self._known[kinds] = read_catalog(self._session.connection, *kinds)
        return self._known[kinds]

    def _login(self) -> str:
        """The user whose memberships SET ROLE looks at."""
        with self._session.act_as(self._persona):
            return str(self._session.value("select session_user"))
