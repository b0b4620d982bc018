"""Non-interference: what others have makes no difference to anything that a client is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from pgassay.database import Session
from pgassay.denial import removed
from pgassay.observation import Attempt, Persona
from tests.attacks.moves import LOOKS, moves
from tests.attacks.worlds import WORLDS, World, empty, install

# Alice's new jobs get ids in turn: with random ones, who is charged first would be chance.
COUNTED_IDS = (
    """
    create function public.next_id() returns uuid language sql as $$
        select ('c0de0000-0000-4000-8000-' || lpad(set_config('test.made', made::text, true), 12, '0'))::uuid
        from (select coalesce(nullif(current_setting('test.made', true), ''), '0')::int + 1) as n (made)
    $$
    """,
    "grant execute on function public.next_id() to authenticated, anon",
    "alter table public.jobs alter column id set default public.next_id()",
)

Told = tuple[Any, ...]


def tell(attempt: Attempt) -> Told:
    """All that an answer tells, but for the order of rows, and times."""
    rows = sorted(str([_plain(value) for value in row.values()]) for row in attempt.rows)
    names = (attempt.constraint, attempt.table, attempt.column)
    words = (attempt.message, attempt.detail, attempt.hint, *attempt.notices)
    return (attempt.sqlstate, attempt.rowcount, *names, *words, *rows)


def _plain(value: object) -> str:
    return "a time" if isinstance(value, datetime) else str(value)


def play(session: Session, persona: Persona, world: World, statements: Sequence[str]) -> list[Told]:
    """What a client is told in `world`, statement by statement. Nothing remains of it."""
    with removed(session, ()):
        install(session, world)
        with session.act_as(persona):
            return [tell(session.attempt(statement)) for statement in statements]


@pytest.fixture
def alone(session: Session) -> Session:
    """Nobody but Alice has anything, and chance has no part in what she will have."""
    empty(session)
    for statement in COUNTED_IDS:
        session.execute(statement)
    return session


@pytest.mark.slow
@given(
    name=st.sampled_from(("alice", "alice", "alice", "dave", "anon")),
    worlds=st.tuples(WORLDS, WORLDS),
    statements=st.lists(moves(), max_size=10),
)
def test_nothing_that_a_client_is_told_depends_on_what_others_have(
    alone: Session,
    personas: Mapping[str, Persona],
    name: str,
    worlds: tuple[World, World],
    statements: list[str],
) -> None:
    """To Dave, whose account is closed, his own rows are like those of others."""
    asked = (*statements, *LOOKS)
    told = [play(alone, personas[name], world, asked) for world in worlds]
    for statement, *answers in zip(asked, *told, strict=True):
        if answers[0] != answers[1]:
            note(f"{statement}\ntells in one world:   {answers[0]}\ntells in the other: {answers[1]}")
    assert told[0] == told[1]
