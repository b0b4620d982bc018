"""Members who are out: the membership says so by a mark that is called so, and nothing asks for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.confirmation import plays
from pgassay.audit.listed import listed_values
from pgassay.audit.memberships import tables_above
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.groups.suspended import given_memberships
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.words import is_end, is_stop, says_departure
from pgassay.audit.writes import insert_of, naming_columns, owner_columns
from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, TEXTS, literal
from pgassay.observation import Persona

_LONG_AGO = "2001-02-03"
_REFUSED = "42501"
_ROWS = 3  # of each table


@dataclass(frozen=True, kw_only=True)
class Departed:
    """Which column of `members` says that a member is out, and what it does in `sample` all the same."""

    members: Sample
    column: str
    sample: Sample
    verbs: tuple[str, ...]
    steps: Steps


def find_departed(scene: Scene, persona: Persona) -> Iterator[Departed]:
    """What each table of memberships opens; the groups themselves where nothing else."""
    for members in filter(_is_membership, scene.samples):
        names = frozenset(_opened(scene, members))
        marks = _marks(scene, members) if names else ()
        found = [one for mark in marks for one in _tried(scene, members, mark, names, persona)]
        groups = {key.target for key in members.table.foreign_keys}
        yield from [one for one in found if one.sample.table.name not in groups] or found


def _is_membership(members: Sample) -> bool:
    """Whether its rows say of one user something else that they refer to, or have once for each user."""
    table, owners = members.table, owner_columns(members)
    if table.kind not in "rp" or members.object != table.name or len(owners) != 1:
        return False
    things = {name for key in table.foreign_keys for name in key.columns} - owners
    return bool(things) or any(owners < set(index.columns) for index in table.unique)


def _opened(scene: Scene, members: Sample) -> Iterator[str]:
    """Tables whose policies come to ask for it, and that do not just hang on its rows."""
    for name in scene.dependents(members.table.name) - {members.table.name}:
        sample = scene.sample_of.get(name)
        if sample and sample.table.secured and members.table.name not in tables_above(scene, name):
            yield name


def _marks(scene: Scene, members: Sample) -> Iterator[tuple[Column, str]]:
    """Columns and values by whose names somebody is out, and with which no membership begins."""
    fixed, owners = naming_columns(members), owner_columns(members)
    is_once = any(owners < set(index.columns) for index in members.table.unique)
    for column in members.table.columns.values():
        if column.name in fixed or column.generated:
            continue
        says_so = says_departure(column.name, ever=is_once) and not (is_end(column) or is_stop(column))
        if column.base in MOMENTS and says_so and not column.not_null and not column.default:
            yield column, _LONG_AGO
        elif column.base == "bool" and says_so and column.default == "false":
            yield column, "true"
        elif column.labels or column.base in TEXTS:
            for value in listed_values(scene, members.table, column):
                if says_departure(value, ever=is_once) and literal(value) not in (column.default or ""):
                    yield column, value


def _tried(
    scene: Scene, members: Sample, mark: tuple[Column, str], names: Collection[str], persona: Persona
) -> Iterator[Departed]:
    column, value = mark
    table, mine = members.table, own_condition(members, persona)
    leave = Step(statement=f"delete from {table.name} as t where {mine}", shows=ROWS)
    text = f"update {table.name} as t set {column.quoted} = {literal(value)} where {mine}"
    for given in islice(given_memberships(members, persona), 1):
        out, gone = (*given, Step(statement=text, shows=ROWS)), (*given, leave)
        before, left = _seen(scene, persona, given, names), _seen(scene, persona, gone, names)
        for name, keys in before.items():
            sample = scene.sample_of[name]
            lost = keys - left.get(name, keys)  # by these it is a member
            rows = sorted((r for r in sample.rows if r.key in keys), key=lambda row: row.key not in lost)
            done: dict[str, Step] = {}
            for verb, act in _acts(sample, persona, rows[:_ROWS]):
                refused = replace(act, shows=_REFUSED if verb == "insert" else NO_ROWS_SHOWN)
                if (
                    verb not in done
                    and plays(scene.session, (*out, act))
                    and plays(scene.session, (*gone, refused))
                ):
                    done[verb] = act
            if done:
                steps = (*out, next(iter(done.values())))
                yield Departed(
                    members=members, column=column.name, sample=sample, verbs=tuple(done), steps=steps
                )


def _seen(
    scene: Scene, persona: Persona, steps: Steps, names: Collection[str]
) -> Mapping[str, frozenset[tuple[str | None, ...]]]:
    with scene.session.undone():
        if not all(run(scene.session, step.who, step.statement) for step in steps):
            return {}
        return measure_seen(scene, persona, names).seen


def _acts(sample: Sample, persona: Persona, rows: Sequence[Row]) -> Iterator[tuple[str, Step]]:
    table = sample.table
    held = table.privileges[persona.role].update - set(sample.key)
    column = next((c for c in table.columns.values() if c.name in held and not c.generated), None)
    for row in rows:
        where = statements.condition(sample.key, row.key)
        texts = {"select": f"select 1 from {table.name} where {where}"}
        if column:
            same = literal(row.values[column.name])
            texts["update"] = statements.update(table, column.name, same, where=where)
        texts["delete"] = statements.delete(table, where=where)
        if "insert" in table.writable and (write := insert_of(sample, persona, row)):
            texts["insert"] = write.statement
        for verb, text in texts.items():
            yield verb, Step(who=persona, statement=text, shows=ROWS)
