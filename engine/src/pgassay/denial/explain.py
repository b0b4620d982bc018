"""Why a statement was refused, or touched nothing: proven by taking away what refuses, thing by thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, LiteralString

import psycopg

from pgassay.catalog import model
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.database import Session
from pgassay.database.actor import Params
from pgassay.denial import candidates
from pgassay.denial.candidates import Scope
from pgassay.denial.defence import CannotRemoveError, removed
from pgassay.denial.guard import Grant, Guard
from pgassay.denial.reading import read_statement
from pgassay.errors import CannotJudgeError, ExitCode, PgassayError
from pgassay.observation import Attempt, Outcome, Persona
from pgassay.render.text import counted

_ROUNDS = 8
_JUDGED = (Outcome.FILTERED, Outcome.DENIED_GRANT, Outcome.DENIED_POLICY, Outcome.REJECTED)

# The kinds of objects that decide about rows, about privileges, about values.
_POLICIES = (model.Relation, model.Policy, model.Role, model.Dependency)
_GRANTS = (*_POLICIES, model.Column, model.Function, model.Grant)
_CONSTRAINTS = (model.Relation, model.Column, model.Constraint, model.Index)

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
    ablation = Ablation(session, persona, query, params)
    first = ablation.attempt()
    if first.outcome is Outcome.ALLOWED:
        raise NotDeniedError(persona, query, first)
    if first.outcome is Outcome.ERROR:
        raise CannotJudgeError(f"The statement is wrong, not refused: {query}", why=describe(first))
    return _conclude(ablation, suspects)


def describe(attempt: Attempt) -> str:
    """What became of an attempt, in one line."""
    if attempt.outcome in (Outcome.ALLOWED, Outcome.FILTERED):
        return f"{attempt.outcome.value}, {counted(max(attempt.rowcount, 0), 'row')}"
    return f"{attempt.outcome.value} {attempt.sqlstate}: {attempt.message}"


def _conclude(ablation: Ablation, suspects: _Suspects) -> Denial:
    """Remove what refuses until the statement is allowed, or nothing more can be found."""
    gone: tuple[Guard, ...] = ()
    alternatives: dict[Guard, tuple[Guard, ...]] = {}
    rounds = 0
    while (latest := ablation.attempt(gone)).outcome in _JUDGED and rounds < _ROUNDS:
        rounds += 1
        for suspected in suspects.groups(latest):
            possible = [guard for guard in dict.fromkeys(suspected) if guard not in gone]
            if guards := ablation.minimal(gone, possible):
                break
        else:
            break
        gone = (*gone, *guards)
        if latest.outcome is not Outcome.DENIED_GRANT:
            found = {guard: ablation.replacements(gone, guard, possible) for guard in guards}
            alternatives |= {guard: others for guard, others in found.items() if others}
    guards = gone if rounds == 1 else ablation.necessary(gone)
    return Denial(
        attempt=ablation.attempt(),
        guards=merge_columns(guards),
        alternatives={guard: others for guard, others in alternatives.items() if guard in guards},
        unexplained=_unexplained(latest, ablation.stuck),
    )


def _unexplained(latest: Attempt, stuck: Mapping[Guard, str]) -> str:
    if latest.outcome is Outcome.ALLOWED:
        return ""
    left = "".join(f"; cannot remove: {guard} ({why})" for guard, why in stuck.items())
    if latest.outcome is Outcome.FILTERED:
        return f"no row is touched whatever is removed; does the target exist?{left}"
    return f"nothing that can be removed lets it through: {describe(latest)}{left}"


class _Suspects:
    """What may be behind a refusal, likeliest first; the catalog is read only when asked, as the owner."""

    def __init__(self, session: Session, persona: Persona, query: LiteralString, params: Params) -> None:
        self._session = session
        self._persona = persona
        self._text = psycopg.ClientCursor(session.connection).mogrify(query, params)
        read_statement(self._text)
        self._known: dict[tuple[type[Any], ...], Catalog] = {}

    def groups(self, attempt: Attempt) -> Iterator[Iterable[Guard]]:
        # The statements inside functions that were refused, innermost first, then the statement itself.
        scopes = [self._scope(text, attempt) for text in (*_INNER.findall(attempt.context), self._text)]
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
                yield candidates.triggers(attempt, self._catalog((model.Trigger,)), relations)

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
        if self._session.refusal(self._persona):
            return ""
        with self._session.act_as(self._persona):
            return str(self._session.value("select session_user"))


class Ablation:
    """One statement of one persona, tried without some guards; each try is rolled back and remembered."""

    def __init__(self, session: Session, persona: Persona, query: LiteralString, params: Params) -> None:
        self._session = session
        self._persona = persona
        self._query: LiteralString = query
        self._params = params
        self._known: dict[frozenset[Guard], Attempt] = {}
        self.stuck: dict[Guard, str] = {}  # what cannot be removed, and why

    def attempt(self, guards: Sequence[Guard] = ()) -> Attempt:
        """What becomes of the statement without `guards`, as far as they can be removed."""
        gone = frozenset(guards).difference(self.stuck)
        if gone not in self._known:
            try:
                with removed(self._session, merge_columns(sorted(gone))):
                    refusal = self._session.refusal(self._persona)
                    if refusal is None:
                        self._session.act_as(self._persona)
                    self._known[gone] = refusal or self._session.attempt(self._query, self._params)
            except CannotRemoveError as error:
                self.stuck |= {guard: error.why for guard in gone if error.guard.covers(guard)}
                return self.attempt(guards)
        return self._known[gone]

    def minimal(self, gone: Sequence[Guard], candidates: Sequence[Guard]) -> tuple[Guard, ...]:
        """The fewest candidates whose removal, besides `gone`, changes the answer; none if none does."""
        before = self.attempt(gone)
        if not candidates:
            return ()
        # Privileges are nearly always needed together; of the rest, one is mostly all there is.
        if before.outcome is not Outcome.DENIED_GRANT:
            answers = {guard: self.attempt((*gone, guard)) for guard in candidates}
            changing = [guard for guard, answer in answers.items() if not same(answer, before)]
            freeing = [guard for guard in changing if answers[guard].outcome is Outcome.ALLOWED]
            if changing:
                return ((freeing or changing)[0],)
        goal = self.attempt((*gone, *candidates))
        return () if same(goal, before) else self._shrink(gone, tuple(candidates), goal)

    def _shrink(self, gone: Sequence[Guard], kept: tuple[Guard, ...], goal: Attempt) -> tuple[Guard, ...]:
        for guard in reversed(kept):
            fewer = without(kept, guard)
            if same(self.attempt((*gone, *fewer)), goal):
                kept = fewer
        return kept

    def necessary(self, guards: tuple[Guard, ...]) -> tuple[Guard, ...]:
        """Those of `guards` that refuse although all the others are removed."""
        return self._shrink((), guards, self.attempt(guards)) if len(guards) > 1 else guards

    def replacements(
        self, guards: Sequence[Guard], guard: Guard, others: Sequence[Guard]
    ) -> tuple[Guard, ...]:
        """Those of `others` whose removal does what the removal of `guard`, one of `guards`, does.

        A row that no permissive policy admits may be admitted by any of them.
        """
        goal = self.attempt(guards)
        rest = without(guards, guard)
        return tuple(
            other for other in others if other not in guards and same(self.attempt((*rest, other)), goal)
        )


def without(guards: Sequence[Guard], guard: Guard) -> tuple[Guard, ...]:
    """All of `guards` but this one."""
    return tuple(other for other in guards if other != guard)


def same(one: Attempt, other: Attempt) -> bool:
    """Whether two attempts met the same answer, whatever the number of rows."""
    answers = [(a.outcome, a.sqlstate, a.message, a.constraint) for a in (one, other)]
    return answers[0] == answers[1]


def merge_columns(guards: Sequence[Guard]) -> tuple[Guard, ...]:
    """Grants of one privilege on several columns of a table as one grant."""
    merged: dict[object, Guard] = {}
    for guard in guards:
        if not (isinstance(guard, Grant) and guard.columns):
            merged[guard] = guard
            continue
        key = (guard.privilege, guard.object, guard.role)
        former = merged.get(key)
        columns = former.columns if isinstance(former, Grant) else ()
        merged[key] = Grant(
            privilege=guard.privilege,
            object=guard.object,
            role=guard.role,
            columns=(*columns, *guard.columns),
        )
    return tuple(merged.values())
