"""Differences looked at again: without triggers, and as users who say of themselves what they can."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pgassay.database import Session
from pgassay.database.actor import classify
from pgassay.database.pipeline import Answer, fly, probing
from pgassay.denial.defence import CannotRemoveError, removed
from pgassay.denial.guard import Triggers
from pgassay.diff.comparison import CellDifference
from pgassay.diff.variations import SERVERS, boasting
from pgassay.matrix.model import Direction, Witness
from pgassay.observation import Outcome, Persona

_REFUSED = (Outcome.DENIED_GRANT, Outcome.DENIED_POLICY, Outcome.FILTERED)


def settle(differences: Iterable[CellDifference], *, base: Session, head: Session) -> list[CellDifference]:
    """The differences, of which those are changes only in which the same refuses as soon as no trigger does.

    Triggers before a statement or row run before the policies do: one that refuses hides whether they would.
    Nor is a gain what somebody could have in BASE who said of himself, in his user_metadata, what only the
    server says in HEAD; nor are the same rows of another class one. The sessions are the owners'. What cannot
    be tried stays what it was.
    """
    found = list(_settle_classes(_settle_claims(differences, base), base, head))
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


def _settle_classes(
    differences: Iterable[CellDifference], base: Session, head: Session
) -> Iterator[CellDifference]:
    """A view that says otherwise whose its rows are lets nobody reach more of them."""
    found = list(differences)
    doubtful = {one.witness for one in found if one.direction is Direction.GAINED and one.before is None}
    before, after = (dict(_answers(session, doubtful)) for session in (base, head))
    for one in found:
        witness = one.witness
        is_same = witness in doubtful and before[witness] is not None and before[witness] == after[witness]
        yield replace(one, direction=Direction.CHANGED) if is_same else one


def _settle_claims(differences: Iterable[CellDifference], base: Session) -> Iterator[CellDifference]:
    """Users set their user_metadata themselves; app_metadata is the server's."""
    found = list(differences)
    doubtful = [
        one
        for one in found
        if one.direction is Direction.GAINED
        and one.before is not None
        and isinstance(one.witness.persona.claims.get(SERVERS), Mapping)
    ]
    bold = {one.witness: replace(one.witness, persona=boasting(one.witness.persona)) for one in doubtful}
    outcomes = dict(_outcomes(base, bold.values()))
    for one in found:
        was_open = one in doubtful and outcomes[bold[one.witness]] is Outcome.ALLOWED
        yield replace(one, direction=Direction.CHANGED) if was_open else one


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
    for witness, answer in _answers(session, witnesses):
        yield witness, Outcome.DENIED_GRANT if answer is None else _outcome(answer)


def _answers(session: Session, witnesses: Iterable[Witness]) -> Iterator[tuple[Witness, Answer | None]]:
    """None where the persona cannot be."""
    by_persona: dict[Persona, list[Witness]] = defaultdict(list)
    for witness in witnesses:
        by_persona[witness.persona].append(witness)
    for persona, some in by_persona.items():
        if session.refusal(persona):
            yield from ((witness, None) for witness in some)
            continue
        with probing(session, persona):
            answers = fly(session, [[witness.statement] for witness in some])
        yield from zip(some, answers, strict=True)


def _outcome(answer: Answer) -> Outcome:
    if answer.sqlstate:
        return classify(answer.sqlstate, answer.source_function)
    return Outcome.ALLOWED if answer.counts[-1] else Outcome.FILTERED
