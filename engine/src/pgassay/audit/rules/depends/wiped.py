"""Limits that are counted in rows which their user removes: what was refused goes through again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.acts import reach_of, tables_of
from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, samples_of
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import own_inserts
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER
from pgassay.observation import Persona

_LIMIT = 20  # the largest that is tried
_LISTS = 4


@dataclass(frozen=True, kw_only=True)
class _Limited:
    """A statement that writes, and may be refused after so many times; `uses` are the tables it comes to."""

    persona: Persona
    statement: str
    told: str
    uses: tuple[Sample, ...]
    counted: tuple[Sample, ...]  # of these, where the persona may remove rows
    limit: int


def find_wiped(scene: Scene) -> Iterator[Finding]:
    """Of functions and triggers with small numbers in them; one finding for each table that is emptied."""
    done: set[str] = set()
    for persona in scene.users:
        for some in (*_calls(scene, persona), *_inserts(scene, persona)):
            for one in _alive(scene, some):
                if found := _try(scene, one, [s for s in one.counted if s.object not in done]):
                    done.add(found.object)
                    yield found
                    break


def _calls(scene: Scene, persona: Persona) -> Iterator[list[_Limited]]:
    for function in callable_by(scene, persona):
        samples = samples_of(scene, function)
        counted = tuple(s for s in samples if _may_remove(s, persona))
        limit = _limit([function.text]) if function.volatility == "v" else 0
        if counted and limit and not scene.is_unending(function):
            yield [
                _Limited(
                    persona=persona,
                    statement=Call(function=function, arguments=some, persona=persona).statement,
                    told=f"calls {function.function}",
                    uses=tuple(samples),
                    counted=counted,
                    limit=limit,
                )
                for some in argument_lists(scene, function)[:_LISTS]
            ]


def _inserts(scene: Scene, persona: Persona) -> Iterator[list[_Limited]]:
    """Into a table whose triggers, or the functions of whose policies, count in another one."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        reach = reach_of(scene, sample.table)
        texts = [f.text for name in reach if (f := scene.functions.get(name)) and scene.is_ours(f)]
        used = tables_of(scene, reach)
        uses = tuple(s for s in scene.samples if s is sample or (s.object in used and s.table.stored))
        counted = tuple(s for s in uses if s is not sample and _may_remove(s, persona))
        if counted and (limit := _limit(texts)):
            yield [
                _Limited(
                    persona=persona,
                    statement=write.statement,
                    told=f"inserts into {sample.object}",
                    uses=uses,
                    counted=counted,
                    limit=limit,
                )
                for write in islice(own_inserts(sample, persona), _LISTS)
            ]


def _may_remove(sample: Sample, persona: Persona) -> bool:
    held = sample.table.privileges[persona.role]
    asked = any(p.command in ("delete", "all") for p in held.policies)
    return held.delete and (asked or not held.filtered) and sample.ownership is not None


def _limit(texts: Iterable[str]) -> int:
    """The largest of the small numbers in them; 0 where there is none."""
    numbers = (int(n) for n in find_literals(list(texts)).numbers if n.isdigit())
    return max((n for n in numbers if 0 < n <= _LIMIT), default=0)


def _alive(scene: Scene, some: Sequence[_Limited]) -> Iterator[_Limited]:
    """Those that write something in more than one table."""
    if not some:
        return
    looks = [look_new(sample) for sample in some[0].uses]
    answers = scene.ask(some[0].persona, [[one.statement, AS_OWNER, *looks] for one in some])
    for one, answer in zip(some, answers, strict=True):
        if not answer.sqlstate and sum(map(bool, answer.rows[2:])) > 1:
            yield one


def _try(scene: Scene, one: _Limited, samples: Sequence[Sample]) -> Finding | None:
    persona = one.persona
    with scene.session.undone():
        number, code = _until_refused(scene, one)
        if not number or not code or code.startswith(OF_VALUES):
            return None
        for sample in samples:
            wipe = f"delete from {sample.table.name} as t where {own_condition(sample, persona)}"
            with scene.session.undone():
                before = _written(scene, one, sample)
                if not run(scene.session, persona, wipe) or _written(scene, one, sample) != before:
                    continue  # what was limited is gone, too
                if run(scene.session, persona, one.statement):
                    return _tell(scene, one, sample, (wipe, number, code))
    return None


def _until_refused(scene: Scene, one: _Limited) -> tuple[int, str]:
    """How often it went through, and what refused it then, if anything did."""
    for number in range(one.limit + 1):
        [answer] = scene.ask(one.persona, [[one.statement]])
        if answer.sqlstate:
            return number, answer.sqlstate
        run(scene.session, one.persona, one.statement)
    return one.limit + 1, ""


def _written(scene: Scene, one: _Limited, besides: Sample) -> int:
    """How many rows it left in other tables."""
    looks = [[look_new(s)] for s in one.uses if s is not besides]
    return sum(len(answer.rows[0]) for answer in scene.ask(None, looks) if not answer.sqlstate)


def _tell(scene: Scene, one: _Limited, sample: Sample, seen: tuple[str, int, str]) -> Finding:
    wipe, number, code = seen
    persona = one.persona
    once = Step(who=persona, statement=one.statement)
    return Finding(
        rule="depends",
        object=sample.object,
        actions=("delete",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} {one.told} until it is refused ({code}), removes {persona.name}'s own rows "
        f"from {sample.table.name}, and it goes through again: the limit is counted there.",
        steps=(
            *(once,) * number,
            Step(who=persona, statement=one.statement, shows=code),
            Step(who=persona, statement=wipe, shows=ROWS),
            once,
        ),
        cause=f"wiped {sample.object}",
        about=(
            *(
                p.key
                for p in sample.table.privileges[persona.role].policies
                if p.command in ("delete", "all")
            ),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
        candidates=((f"revoke delete on {sample.table.name} from {persona.role}",),),
        exact=True,
    )
