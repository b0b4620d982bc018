"""Calls that pay both who calls and who is named, by an id or a code: whoever names himself is paid twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, look_new, make_calls, samples_of
from pgassay.audit.model import ROWS, Step, Steps
from pgassay.audit.purses import Purse, find_purses
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import make_room, own_inserts, owner_columns
from pgassay.catalog.model import Function
from pgassay.database.pipeline import Answer
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS, TEXTS
from pgassay.observation import Persona

_PAIRS = 12
Pair = tuple[tuple[str | None, ...], tuple[str | None, ...]]


@dataclass(frozen=True, kw_only=True)
class Both:
    """What grows, and the steps that show it."""

    told: str
    steps: Steps


@dataclass(frozen=True, kw_only=True)
class _Paid:
    """What somebody is paid in: the owner's looks after a call, and what they say that each user has more."""

    told: str
    setup: tuple[str, ...]
    looks: tuple[str, ...]
    read: Callable[[Answer, Persona], float]
    shown: Callable[[float], str]


def find_both(scene: Scene, persona: Persona, function: Function) -> Both | None:
    """The first such call, where the same call that names another user gives less to who calls."""
    samples = samples_of(scene, function)
    for other in (other for other in scene.users if other != persona):
        pairs = list(islice(_pairs(scene, samples, function, (persona, other)), _PAIRS))
        for paid in (*_numbers(scene, samples, persona), *_rows(scene, samples, persona)) if pairs else ():
            if found := _try(scene, function, (persona, other), pairs, paid):
                return found
    return None


def _try(
    scene: Scene, function: Function, users: tuple[Persona, Persona], pairs: Sequence[Pair], paid: _Paid
) -> Both | None:
    persona, other = users
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in paid.setup):
            return None
        calls = [Call(function=function, arguments=some, persona=persona) for pair in pairs for some in pair]
        answers = make_calls(scene, persona, calls, AS_OWNER, *paid.looks)
    for (mine, own), (_, theirs) in zip(answers[::2], answers[1::2], strict=True):
        if own.sqlstate or theirs.sqlstate:
            continue
        both, spent, given = paid.read(own, persona), paid.read(theirs, persona), paid.read(theirs, other)
        if spent > 0 and given > 0 and both > max(spent, given):
            steps = (
                *(Step(statement=text) for text in paid.setup),
                Step(who=persona, statement=mine.statement),
                Step(statement=paid.shown(max(spent, given)), shows=ROWS),
            )
            return Both(told=paid.told, steps=steps)
    return None


def _numbers(scene: Scene, samples: Sequence[Sample], persona: Persona) -> Iterator[_Paid]:
    """Numbers of each user's only row; the caller was in no such business before."""
    users = scene.users
    for purse in find_purses(scene, persona, samples):
        ready = purse.setup(users)

        def read(answer: Answer, user: Persona, enough: int = purse.enough) -> float:
            look = answer.rows[2:][users.index(user)]
            return float(look[0][0] or 0) - enough if look else 0.0

        def shown(more: float, purse: Purse = purse) -> str:
            return purse.look(persona, f" and t.{purse.column.quoted} > {purse.enough} + {more:g}")

        for room in _rooms(samples, persona, purse.sample):
            yield _Paid(
                told=purse.told(persona),
                setup=(*ready, *room),
                looks=tuple(purse.look(user) for user in users),
                read=read,
                shown=shown,
            )


def _rows(scene: Scene, samples: Sequence[Sample], persona: Persona) -> Iterator[_Paid]:
    """Rows with a number, such as those of a ledger, which the caller may not enter."""
    for sample in samples:
        table, owners = sample.table, owner_columns(sample)
        has_number = any(c.base in NUMBERS and c.name not in sample.key for c in table.columns.values())
        if table.kind not in "rp" or len(owners) != 1 or not has_number or _enters(scene, sample, persona):
            continue
        [owner] = owners

        def read(answer: Answer, user: Persona, owner: str = owner) -> float:
            new = [json.loads(document or "{}") for *_, document in answer.rows[2]]
            return float(sum(values.get(owner) == user.id for values in new))

        def shown(more: float, sample: Sample = sample) -> str:
            own = f"{own_condition(sample, persona)} and pg_catalog.age(t.xmin) <= 0"
            return f"select 1 from {sample.table.name} as t where {own} having count(*) > {more:g}"

        for room in _rooms(samples, persona, sample):
            yield _Paid(
                told=f"the number of {persona.name}'s own rows in {sample.object}",
                setup=room,
                looks=(look_new(sample),),
                read=read,
                shown=shown,
            )


def _rooms(samples: Sequence[Sample], persona: Persona, paid: Sample) -> dict[tuple[str, ...], None]:
    """Things as they are; without the rows of one table that the persona has; without those of all."""
    rest = [
        make_room(s, persona) for s in samples if s is not paid and owner_columns(s) and s.table.kind in "rp"
    ]
    return dict.fromkeys(((), *((text,) for text in rest), tuple(rest)))


def _enters(scene: Scene, sample: Sample, persona: Persona) -> bool:
    answers = scene.ask(persona, [[write.statement] for write in own_inserts(sample, persona)])
    return any(not answer.sqlstate for answer in answers)


def _pairs(
    scene: Scene, samples: Sequence[Sample], function: Function, users: tuple[Persona, Persona]
) -> Iterator[Pair]:
    """Lists of arguments that differ in who is named."""
    mine, theirs = ({user.id: "", **_names(samples, user)} for user in users)
    for some in argument_lists(scene, function):
        for place, value in enumerate(some):
            for name in (n for n, by in mine.items() if value in theirs and by == theirs[value]):
                yield (*some[:place], name, *some[place + 1 :]), some


def _names(samples: Sequence[Sample], user: Persona) -> dict[str | None, str]:
    """What names a user alone, and by which column: texts, and what his only row has."""
    found: dict[str | None, str] = {}
    for sample in samples:
        table, owners = sample.table, owner_columns(sample)
        is_single = any(set(index.columns) <= owners for index in table.unique)
        for index in table.unique:
            name = index.columns[0]
            if (
                len(index.columns) == 1
                and name not in owners
                and (is_single or table.columns[name].base in TEXTS)
            ):
                rows = [row for row in sample.rows if row.owners == {user.id}]
                found |= {row.values[name]: f"{sample.object} {name}" for row in rows if row.values[name]}
    return found
