"""Repeat one statement with guards removed, and find the fewest whose removal changes the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from pgassay.database import Session
from pgassay.database.actor import Params
from pgassay.denial.defence import CannotRemoveError, removed
from pgassay.denial.guard import Grant, Guard
from pgassay.observation import Attempt, Outcome, Persona


class Trials:
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
                    self._session.act_as(self._persona)
                    self._known[gone] = self._session.attempt(self._query, self._params)
            except CannotRemoveError as error:
                self.stuck |= {guard: error.why for guard in gone if error.guard.covers(guard)}
                return self.attempt(guards)
        return self._known[gone]

    def minimal(self, gone: Sequence[Guard], candidates: Sequence[Guard]) -> tuple[Guard, ...]:
        """The fewest candidates whose removal, besides `gone`, changes the answer; none if none does."""
        before = self.attempt(gone)
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
    return _answer(one) == _answer(other)


def _answer(attempt: Attempt) -> tuple[Outcome, str, str, str]:
    return attempt.outcome, attempt.sqlstate, attempt.message, attempt.constraint


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
