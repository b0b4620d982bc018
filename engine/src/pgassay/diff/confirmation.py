"""Witnesses are run again before they are shown: in a database of its own on each side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg

from pgassay.catalog.literals import find_literals
from pgassay.database import Session, open_session
from pgassay.database.pipeline import Answer, fly, probing
from pgassay.diff.difference import AccessChange
from pgassay.diff.hearing import FORGET, HEAR, hear
from pgassay.diff.loaded import LoadedSide
from pgassay.errors import CannotJudgeError
from pgassay.matrix.statements import AS_OWNER
from pgassay.solver.obstacles import CHANCE

_TIMES = 4  # chance may decide, too
_NO_ROWS = "0"
SETTING = "select pg_catalog.set_config("


def confirm(gains: Iterable[AccessChange], base: LoadedSide, head: LoadedSide) -> tuple[AccessChange, ...]:
    """Run the witnesses; those that chance alone let through once are returned, and show nothing.

    Raises CannotJudgeError where another one does the same in BASE as in HEAD: that is a mistake of ours.
    Not of effects, which its answer does not show, nor of tables without rows.
    """
    shown = [gain for gain in gains if gain.witness and gain.after not in (gain.before, _NO_ROWS)]
    if not shown:
        return ()
    by_chance: list[AccessChange] = []
    with _open(base) as before, _open(head) as after:
        for gain in shown:
            if any(_run(before, gain) != _run(after, gain) for _ in range(_TIMES)):
                continue
            if _depends_on_chance(gain, base, head):
                by_chance.append(gain)
            else:
                raise CannotJudgeError(
                    "A witness does not show what it should, which is a mistake of pgassay.",
                    why=f"{gain.message}\n{gain.witness.statement if gain.witness else ''}",
                )
    return tuple(by_chance)


def _depends_on_chance(gain: AccessChange, *sides: LoadedSide) -> bool:
    """Whether a change that it comes of asks chance."""
    objects = [side.inventory.objects.get(change.key, {}) for side in sides for change in gain.causes]
    return not find_literals(text for said in objects for text in said.values()).words.isdisjoint(CHANCE)


@contextmanager
def _open(side: LoadedSide) -> Iterator[Session]:
    with side.bench.database(rows=side.world.statements) as database, open_session(database) as session:
        session.connection.execute("set constraints all immediate")
        yield session


def _run(session: Session, gain: AccessChange) -> Answer | None:
    """What the persona gets, and what the owner then sees; None where the owner could not prepare it."""
    assert gain.witness, "nothing to run"
    # Of the request: whoever becomes the persona sets them anew.
    settings = [text for text in gain.setup if text.startswith(SETTING)]
    segment = [*settings, gain.witness.statement, *((AS_OWNER, *gain.looks) if gain.looks else ()), HEAR]
    with session.undone():
        try:
            for statement in gain.setup:
                session.connection.execute(statement.encode())
        except psycopg.Error:
            if session.connection.closed:
                raise
            return None
        session.connection.execute(FORGET.encode())
        if session.refusal(gain.witness.persona):
            return None
        with probing(session, gain.witness.persona):
            [answer] = fly(session, [segment])
        return hear(answer)
