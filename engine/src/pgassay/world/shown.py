"""Rows that a view shows: of one that shows nobody any, nothing tells who writes and reads through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgassay.catalog.tables import Surface, Table
from pgassay.observation import Persona
from pgassay.solver.model import Condition, Goal, Reached, Source, Truth
from pgassay.solver.solver import Solver
from pgassay.world.answers import made_row
from pgassay.world.model import MadeRow
from pgassay.world.order import is_own


def show_rows(
    solver: Solver, surface: Surface, personas: Sequence[Persona], *, may_change: bool
) -> Iterator[MadeRow]:
    """What the first persona finds in each view that shows nothing to any of them."""
    for view in surface.tables.values():
        if view.kind not in "vm" or not is_own(view) or not view.reachable or not view.definition:
            continue
        condition = _condition(view)
        if any(solver.judge_one(condition, one, {}).truth is Truth.TRUE for one in personas):
            continue
        for persona in personas[:1]:
            answer = solver.reach(Goal(condition=condition), persona, may_change=may_change, quick=True)
            if isinstance(answer, Reached):
                last = answer.made[-1].table if answer.made else view.name
                yield replace(made_row(condition, persona, answer), table=last)


def _condition(view: Table) -> Condition:
    query = (view.definition or "").strip().rstrip(";")
    return Condition(
        text=f"exists ({query})", source=Source.VIEW, name=view.name, asks="" if view.invoker else view.owner
    )
