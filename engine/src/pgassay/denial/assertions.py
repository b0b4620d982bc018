"""Assertions about refusals that carry their positive control: none holds because its target is not there."""

from __future__ import annotations

from typing import LiteralString, NoReturn

from pgassay.database import Session
from pgassay.database.actor import Params
from pgassay.denial.defence import removed
from pgassay.denial.explain import Denial, NotDeniedError, describe, explain_denial
from pgassay.denial.guard import Guard
from pgassay.observation import Attempt, Outcome, Persona

By = Guard | type[Guard] | tuple[Guard | type[Guard], ...]
"""What is to refuse: guards, or kinds of guards. A guard stands for those that it covers, too."""


def assert_hidden(  # noqa: PLR0913
    session: Session,
    persona: Persona,
    query: LiteralString,
    params: Params = None,
    *,
    exists: LiteralString,
    exists_params: Params = None,
    owner: Persona | None = None,
) -> Attempt:
    """Assert that `query` touches no row for `persona`, while its target exists and is there for `owner`.

    `exists` runs as the schema's owner: no row, or a first value of NULL, 0 or false, means no target.
    """
    __tracebackhide__ = True
    if not _exists(session, exists, exists_params):
        _fail(
            query, "a target that is hidden", "there is none, even for the schema's owner", f"Asked: {exists}"
        )
    attempt = _try(session, persona, query, params)
    if attempt.outcome is not Outcome.FILTERED:
        _fail(query, f"no row for {persona.name}", describe(attempt), _sample(attempt))
    if owner is not None:
        own = _try(session, owner, query, params)
        if own.outcome is not Outcome.ALLOWED:
            _fail(query, f"rows for {owner.name}, whose they are", describe(own))
    return attempt


def assert_denied(  # noqa: PLR0913
    session: Session,
    persona: Persona,
    query: LiteralString,
    params: Params = None,
    *,
    by: By,
    allowed_to: Persona | None = None,
    at_least: bool = False,
) -> Denial:
    """Assert that `query` fails with 42501, that exactly `by` refuse it, and that it works without them.

    So its target exists. `allowed_to` must be able to run the very same; `at_least`: others may refuse too.
    """
    __tracebackhide__ = True
    denial = _refusal(session, persona, query, params, sqlstate="42501")
    _check_guards(query, denial, by, at_least=at_least)
    if allowed_to is not None:
        own = _try(session, allowed_to, query, params)
        if own.outcome is not Outcome.ALLOWED:
            _fail(query, f"success for {allowed_to.name}", describe(own))
    return denial


def assert_rejected(  # noqa: PLR0913
    session: Session,
    persona: Persona,
    query: LiteralString,
    params: Params = None,
    *,
    sqlstate: str,
    by: By | None = None,
    at_least: bool = False,
) -> Denial:
    """Assert that a constraint or trigger refuses `query` with `sqlstate`; if `by` is given, just these."""
    __tracebackhide__ = True
    denial = _refusal(session, persona, query, params, sqlstate=sqlstate)
    if denial.attempt.outcome is not Outcome.REJECTED:
        _fail(query, "a constraint or trigger that refuses", describe(denial.attempt), denial.cause)
    if by is not None:
        _check_guards(query, denial, by, at_least=at_least)
    return denial


def _refusal(
    session: Session, persona: Persona, query: LiteralString, params: Params, *, sqlstate: str
) -> Denial:
    __tracebackhide__ = True
    wanted = f"{sqlstate} for {persona.name}"
    try:
        denial = explain_denial(session, persona, query, params)
    except NotDeniedError as error:
        _fail(query, wanted, describe(error.attempt), _sample(error.attempt))
    if denial.attempt.sqlstate != sqlstate:
        _fail(query, wanted, describe(denial.attempt), denial.cause)
    return denial


def _check_guards(query: str, denial: Denial, by: By, *, at_least: bool) -> None:
    __tracebackhide__ = True
    wanted = by if isinstance(by, tuple) else (by,)
    happened = describe(denial.attempt)
    # Any of the alternatives will do: removing one or the other comes to the same.
    groups = [(guard, *denial.alternatives.get(guard, ())) for guard in denial.guards]
    unmet = [one for one in wanted if not any(_meets(one, group) for group in groups)]
    if unmet:
        _fail(query, f"refused by {_name(*unmet)}", happened, denial.cause)
    extra = [group[0] for group in groups if not any(_meets(one, group) for one in wanted)]
    if extra and not at_least:
        _fail(query, f"refused by {_name(*wanted)} alone", f"{happened}, and {_name(*extra)}", denial.cause)
    if denial.unexplained:
        _fail(query, f"success without {_name(*wanted)}", happened, denial.cause)


def _meets(wanted: Guard | type[Guard], group: tuple[Guard, ...]) -> bool:
    if isinstance(wanted, type):
        return any(isinstance(guard, wanted) for guard in group)
    return any(wanted.covers(guard) for guard in group)


def _name(*guards: Guard | type[Guard]) -> str:
    return "; ".join(guard.__name__ if isinstance(guard, type) else str(guard) for guard in guards)


def _try(session: Session, persona: Persona, query: LiteralString, params: Params) -> Attempt:
    with removed(session, ()), session.act_as(persona):
        return session.attempt(query, params)


def _exists(session: Session, query: LiteralString, params: Params) -> bool:
    with session.as_owner():
        rows = session.execute(query, params).rows
    return bool(rows) and all(list(row.values())[:1] not in ([None], [0]) for row in rows[:1])


def _sample(attempt: Attempt) -> str:
    return f"First row: {attempt.rows[0]}" if attempt.rows else ""


def _fail(query: str, expected: str, happened: str, more: str = "") -> NoReturn:
    __tracebackhide__ = True
    lines = [f"expected: {expected}", f"happened: {happened}", more, f"statement: {query}"]
    raise AssertionError("\n".join(line for line in lines if line))
