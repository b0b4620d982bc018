"""What calls of a function do to rows that are not their caller's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.acts import number_setups
from pgassay.audit.arguments import argument_lists, solved_setups
from pgassay.audit.asking import tokens
from pgassay.audit.calls import Call, look_new, make_calls, samples_of
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS
from pgassay.audit.reach import Reach
from pgassay.audit.scene import Scene, key_expression, run
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import Function
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS, condition
from pgassay.observation import Outcome, Persona

_SETUPS = 4
Key = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One row of others that a call changed, removed or entered.

    `chosen`: the caller said what stands in it, if only by what it is more (`summed`) or less (`taken`, of a
    user's only row); `stated`: the function said something that is no number. `others`: how many rows the
    call wrote besides. The owner's `look` afterwards `shows` it.
    """

    call: Call
    sample: Sample
    action: Action
    key: Key
    chosen: bool
    others: int
    look: str
    summed: bool = False
    taken: bool = False
    stated: bool = False
    shows: str = ROWS


def deeds_of(
    scene: Scene, persona: Persona, function: Function, seen: dict[Persona, Reach], *, solved: bool = False
) -> list[Deed]:
    """As things are; where it does nothing, with enough in each number that it may ask for.

    Where `solved`, with rows as the solver says that the function wants them.
    """
    samples = samples_of(scene, function)
    told_of = tokens(scene, persona, seen[persona])
    every = (Call(function=function, arguments=a, persona=persona) for a in argument_lists(scene, function))
    some = [call for call in every if told_of.isdisjoint(call.said)]
    wanted = (one.setup for one in solved_setups(scene, function))
    numbers = number_setups(scene, [s.table.name for s in samples], ("100",))
    for setup in islice(wanted, _SETUPS) if solved else ((), *islice(numbers, _SETUPS)):
        calls = [replace(call, setup=setup) for call in some]
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in setup):
                continue
            before = _set_up(scene, samples) if setup else frozenset()
            if deeds := _find_deeds(scene, persona, calls, samples, seen[persona], before=before):
                return deeds
    return []


def _set_up(scene: Scene, samples: Sequence[Sample]) -> frozenset[tuple[str, Key]]:
    """The rows that the setup has written, as they are before the call."""
    plain = _plain(samples)
    [answer] = scene.ask(None, [[AS_OWNER, *map(look_new, plain)]])
    return frozenset((s.object, row) for s, rows in zip(plain, answer.rows[1:], strict=False) for row in rows)


def _plain(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.key]


def _find_deeds(  # noqa: PLR0913 - who calls what, and what was there before
    scene: Scene,
    persona: Persona,
    calls: Sequence[Call],
    samples: Sequence[Sample],
    seen: Reach,
    *,
    before: frozenset[tuple[str, Key]],
) -> list[Deed]:
    """All that the persona could not do by statements of its own."""
    plain = _plain(samples)
    looks = [text for s in plain for text in (look_new(s), _look_left(s))]
    found: list[Deed] = []
    for call, answer in make_calls(scene, persona, calls, AS_OWNER, *looks):
        if answer.sqlstate:
            continue
        pairs = [
            (s, [row for row in new if (s.object, row) not in before], left)
            for s, new, left in zip(plain, answer.rows[2::2], answer.rows[3::2], strict=True)
        ]
        written = sum(len(new) for _, new, _ in pairs)
        for sample, new, left in pairs:
            for deed in (
                *_of_new(call, _as_set_up(sample, before), new, persona),
                *_of_left(call, sample, left, persona),
            ):
                if not _may_anyway(scene, persona, deed, seen):
                    found.append(replace(deed, others=written - 1))
    return found


def _as_set_up(sample: Sample, before: frozenset[tuple[str, Key]]) -> Sample:
    """With what the setup has written."""
    written = {row[:-1]: json.loads(row[-1] or "{}") for name, row in before if name == sample.object}
    if not written:
        return sample
    rows = (
        replace(row, values={**row.values, **{n: text_of(v) for n, v in written.get(row.key, {}).items()}})
        for row in sample.rows
    )
    return replace(sample, rows=tuple(rows))


def _look_left(sample: Sample) -> str:
    return f"select {key_expression(sample.key)} from {sample.table.name}{sample.where}"


def _may_anyway(scene: Scene, persona: Persona, deed: Deed, seen: Reach) -> bool:
    sample = deed.sample
    if deed.action is Action.INSERT:
        cell = scene.cell(persona.name, sample.object, Action.INSERT, "-", RowClass.OTHER)
        return cell is not None and cell.outcome is Outcome.ALLOWED
    return seen.written.get((sample.object, deed.action.value), 0) >= len(sample.rows)


