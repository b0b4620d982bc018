"""Tell a trigger that took the place of a policy from one that only speaks before it, by trying without.

Triggers before a statement or a row run before the policies do: one that refuses hides whether they would.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pgassay.database import Session
from pgassay.database.actor import classify
from pgassay.database.pipeline import Answer, fly, savepoint
from pgassay.denial.defence import CannotRemoveError, removed
from pgassay.denial.guard import Triggers
from pgassay.diff.comparison import CellDifference
from pgassay.matrix.model import Direction, Witness
from pgassay.observation import Outcome, Persona

_REFUSED = (Outcome.DENIED_GRANT, Outcome.DENIED_POLICY, Outcome.FILTERED)


def settle(differences: Iterable[CellDifference], *, base: Session, head: Session) -> list[CellDifference]:
    """The differences, of which those are changes only in which the same refuses as soon as no trigger does.

    The sessions are those of the schemas' owners. What cannot be tried stays what it was.
    """
    found = list(differences)
    doubtful: dict[tuple[str, Direction], list[int]] = defaultdict(list)
    for number, one in enumerate(found):
        if _is_doubtful(one):
            doubtful[one.key.table, one.direction].append(number)
    for (table, direction), numbers in doubtful.items():
        session = base if direction is Direction.LOST else head
        outcomes = _try_without_triggers(session, table, [found[number] for number in numbers])
        for number, behind in zip(numbers, outcomes, strict=True):
            if behind:
                found[number] = replace(found[number], direction=Direction.CHANGED, behind=behind)
    return found


def _is_doubtful(one: CellDifference) -> bool:
    """Between a refusal by access control and one that came later, or only seemed to."""
    opener, closer = (one.before, one.after) if one.direction is Direction.LOST else (one.after, one.before)
    if opener is None or closer is None:
        return False
    return opener.outcome is Outcome.REJECTED and closer.outcome in _REFUSED


def _try_without_triggers(
    session: Session, table: str, differences: Sequence[CellDifference]
) -> list[tuple[Outcome, ...]]:
    """How the rows that each difference is about are refused; nothing where one of them is not."""
    witnesses = [witness for one in differences for witness in one.witnesses]
    try:
        with removed(session, (Triggers(table=table),)):
            outcomes = dict(_outcomes(session, witnesses))
    except CannotRemoveError:
        return [() for _ in differences]
    found = [tuple(dict.fromkeys(outcomes[witness] for witness in one.witnesses)) for one in differences]
    return [some if set(some) <= set(_REFUSED) else () for some in found]


def _outcomes(session: Session, witnesses: Iterable[Witness]) -> Iterator[tuple[Witness, Outcome]]:
    by_persona: dict[Persona, list[Witness]] = defaultdict(list)
    for witness in witnesses:
        by_persona[witness.persona].append(witness)
    for persona, some in by_persona.items():
        with session.act_as(persona), savepoint(session):
            answers = fly(session, [[witness.statement] for witness in some])
        yield from zip(some, map(_outcome, answers), strict=True)


def _outcome(answer: Answer) -> Outcome:
    if answer.sqlstate:
        return classify(answer.sqlstate, answer.source_function)
    return Outcome.ALLOWED if answer.counts[-1] else Outcome.FILTERED
