"""Each condition that differs is solved and tried, for everybody whom the change may let through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pgassay.diff.asked import Asked
from pgassay.diff.difference import AccessChange
from pgassay.diff.solving import Solving
from pgassay.diff.trying import Hit, Trying
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona
from pgassay.solver.model import Reason, Unreached

_NONE_FITS = (Reason.CONTRADICTION, Reason.HIDDEN, Reason.CLAIMS)  # who asks is fixed
_OF_THE_ROWS = (Reason.REFUSED, Reason.UNREACHED)

Deed = tuple[str, Action, str]
"""What somebody does to an object: it, the action, the persona's name."""


@dataclass(frozen=True, kw_only=True)
class Solved:
    """What the conditions that differ let somebody do; how many there are of them, for each role.

    `unsolved`: of which of them it is not known, and why.
    """

    found: tuple[AccessChange, ...]
    conditions: int
    unsolved: tuple[str, ...]


def try_conditions(  # noqa: PLR0913 - by name
    solving: Solving,
    trying: Trying,
    samples: Sequence[Sample],
    personas: Sequence[Persona],
    *,
    told: Collection[Deed],
    budget: int,
) -> Solved:
    """Until so many statements are spent; what was `told` already is not tried again."""
    people = _by_role(personas)
    gains: dict[tuple[str, Action, bool], dict[str, Hit]] = {}
    known, unsolved, conditions = set(told), [], 0
    for asked in solving.ask(samples, [some[0] for some in people.values()], trying.scales):
        for some in (some for role, some in people.items() if role in asked.roles):
            conditions += 1
            # Of a role whose part in it is known, nobody has to be told again.
            if any((asked.object, asked.action, one.name) in known for one in some):
                continue
            found, reason = _try_all(solving, trying, asked, some, budget)
            if reason and not found:
                unsolved.append(f"{asked}: {reason}")
            for name, hit in found.items():
                known.add((asked.object, asked.action, name))
                kind = (asked.object, asked.action, bool(hit.experiment.openings))
                gains.setdefault(kind, {}).setdefault(name, hit)
    told_of = (next(iter(hits.values())).tell(tuple(hits)) for hits in gains.values())
    return Solved(found=tuple(told_of), conditions=conditions, unsolved=tuple(unsolved))


def _by_role(personas: Iterable[Persona]) -> dict[str, list[Persona]]:
    """Those with an id first."""
    found: dict[str, list[Persona]] = {}
    for persona in sorted(personas, key=lambda one: one.id is None):
        found.setdefault(persona.role, []).append(persona)
    return found


def _try_all(
    solving: Solving, trying: Trying, asked: Asked, personas: Iterable[Persona], budget: int
) -> tuple[dict[str, Hit], str]:
    """By name whom it lets through, and why it is not known.

    What the first cannot, the others do not try, unless it is for the rows that he has.
    """
    found: dict[str, Hit] = {}
    reason = ""
    for persona in personas:
        if solving.spent + trying.spent >= budget:
            return found, Reason.BUDGET.value
        answer = solving.solve(asked, persona)
        if isinstance(answer, Unreached) and answer.reason in _OF_THE_ROWS:
            reason = reason or _spell_reason(answer)
            continue
        if isinstance(answer, Unreached):
            return found, "" if answer.reason in _NONE_FITS else _spell_reason(answer)
        hits = trying.find(answer)
        if not hits:
            break
        found |= hits
    return found, reason


def _spell_reason(answer: Unreached) -> str:
    return f"{answer.reason.value}{f', {answer.what}' if answer.what else ''}"
