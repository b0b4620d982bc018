"""Answers of the solver as rows of a world. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pgassay.observation import Persona
from pgassay.solver.model import Atom, Condition, Goal, Made, Reached, Truth, Unreached
from pgassay.world.model import MadeRow


def is_unchecked(answer: Reached | Unreached) -> bool:
    """Whether triggers had to sleep."""
    return isinstance(answer, Reached) and any(made.unchecked for made in answer.made)


def is_checked(answer: Reached | Unreached) -> bool:
    return isinstance(answer, Reached) and not is_unchecked(answer)


def made_row(condition: Condition, persona: Persona, reached: Reached, around: Sequence[str] = ()) -> MadeRow:
    return MadeRow(
        table=condition.table,
        whose=persona.name,
        statements=(*around[:1], *reached.statements, *around[1:]),
        why=f"makes {_spell(reached.goal)} for {persona.name}",
        unchecked=is_unchecked(reached),
    )


def _spell(goal: Goal) -> str:
    text = goal.atom.text if goal.atom else goal.condition.text
    word = "true" if goal.wanted is Truth.TRUE else "not true"
    return f"{text} {word} in {goal.condition}"


def made_account(account: Made, persona: Persona, atom: Atom) -> MadeRow:
    """The account of somebody whom an atom names."""
    return MadeRow(
        table=account.table,
        whose=persona.name,
        statements=account.statements,
        why=f"{atom.text} names this user in {atom.condition}",
        unchecked=account.unchecked,
    )