def _of_left(call: Call, sample: Sample, left: Sequence[Key], persona: Persona) -> Iterator[Deed]:
    """Rows that are no longer there; which, the caller said."""
    for row in _foreign(sample, persona):
        if row.key not in left and _is_named(call, sample, row):
            look = f"select 1 from {sample.table.name} where {condition(sample.key, row.key)}"
            yield Deed(
                call=call,
                sample=sample,
                action=Action.DELETE,
                key=row.key,
                chosen=True,
                others=0,
                look=look,
                shows=NO_ROWS_SHOWN,
            )


def _foreign(sample: Sample, persona: Persona) -> list[Row]:
    return [row for row in sample.rows if persona.id not in row.owners]


def _is_named(call: Call, sample: Sample, row: Row) -> bool:
    referring = (name for key in sample.table.foreign_keys for name in key.columns)
    names = {row.values[name] for name in (*sample.key, *owner_columns(sample), *referring)}
    return not names.isdisjoint(call.said)


def _of_new(call: Call, sample: Sample, new: Sequence[Key], persona: Persona) -> Iterator[Deed]:
    for *key, document in new:
        values = json.loads(document or "{}")
        old = next((one for one in sample.rows if one.key == tuple(key)), None)
        if old is None:
            yield from _entered(call, sample, tuple(key), values, persona)
        elif persona.id not in old.owners:
            yield from _changed(call, sample, old, values)


def _look(sample: Sample, key: Key) -> str:
    where = f"{condition(sample.key, key)} and pg_catalog.age(t.xmin) <= 0"
    return f"select 1 from {sample.table.name} as t where {where}"


def _changed(call: Call, sample: Sample, old: Row, values: dict[str, object]) -> Iterator[Deed]:
    """A row that was there, and whether the caller chose what it says now."""
    changed = {
        name
        for name, value in values.items()
        if text_of(value) != old.values.get(name)
        and not sample.table.columns[name].base.startswith("timestamp")
    }
    if changed:
        now = {name: text_of(values[name]) for name in changed}
        said = {name for name, value in now.items() if _is_said(call, sample, old, name, value)}
        sums = {name for name, value in now.items() if _is_sum(call, sample, old, name, value)}
        single = any(set(index.columns) <= owner_columns(sample) for index in sample.table.unique)
        less = {name for name in sums if _falls(call, old, name, now[name])}
        yield Deed(
            call=call,
            sample=sample,
            action=Action.UPDATE,
            key=old.key,
            chosen=bool(said | sums),
            summed=not said - sums and not (single and less),
            taken=single and bool(less),
            stated=any(not _is_number(sample, name) for name in changed),
            others=0,
            look=" and ".join([_look(sample, old.key), *(condition((n,), (now[n],)) for n in sums)]),
        )


def _is_said(call: Call, sample: Sample, old: Row, name: str, value: str | None) -> bool:
    """Whether a value is what the caller said, or somebody's taking over of another's row."""
    taken = name in owner_columns(sample) and value == call.persona.id and bool(old.owners)
    return taken or value in call.said - set(old.key)  # which only names the row


def _is_number(sample: Sample, name: str) -> bool:
    return sample.table.columns[name].base in NUMBERS


def _is_sum(call: Call, sample: Sample, old: Row, name: str, value: str | None) -> bool:
    """Whether a number is more or less by what the caller said."""
    if not _is_number(sample, name) or value is None:
        return False
    said = {argument.lstrip("-") for argument in call.said - set(old.key)}
    return f"{abs(float(value) - float(old.values.get(name) or 0)):.15g}" in said


def _falls(call: Call, old: Row, name: str, value: str | None) -> bool:
    """By what the caller said as a positive number; what a negative one does is told by itself."""
    fallen = float(old.values.get(name) or 0) - float(value or 0)
    return fallen > 0 and f"{fallen:.15g}" in call.said


def _entered(
    call: Call, sample: Sample, key: Key, values: dict[str, object], persona: Persona
) -> Iterator[Deed]:
    """A new row that is somebody else's, whom the caller named."""
    owners = owner_columns(sample)
    whose = {text_of(values.get(name)) for name in owners} - {None}
    if not whose or persona.id in whose or whose.isdisjoint(call.said):
        return
    rest = {text_of(value) for name, value in values.items() if name not in owners} - {None}
    chosen = not rest.isdisjoint(call.said - whose)
    # Its key may be another on the next load.
    look = " and ".join(
        f"t.{sample.table.columns[name].quoted} = '{text_of(values[name])}'" for name in owners
    )
    yield Deed(
        call=call,
        sample=sample,
        action=Action.INSERT,
        key=key,
        chosen=chosen,
        others=0,
        look=f"select 1 from {sample.table.name} as t where {look} and pg_catalog.age(t.xmin) <= 0",
    )


def text_of(value: object) -> str | None:
    """As PostgreSQL writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else value if isinstance(value, str) else json.dumps(value)
