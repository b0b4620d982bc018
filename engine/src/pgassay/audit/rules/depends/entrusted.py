"""What somebody else says of a user in a row that the user may not make, and changes all the same.

That it is no preference is not to be seen but by its name: names rank.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pgassay.audit.confirmation import plays
from pgassay.audit.given import Given, find_given
from pgassay.audit.listed import has_constant, is_empty, listed_values
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.ranks import needs_rank_for
from pgassay.audit.scene import Scene
from pgassay.audit.words import is_standing, join
from pgassay.audit.writes import left_to_update, naming_columns, owner_columns
from pgassay.catalog.model import Column, ObjectKey
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, MOMENTS, NUMBERS, TEXTS

_FAR = ("100000", "30000", "99", "5", "1")  # one of them fits
_LATER = "2999-01-01"


def find_entrusted(scene: Scene, told: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """One finding for each table, without the columns that are `told` of already."""
    for sample in scene.samples:
        for given in (one for persona in scene.users for one in find_given(scene, sample, persona)):
            columns = [c for c in sample.table.columns.values() if (sample.object, c.name) not in told]
            shown = {column: steps for column in columns if (steps := _try(scene, given, column))}
            if shown:
                yield _tell(scene, given, shown)
                break


def _try(scene: Scene, given: Given, column: Column) -> Steps | None:
    """Steps after which the row says something else; None where a condition or trigger keeps some of it."""
    sample, persona = given.sample, given.persona
    values = [v for v in _values(scene, sample, column) if v != given.row.values[column.name]]
    if column.name not in sample.table.privileges[persona.role].update or not values:
        return None
    texts = [[given.update(column.name, v), AS_OWNER, given.look(column.name, v)] for v in values]
    answers = scene.ask(persona, texts)
    fit = [(v, a) for v, a in zip(values, answers, strict=True) if a.sqlstate[:2] not in OF_VALUES]
    if not fit or any(a.sqlstate or not a.counts[0] or not a.rows[-1] for _, a in fit):
        return None
    value = fit[0][0]
    steps = (
        Step(who=persona, statement=given.update(column.name, value), shows=ROWS),
        Step(statement=given.look(column.name, value), shows=ROWS),
    )
    ranked = needs_rank_for(scene, sample, persona, given.named, steps)
    return steps if not ranked and plays(scene.session, (*steps, *given.refused)) else None


def _values(scene: Scene, sample: Sample, column: Column) -> list[str]:
    """Of what another table lists, or the column itself."""
    if column.generated or column.identity:
        return []
    if target := _target(scene, sample, column):
        other, name = target
        return [value for row in other.rows if (value := row.values[name])][:6]
    return [] if column.name in naming_columns(sample) else _plain_values(scene, sample, column)


def _plain_values(scene: Scene, sample: Sample, column: Column) -> list[str]:
    """What is listed, counted, or after some day; a truth value is mostly a wish."""
    if column.base in MOMENTS:
        return [] if column.default and not has_constant(column) else [_LATER]
    if column.base in NUMBERS:
        return list(_FAR)
    if column.base == "bool":
        return ["true", "false"] if is_standing(column, sample.table.relation) else []
    if listed := listed_values(scene, sample.table, column):
        return listed
    is_begun = column.base in TEXTS and has_constant(column) and not is_empty(column)
    return [v for row in sample.rows[:1] if is_begun and (v := row.changed[column.name])]


def _target(scene: Scene, sample: Sample, column: Column) -> tuple[Sample, str] | None:
    """The list that a column alone refers to, where its rows belong to no user: plans, ranks."""
    unique = {name for index in sample.table.unique for name in index.columns}
    if column.name in unique | owner_columns(sample):
        return None
    for key in sample.table.foreign_keys:
        other = scene.sample_of.get(key.target or "")
        if key.columns == (column.name,) and other and other.ownership is None:
            return other, key.target_columns[0]
    return None


def _tell(scene: Scene, given: Given, shown: dict[Column, Steps]) -> Finding:
    table, name = given.sample.table, given.persona.name
    telling = {c: steps for c, steps in shown.items() if is_standing(c, table.relation)}
    first, *others = (telling or shown).values()
    columns = tuple(column.name for column in telling or shown)
    held = table.privileges[given.persona.role]
    policies = [p for p in held.policies if p.command in ("update", "all")]
    return Finding(
        rule="depends",
        object=given.sample.object,
        columns=columns,
        actions=("update",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM if telling else Severity.INFO,
        sentence=f"{name} changes {join(columns)} of {name}'s own row in {table.name} to anything: somebody "
        f"else makes such rows, since {name} may not, and says at first what stands there.",
        steps=(*first, *given.refused),
        others=tuple((*steps, *given.refused) for steps in others),
        cause=f"own update {given.sample.object} {columns[0]}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(left_to_update(table, given.persona.role, held.update - {*columns}),),
    )
