"""Driven numbers: a user's INSERT moves a number that he may not write, as far or as often as he says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.acts import reach_of
from pgassay.audit.calls import look_new
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import (
    Write,
    inserts_with_another,
    make_room,
    naming_columns,
    own_inserts,
    owner_columns,
    with_value,
)
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.database.pipeline import Answer
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, MOMENTS, NUMBERS, condition
from pgassay.observation import Persona

RULE = "driven"
_FEW = 6  # rows like which one is inserted
_FAR = ("7", "1000007")
_NEAR = ("7", "57")  # where a CHECK bounds it
_UNDER = ("-7", "-57")
_PLENTY = "100000"


@dataclass(frozen=True, kw_only=True)
class _Number:
    """A number of a row of another table."""

    object: str
    key: tuple[str | None, ...]
    column: str


_Numbers = Mapping[_Number, float]


@dataclass(frozen=True, kw_only=True)
class _Driven:
    """What was inserted, after which setup, and what it moved; `column`: that which says how far.

    `removal`: what took it back before it was inserted again.
    """

    write: Write
    persona: Persona
    setup: tuple[str, ...]
    number: _Number
    is_own: bool
    column: str = ""
    far: str = _FAR[1]
    removal: str = ""


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of which triggers write others."""
    for sample in scene.samples:
        table = sample.table
        if table.kind in "rp" and table.acting and owner_columns(sample) and sample.object == table.name:
            found = (
                one
                for persona in scene.users
                for one in (*_of(scene, sample, persona), *_taken(scene, sample, persona))
            )
            yield from (_tell(scene, one) for one in islice(found, 1))


def _targets(scene: Scene, sample: Sample) -> list[Sample]:
    """What its triggers come to."""
    reach = reach_of(scene, sample.table)
    return [
        other
        for other in scene.samples
        if other is not sample and other.table.stored and other.key and other.table.name in reach
    ]


def _taken(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Driven]:
    """With a number below zero, in a row that names somebody else, whose own number then falls."""
    targets = _targets(scene, sample)
    columns = {
        (one.table.name, c.quoted): one
        for one in targets
        for c in one.table.columns.values()
        if c.base in NUMBERS and c.name not in naming_columns(one) and not c.generated
    }
    setup = tuple(f"update {name} set {column} = {_PLENTY}" for name, column in columns)
    looks = [AS_OWNER, *map(look_new, targets)]
    others = (other for other in scene.users if other != persona)
    groups = (g for other in others for g in inserts_with_another(sample, persona, other))
    for write in islice((write for group in groups for write in group), _FEW if columns else 0):
        for name in _numbers(sample, persona):
            tries = [[with_value(write, name, value).statement] for value in _UNDER]
            with scene.session.undone():
                ready = all(run(scene.session, None, text) for text in setup)
                answers = scene.ask(persona, [[*text, *looks] for text in tries]) if ready else []
            if not answers or any(answer.sqlstate for answer in answers):
                continue
            less, more = (_read(targets, answer, 1) for answer in answers)
            for number, value in more.items():
                is_fallen = less.get(number, value) - value == float(_UNDER[0]) - float(_UNDER[1])
                if is_fallen and not _is_own(scene, number, persona) and _may_not(scene, persona, number):
                    yield _Driven(
                        write=write,
                        persona=persona,
                        setup=setup,
                        number=number,
                        is_own=False,
                        column=name,
                        far=_UNDER[1],
                    )


def _of(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Driven]:
    targets = _targets(scene, sample)
    for write in islice(own_inserts(sample, persona), _FEW) if targets else ():
        for setup in ((), (make_room(sample, persona),)):
            with scene.session.undone():
                ready = all(run(scene.session, None, text) for text in setup)
                found = list(_try(scene, targets, persona, write)) if ready else []
                again = None if found or not ready else _again(scene, targets, persona, write)
            for column, number, far in found:
                is_own = _is_own(scene, number, persona)
                yield _Driven(
                    write=write,
                    persona=persona,
                    setup=setup,
                    number=number,
                    is_own=is_own,
                    column=column,
                    far=far,
                )
            if again:
                number, removal = again
                is_own = _is_own(scene, number, persona)
                yield _Driven(
                    write=write, persona=persona, setup=setup, number=number, is_own=is_own, removal=removal
                )


def _try(
    scene: Scene, targets: Sequence[Sample], persona: Persona, write: Write
) -> Iterator[tuple[str, _Number, str]]:
    """By how far with each number that he says; how often, where a row says nothing but who and what."""
    looks = [AS_OWNER, *map(look_new, targets)]
    columns = _numbers(write.sample, persona)
    tries = [
        (name, pair, [[with_value(write, name, value).statement] for value in pair])
        for name in columns
        for pair in (_FAR, _NEAR)
    ]
    if _is_link(write.sample):
        tries.append(("", _FAR, [[write.statement], [write.statement, write.statement]]))
    done: set[str] = set()
    for column, pair, (less, more) in tries:
        answers = scene.ask(persona, [[*less, *looks], [*more, *looks]])
        if column in done or any(answer.sqlstate for answer in answers):
            continue
        done.add(column)
        before, after = (
            _read(targets, answer, len(some)) for answer, some in zip(answers, (less, more), strict=True)
        )
        far = float(pair[1]) - float(pair[0]) if column else None
        for number, value in after.items():
            moved = abs(value - before.get(number, value))
            if moved and far in (None, moved) and _may_not(scene, persona, number):
                yield column, number, pair[1]


