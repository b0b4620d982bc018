"""Cascades: whoever removes a row of his own removes with it what others wrote, and he may not remove."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.confirmation import plays
from pgassay.audit.dissolved import find_dissolved
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.planted import PlantedRow, planted_row
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone
from pgassay.audit.writes import naming_columns, owner_columns
from pgassay.catalog.model import Constraint, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

RULE = "cascades"
_MOST = 3
_CASCADES = "ON DELETE CASCADE"


@dataclass(frozen=True, kw_only=True)
class _Removal:
    """A persona removes a row of its own."""

    persona: Persona
    sample: Sample
    row: Row

    @property
    def statement(self) -> str:
        return statements.delete(self.sample.table, where=statements.condition(self.sample.key, self.row.key))


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each table from which rows of others are lost, and for groups that members remove."""
    done: set[str] = set()
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or sample.object != table.name:
            continue
        others = [one for one in scene.samples if _may_lose(one, sample)]
        for persona in scene.users if others else ():
            for removal in _removals(scene, sample, persona):
                for other in (one for one in others if one.object not in done):
                    if found := _of_foreign_key(scene, removal, other) or _of_trigger(scene, removal, other):
                        done.add(other.object)
                        yield found
    yield from find_dissolved(scene)


def _may_lose(other: Sample, sample: Sample) -> bool:
    """Whether it has rows that users wrote, and may have to do with the other table's."""
    is_plain = other.table.kind in "rp" and other.object == other.table.name and other is not sample
    is_near = any(key.target == sample.table.name for key in other.table.foreign_keys)
    return is_plain and bool(owner_columns(other) and other.rows) and (is_near or sample.table.acting)


def _removals(scene: Scene, sample: Sample, persona: Persona) -> list[_Removal]:
    """Those that go through as things are."""
    own = [row for row in sample.rows if persona.id in row.owners][:_MOST]
    some = [_Removal(persona=persona, sample=sample, row=row) for row in own]
    answers = scene.ask(persona, [[one.statement] for one in some])
    return [one for one, a in zip(some, answers, strict=True) if not a.sqlstate and a.counts[0] > 0]


def _cascades(key: Constraint) -> bool:
    return _CASCADES in key.definition.upper()


def _of_foreign_key(scene: Scene, removal: _Removal, other: Sample) -> Finding | None:
    """What says something, and is not for the persona to see, is not the persona's to remove, either."""
    target = removal.sample.table.name
    keys = [key for key in other.table.foreign_keys if key.target == target and _cascades(key)]
    opens = target in scene.dependents(other.table.name)  # it says who sees the row that goes
    for key in keys if _says_something(other) and not opens else ():
        pairs = zip(key.columns, key.target_columns, strict=True)
        below = {column: removal.row.values[name] for column, name in pairs}
        if set(below) & owner_columns(other):
            continue
        for user in (user for user in scene.users if user != removal.persona):
            if planted := planted_row(other, user, **below):
                unseen = Step(who=removal.persona, statement=planted.look, shows=NO_ROWS_SHOWN)
                if steps := _shown(scene, removal, (planted,), unseen):
                    return _tell(scene, removal, other, steps, key)
    return None


def _of_trigger(scene: Scene, removal: _Removal, other: Sample) -> Finding | None:
    """Rows beside the removed one, under the same row of a third table, which their author goes on to see."""
    sample, persona = removal.sample, removal.persona
    if not sample.table.acting or _is_below(scene, other, sample):
        return None
    for column, value in _shared(removal, other):
        for user in (user for user in scene.users if user != persona):
            planted = planted_row(other, user, **{column[1]: value})
            beside = planted_row(sample, user, **{column[0]: value})
            if planted is None:
                continue
            seen = Step(who=user, statement=planted.look, shows=ROWS)
            for rows in ((planted,), *(((beside, planted),) if beside else ())):
                if steps := _shown(scene, removal, rows, seen):
                    return _tell(scene, removal, other, steps, None)
    return None


def _shared(removal: _Removal, other: Sample) -> Iterator[tuple[tuple[str, str], str | None]]:
    """Columns of both tables that refer to the same third one."""
    for key in removal.sample.table.foreign_keys:
        for another in other.table.foreign_keys:
            if key.target == another.target and len(key.columns) == len(another.columns) == 1:
                pair = (key.columns[0], another.columns[0])
                if not {pair[0]} & owner_columns(removal.sample) and not {pair[1]} & owner_columns(other):
                    yield pair, removal.row.values[pair[0]]


def _shown(scene: Scene, removal: _Removal, rows: tuple[PlantedRow, ...], besides: Step) -> Steps | None:
    """The witness, where it shows that the last row goes, and the persona could not remove it."""
    planted = rows[-1]
    with scene.session.undone():
        if not all(run(scene.session, None, row.insert) for row in rows):
            return None
        [answer] = scene.ask(removal.persona, [[planted.removal]])
        if not answer.sqlstate and answer.counts[0] > 0:
            return None
    steps = (
        *(Step(statement=row.insert) for row in rows),
        besides,
        Step(statement=planted.look, shows=ROWS),
        Step(who=removal.persona, statement=removal.statement, shows=ROWS),
        Step(statement=planted.look, shows=NO_ROWS_SHOWN),
    )
    return steps if plays(scene.session, steps) else None


def _says_something(sample: Sample) -> bool:
    """Whether an INSERT has to say more than what its row belongs to: a mark such as a bookmark does not."""
    fixed = naming_columns(sample)
    return any(
        c.not_null and not c.has_default and not c.generated and c.name not in fixed
        for c in sample.table.columns.values()
    )


def _is_below(scene: Scene, other: Sample, sample: Sample) -> bool:
    """Whether foreign keys that cascade lead from one table to the other."""
    reached, names = {other.table.name}, [other.table.name]
    while names:
        table = scene.surface.by_name.get(names.pop())
        for key in table.foreign_keys if table else ():
            if _cascades(key) and key.target and key.target not in reached:
                reached.add(key.target)
                names.append(key.target)
    return sample.table.name in reached


def _tell(scene: Scene, removal: _Removal, other: Sample, steps: Steps, by: Constraint | None) -> Finding:
    table, name = other.table, removal.persona.name
    how = (
        f"{quoted(by.name)} takes them along, and {name} may neither read nor remove them"
        if by
        else f"a trigger removes them, and {name} may not"
    )
    return Finding(
        rule=RULE,
        object=other.object,
        actions=("delete",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM if by else Severity.HIGH,
        sentence=f"{anyone(scene.users)} removes rows of others in {table.name} with a row of his own in "
        f"{removal.sample.table.name}: {how}.",
        steps=steps,
        cause=f"cascades {other.object}",
        about=(*((by.key,) if by else ()), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=((_refusing(by),),) if by else (),
    )


def _refusing(by: Constraint) -> str:
    """The foreign key refuses what it took along."""
    again = by.definition.replace(_CASCADES, "ON DELETE RESTRICT")
    return f"alter table {by.table} drop constraint {by.quoted}, add constraint {by.quoted} {again}"
