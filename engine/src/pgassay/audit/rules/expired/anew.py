"""Rows that say that something is over, and that their user removes and enters anew: it begins afresh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, OF_VALUES, ROWS, Step, Steps
from pgassay.audit.prepared import deciding_words
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import given_row, insert_of, naming_columns, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, NUMBERS, condition
from pgassay.observation import Persona

_PAST, _FUTURE = "now() - interval '10 years'", "now() + interval '10 years'"
_OVER = {
    **dict.fromkeys(MOMENTS, (_PAST, _FUTURE)),
    **dict.fromkeys(NUMBERS, ("30000", "0")),
    "bool": ("true", "false"),
}
_ROWS, _CALLS = 3, 6


@dataclass(frozen=True, kw_only=True)
class Anew:
    """A table, the column that begins afresh, what that opens, and the steps that show it."""

    sample: Sample
    column: Column
    persona: Persona
    opened: str
    steps: Steps


@dataclass(frozen=True, kw_only=True)
class _Own:
    """A row of a persona's own, after the owner's `given`, and a column of it that the persona cannot set."""

    sample: Sample
    persona: Persona
    column: Column
    given: Steps

    @property
    def leave(self) -> str:
        return f"delete from {self.sample.table.name} as t where {self._own}"

    @property
    def _own(self) -> str:
        return own_condition(self.sample, self.persona)

    def say(self, value: str) -> str:
        return f"update {self.sample.table.name} as t set {self.column.quoted} = {value} where {self._own}"


def find_anew(scene: Scene) -> Iterator[Anew]:
    """One for each table whose rows users remove and enter, and do not change so."""
    for sample in scene.samples:
        table = sample.table
        if table.kind in "rp" and sample.object == table.name and owner_columns(sample) and sample.rows:
            found = (
                one
                for persona in scene.users
                if table.privileges[persona.role].delete and table.privileges[persona.role].insert
                for one in _of(scene, sample, persona)
            )
            if one := next(found, None):
                yield one


def _of(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Anew]:
    has = any(persona.id in row.owners for row in sample.rows)
    given = () if has else tuple(Step(statement=t) for t in filter(None, [given_row(sample, persona)]))
    names = sorted(scene.dependents(sample.table.name) - {sample.table.name})
    calls = _calls(scene, sample, persona)
    words = deciding_words(scene, names) if names else frozenset()
    words |= find_literals(call.function.text for call in calls).words
    for column in sample.table.columns.values():
        is_plain = column.base in _OVER and not column.generated and column.name in words
        if is_plain and column.name not in naming_columns(sample):
            own = _Own(sample=sample, persona=persona, column=column, given=given)
            leaves = Step(who=persona, statement=own.leave, shows=ROWS)
            if plays(scene.session, (*given, leaves)):
                yield from _try(scene, own, names, calls)


def _calls(scene: Scene, sample: Sample, persona: Persona) -> list[Call]:
    return [
        Call(function=function, arguments=some, persona=persona)
        for function in callable_by(scene, persona)
        if sample in samples_of(scene, function) and not scene.is_unending(function)
        for some in argument_lists(scene, function)[:_CALLS]
    ]


def _begun(own: _Own) -> Iterator[str]:
    """Rows of the persona's own that say as little as they must, then as much as others; not the column."""
    table = own.sample.table
    for row in own.sample.rows[:_ROWS]:
        write = insert_of(own.sample, own.persona, row)
        for is_bare in (True, False) if write else ():
            values = {
                name: value
                for name, value in (write.values if write else {}).items()
                if name != own.column.name and not (is_bare and _may_be_left_out(own, name))
            }
            if own.column.not_null and not own.column.has_default:
                values[own.column.name] = "now" if own.column.base in MOMENTS else "0"
            yield statements.insert(
                table, values, overriding=any(table.columns[n].identity == "a" for n in values)
            )


def _may_be_left_out(own: _Own, name: str) -> bool:
    column = own.sample.table.columns[name]
    return name not in owner_columns(own.sample) and (column.has_default or not column.not_null)


def _try(scene: Scene, own: _Own, names: list[str], calls: list[Call]) -> Iterator[Anew]:
    session, persona = scene.session, own.persona
    for over in _OVER[own.column.base]:
        with session.undone():
            if not all(
                run(session, None, step.statement) for step in (*own.given, Step(statement=own.say(over)))
            ):
                continue
            closed = measure_seen(scene, persona, names).seen if names else {}
            refused = scene.ask(persona, [[call.statement] for call in calls])
            fresh = next((text for text in dict.fromkeys(_begun(own)) if _begins(scene, own, text)), None)
            if fresh is None:
                continue
            if not run(session, persona, own.leave) or not run(session, persona, fresh):
                continue
            opened = measure_seen(scene, persona, names).seen if names else {}
            granted = scene.ask(persona, [[call.statement] for call in calls])
        looks = [
            (name, f"select 1 from {scene.sample_of[name].table.name} where {where}", NO_ROWS_SHOWN)
            for name, keys in opened.items()
            for key in sorted(keys - closed.get(name, frozenset()), key=str)[:1]
            for where in [condition(scene.sample_of[name].key, key)]
        ]
        looks += [
            (call.function.function, call.statement, before.sqlstate or NO_ROWS_SHOWN)
            for call, before, after in zip(calls, refused, granted, strict=True)
            if not after.sqlstate and after.rows[0]
            if not before.sqlstate.startswith(OF_VALUES) and (before.sqlstate or not before.rows[0])
        ]
        for name, look, shows in looks:
            closing = (
                Step(statement=own.say(over), shows=ROWS),
                Step(who=persona, statement=look, shows=shows),
            )
            steps = (
                *own.given,
                *closing,
                Step(who=persona, statement=own.leave, shows=ROWS),
                Step(who=persona, statement=fresh, shows=ROWS),
                replace(closing[1], shows=ROWS),
            )
            # It is the column that closes it, in the new row as well.
            if plays(session, (*steps[:-1], *closing)) and plays(session, steps):
                yield Anew(sample=own.sample, column=own.column, persona=persona, opened=name, steps=steps)
                return


def _begins(scene: Scene, own: _Own, text: str) -> bool:
    """Whether an INSERT goes in once the old row is gone, not beside it, and no UPDATE does the same."""
    value = own.column.default or ("now()" if own.column.base in MOMENTS else "0")
    beside, changed = scene.ask(own.persona, [[text], [own.say(value)]])
    is_changed = not changed.sqlstate and changed.counts[0] > 0
    if not beside.sqlstate or is_changed:
        return False
    [anew] = scene.ask(own.persona, [[own.leave, text]])
    return not anew.sqlstate