def _again(
    scene: Scene, targets: Sequence[Sample], persona: Persona, write: Write
) -> tuple[_Number, str] | None:
    """A number that goes on with a row which is taken back and inserted again, and what takes it back."""
    table = write.sample.table
    if not _is_link(write.sample) or not table.privileges[persona.role].delete:
        return None
    removal = f"delete from {table.name} as t where {write.written}"
    looks = [AS_OWNER, *map(look_new, targets)]
    once, again = [write.statement], [write.statement, removal, write.statement]
    answers = scene.ask(persona, [[*once, *looks], [*again, *looks]])
    if any(answer.sqlstate for answer in answers) or answers[1].counts[1] < 1:
        return None
    before, after = (_read(targets, a, len(some)) for a, some in zip(answers, (once, again), strict=True))
    moved = (n for n, value in after.items() if value != before.get(n, value) and _may_not(scene, persona, n))
    return next(((number, removal) for number in moved), None)


def _numbers(sample: Sample, persona: Persona) -> list[str]:
    table = sample.table
    fixed = {name for index in table.unique for name in index.columns}
    fixed |= {name for key in table.foreign_keys for name in key.columns}
    held = table.privileges[persona.role].insert - fixed
    return [
        c.name for c in table.columns.values() if c.base in NUMBERS and c.name in held and not c.generated
    ]


def _is_link(sample: Sample) -> bool:
    """Whether its rows say who and what, and when, and nothing else."""
    table = sample.table
    refers = {name for key in table.foreign_keys for name in key.columns}
    keys = {name for index in table.unique for name in index.columns if len(index.columns) == 1}
    rest = [c for c in table.columns.values() if c.name not in refers | keys | owner_columns(sample)]
    return len(refers) > 1 and all(column.base in MOMENTS for column in rest)


def _read(targets: Sequence[Sample], answer: Answer, first: int) -> _Numbers:
    """All numbers of rows that were written."""
    found: dict[_Number, float] = {}
    for target, rows in zip(targets, answer.rows[first + 1 :], strict=True):
        for *key, document in rows:
            values = json.loads(document or "{}")
            for column in target.table.columns.values():
                if column.base in NUMBERS and column.name not in target.key and values.get(column.name):
                    number = _Number(object=target.object, key=tuple(key), column=column.name)
                    found[number] = float(values[column.name])
    return found


def _is_own(scene: Scene, number: _Number, persona: Persona) -> bool:
    """Whether the row is the persona's own."""
    rows = scene.sample_of[number.object].rows
    return persona.id in number.key or any(persona.id in row.owners for row in rows if row.key == number.key)


def _may_not(scene: Scene, persona: Persona, number: _Number) -> bool:
    """Whether the persona writes it in no other way; of his own what something besides compares.

    What users count of themselves, and nothing asks for, is theirs to say.
    """
    sample = scene.sample_of[number.object]
    held = sample.table.privileges[persona.role]
    writing = any(p.command in ("update", "all") for p in held.policies) or not held.filtered
    if writing and number.column in held.update:
        return False
    policies = [text for policy in scene.catalog.of(Policy) for _, text in policy.clauses]
    bodies = [f.text for f in scene.functions.values() if scene.is_ours(f) and f.result != "trigger"]
    return not _is_own(scene, number, persona) or number.column in find_literals([*policies, *bodies]).words


def _tell(scene: Scene, one: _Driven) -> Finding:
    table, name = one.write.sample.table, one.persona.name
    statements = [one.write.statement] * 2
    if one.column:
        statements = [with_value(one.write, one.column, one.far).statement]
    if one.removal:
        statements.insert(1, one.removal)
    how = f"with {one.column} = {one.far}" if one.column else "twice, which says the same as once"
    how = "again after taking it back" if one.removal else how
    whose = f"{name}'s own row" if one.is_own else "a row of another's"
    moved = f"{one.number.column} of {whose} in {one.number.object}"
    target = scene.sample_of[one.number.object]
    look = f"select 1 from {target.table.name} as t where {condition(target.key, one.number.key)}"
    policies = [p for p in table.privileges[one.persona.role].policies if p.command in ("insert", "all")]
    link = [*owner_columns(one.write.sample), *(n for k in table.foreign_keys for n in k.columns)]
    unique = ", ".join(quoted(n) for n in dict.fromkeys(sorted(link)))
    return Finding(
        rule=RULE,
        object=one.write.sample.object,
        columns=(one.column,) if one.column else (),
        actions=("insert",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} inserts a row of {name}'s own into {table.name} {how}, and {moved} "
        f"goes as far, which {name} may not write.",
        steps=(
            *(Step(statement=text) for text in one.setup),
            *(Step(who=one.persona, statement=text, shows=ROWS) for text in statements),
            Step(statement=f"{look} and pg_catalog.age(t.xmin) <= 0", shows=ROWS),
        ),
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=()
        if one.column or one.removal
        else ((f"create unique index on {table.name} ({unique})",),),
    )
