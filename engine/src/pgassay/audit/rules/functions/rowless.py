"""Functions that refuse who has a row which does not say enough, and let in who has none, by a NULL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, make_calls, samples_of
from pgassay.audit.memberships import standings
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import make_room, owner_columns
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import without_arguments
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER
from pgassay.observation import Persona


@dataclass(frozen=True, kw_only=True)
class _Rowless:
    """A call that goes through without a row of `sample`, and what it writes."""

    sample: Sample
    written: Sample
    steps: Steps


def find_rowless(scene: Scene) -> Iterator[Finding]:
    """One finding for each function."""
    done: set[str] = set()
    for persona in scene.users:
        for function in callable_by(scene, persona):
            found = None if function.function in done else _let_in(scene, persona, function)
            if found:
                done.add(function.function)
                yield _tell(scene, persona, function, found)


def _tell(scene: Scene, persona: Persona, function: Function, found: _Rowless) -> Finding:
    return Finding(
        rule="functions",
        object=function.function,
        actions=("execute",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name}, who has no row in {found.sample.object}, writes {found.written.object} "
        f"through {function.function}, which refuses who has one that does not say enough: NULL lets him in.",
        steps=found.steps,
        cause=f"lets in {without_arguments(function.function)}",
        about=(ObjectKey(kind="function", object=function.function, name=""),),
    )


def _let_in(scene: Scene, persona: Persona, function: Function) -> _Rowless | None:
    """A call that is refused with some rows of its caller's, goes through with others, and with none."""
    if persona.id is None or function.volatility != "v" or not function.definer:
        return None
    samples = [s for s in samples_of(scene, function) if s.table.kind in "rp" and s.object == s.table.name]
    calls = [
        Call(function=function, arguments=some, persona=persona) for some in argument_lists(scene, function)
    ]
    for sample in samples:
        single = any(set(index.columns) <= owner_columns(sample) for index in sample.table.unique)
        others = [one for one in samples if one is not sample]
        if not single or not others:
            continue
        room = (make_room(sample, persona),)
        without = _written(scene, persona, calls, (sample, *others), room)
        going = {call: one for call, one in without.items() if one and one is not sample}
        if going and (found := _refused(scene, persona, sample, going)):
            return found
    return None


def _refused(scene: Scene, persona: Persona, sample: Sample, going: dict[Call, Sample]) -> _Rowless | None:
    """Whether a row as it begins is refused, and another is not: any row of a list of bans is refused."""
    refusals: dict[Call, tuple[tuple[str, ...], str]] = {}
    allowed: set[Call] = set()
    ranks = list(standings(scene, sample, persona))
    begins = any(standing.is_first for standing in ranks)
    for standing in ranks:
        for call, answer in _answers(scene, persona, list(going), standing.setup):
            if answer.startswith(OF_VALUES):
                continue
            if answer and (standing.is_first or not begins):
                refusals.setdefault(call, (standing.setup, answer))
            elif not answer:
                allowed.add(call)
    for call in (call for call in going if call in refusals and call in allowed):
        setup, code = refusals[call]
        written = going[call]
        return _Rowless(
            sample=sample,
            written=written,
            steps=(
                *(Step(statement=text) for text in setup),
                Step(who=persona, statement=call.statement, shows=code),
                Step(statement=make_room(sample, persona)),
                Step(who=persona, statement=call.statement),
                Step(statement=look_new(written), shows=ROWS),
            ),
        )
    return None


def _answers(
    scene: Scene, persona: Persona, calls: Sequence[Call], setup: Sequence[str]
) -> Iterator[tuple[Call, str]]:
    with scene.session.undone():
        ready = all(run(scene.session, None, text) for text in setup)
        answers = make_calls(scene, persona, calls) if ready else []
    return ((call, answer.sqlstate) for call, answer in answers)


def _written(
    scene: Scene, persona: Persona, calls: Sequence[Call], samples: Sequence[Sample], setup: Sequence[str]
) -> dict[Call, Sample]:
    """By call the first table in which it leaves rows, where it goes through."""
    looks = [look_new(sample) for sample in samples]
    with scene.session.undone():
        ready = all(run(scene.session, None, text) for text in setup)
        answers = make_calls(scene, persona, calls, AS_OWNER, *looks) if ready else []
    found: dict[Call, Sample] = {}
    for call, answer in answers:
        rows = () if answer.sqlstate else answer.rows[2:]
        for sample, new in zip(samples, rows, strict=False):
            if new:
                found.setdefault(call, sample)
    return found
