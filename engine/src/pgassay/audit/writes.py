"""Writes that a persona may try: rows like those of others, but its own; own rows with other values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from pgassay.audit.scene import Scene, own_condition
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona
from pgassay.solver.writing import quote_element

Values = Mapping[str, str | None]
_MOST_ROWS = 24
_STATES = 6  # values of a column that a policy asks for
DOCUMENTS = ("json", "jsonb")
LISTS = ("_text", "_varchar")
_LONGEST, _TEXTS = 40, 4  # of texts that are tried, and how many in documents


@dataclass(frozen=True, kw_only=True)
class Write:
    """One INSERT or UPDATE; `row` is the one that it is like, or aimed at; `column` the one that is set."""

    sample: Sample
    verb: str
    statement: str
    row: Row
    values: Values
    column: str = ""

    @property
    def written(self) -> str:
        """The condition that holds of the row that an INSERT leaves."""
        columns = self.sample.table.columns
        pairs = (
            f"t.{quoted(name)} is not distinct from {statements.literal(value)}"
            for name, value in self.values.items()
            if columns[name].comparable
        )
        return " and ".join(pairs) or "true"


def naming_columns(sample: Sample) -> set[str]:
    """Those that name a row, its owner or another row: of keys, unique indexes and references."""
    unique = {name for index in sample.table.unique for name in index.columns}
    return unique | owner_columns(sample) | {n for key in sample.table.foreign_keys for n in key.columns}


def owner_columns(sample: Sample) -> frozenset[str]:
    return sample.ownership.direct if sample.ownership else frozenset()


def insert_of(sample: Sample, persona: Persona, row: Row, **given: str | None) -> Write | None:
    """A row like `row` that belongs to `persona`, with the values `given`; None where it may give none."""
    table = sample.table
    held = table.privileges[persona.role].insert
    mine = dict.fromkeys(owner_columns(sample), persona.id)
    values = {}
    for column in table.columns.values():
        if column.name in given:
            values[column.name] = given[column.name]
        elif column.name in mine:
            values[column.name] = mine[column.name]
        elif column.name in held and not column.generated and not _is_left_out(sample, column):
            fresh = column.name in fresh_columns(sample)
            values[column.name] = row.changed[column.name] if fresh else row.values[column.name]
    if not values or not held.issuperset(values):
        return None
    overriding = any(table.columns[name].identity == "a" for name in values)
    text = statements.insert(table, values, overriding=overriding)
    return Write(sample=sample, verb="insert", statement=text, row=row, values=values)


def own_inserts(sample: Sample, persona: Persona) -> Iterator[Write]:
    """Like each row that there is, once."""
    if sample.table.kind not in "rp" or "insert" not in sample.table.writable:
        return
    seen: set[str] = set()
    for row in sample.rows[:_MOST_ROWS]:
        write = insert_of(sample, persona, row)
        if write and write.statement not in seen:
            seen.add(write.statement)
            yield write


def inserts_elsewhere(
    scene: Scene, sample: Sample, persona: Persona, like: Row | None = None
) -> Iterator[Write]:
    """Like a row that there is, under each row of another table under which the persona has none."""
    table = sample.table
    if table.kind not in "rp" or "insert" not in table.writable or not sample.rows:
        return
    mine = [row for row in sample.rows if persona.id in row.owners]
    nobodys = replace(like or sample.rows[0], owners=frozenset())
    for key in table.foreign_keys:
        parent = scene.sample_of.get(key.target or "")
        if len(key.columns) != 1 or key.columns[0] in owner_columns(sample) or parent is None:
            continue
        [column], [target] = key.columns, key.target_columns
        known = {row.values[column] for row in mine}
        for value in dict.fromkeys(row.values[target] for row in parent.rows[:_MOST_ROWS]):
            if value not in known and (write := insert_of(sample, persona, nobodys, **{column: value})):
                yield write


def inserts_in_states(scene: Scene, sample: Sample, persona: Persona) -> Iterator[list[Write]]:
    """Rows elsewhere, by what a policy for INSERT asks for: it may only let in who comes as something."""
    table = sample.table
    policies = [p for p in table.privileges[persona.role].policies if p.command in ("insert", "all")]
    said = find_literals(policy.check or policy.using or "" for policy in policies).words
    for name in sorted(said & table.columns.keys() - naming_columns(sample)) if sample.rows else ():
        [row, column] = sample.rows[0], table.columns[name]
        for value in values_for(scene, sample, column, besides=row.values[name])[:_STATES]:
            like = replace(row, values={**row.values, name: value})
            if group := list(inserts_elsewhere(scene, sample, persona, like)):
                yield group


def inserts_with_another(sample: Sample, persona: Persona, another: Persona) -> list[list[Write]]:
    """Rows that name the persona in one column and somebody else in the others, by this column."""
    owners = sorted(owner_columns(sample))
    if sample.table.kind not in "rp" or len(owners) < 2 or not sample.rows:
        return []
    row = replace(sample.rows[0], owners=frozenset())
    groups = []
    for name in owners:
        given = {column: another.id for column in owners if column != name}
        write = insert_of(sample, persona, row, **given)
        groups.append([write] if write else [])
    return groups


def inserts_agreed(scene: Scene, sample: Sample, persona: Persona) -> Iterator[list[Write]]:
    """Rows that name the persona in one column and anybody else in the other, by what else they say.

    Truth values and labels that something asks for: whether somebody agreed, as what he comes.
    """
    table, owners = sample.table, sorted(owner_columns(sample))
    if table.kind not in "rp" or len(owners) != 2 or not sample.rows:
        return
    held = table.privileges[persona.role].insert
    row = replace(sample.rows[0], owners=frozenset())
    above = {
        key.target: key.target_columns[0] for key in table.foreign_keys if set(key.columns) <= set(owners)
    }
    people = [one.values.get(above[s.object]) for s in scene.samples if s.object in above for one in s.rows]
    ids = [
        i for i in dict.fromkeys([*people, *(user.id for user in scene.users)]) if i not in (None, persona.id)
    ]
    for column in [c for c in table.columns.values() if c.name in held & scene.said]:
        if column.name in owners or not (column.base == "bool" or column.labels):
            continue
        for value in values_for(scene, sample, column, besides=None)[:_TEXTS]:
            for theirs in owners:
                some = (
                    insert_of(sample, persona, row, **{theirs: one, column.name: value})
                    for one in ids[:_TEXTS]
                )
                if group := [write for write in some if write]:
                    yield group


def given_row(sample: Sample, persona: Persona) -> str | None:
    """The owner's statement after which the persona has a row like another's; None where there is none."""
    table = sample.table
    mine = dict.fromkeys(owner_columns(sample), persona.id)
    if table.kind not in "rp" or not sample.rows or not mine:
        return None
    row = sample.rows[0]
    fresh = fresh_columns(sample)
    values = {
        c.name: mine.get(c.name, row.changed[c.name] if c.name in fresh else row.values[c.name])
        for c in table.columns.values()
        if not c.generated and c.identity != "a"
    }
    return statements.insert(table, values, overriding=False)


def own_updates(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Write]:
    """Each column of an own row, with each value that other rows have, and those that the schema names."""
    table = sample.table
    held = table.privileges[persona.role].update
    mine = [row for row in sample.rows if persona.id in row.owners][:2]
    for row in mine:
        for column in table.columns.values():
            if column.name not in held or column.generated or column.name in owner_columns(sample):
                continue
            for value in values_for(scene, sample, column, besides=row.values[column.name]):
                where = statements.condition(sample.key, row.key)
                text = statements.update(table, column.name, statements.literal(value), where=where)
                yield Write(
                    sample=sample,
                    verb="update",
                    statement=text,
                    row=row,
                    values={column.name: value},
                    column=column.name,
                )


def claims_of_nobodys(sample: Sample, persona: Persona) -> Iterator[Write]:
    """Rows that are nobody's, taken."""
    held = sample.table.privileges[persona.role].update
    for name in sorted(owner_columns(sample) & held):
        for row in [row for row in sample.rows if not row.owners][:2]:
            where = statements.condition(sample.key, row.key)
            text = statements.update(sample.table, name, statements.literal(persona.id), where=where)
            yield Write(
                sample=sample, verb="update", statement=text, row=row, values={name: persona.id}, column=name
            )


def values_for(scene: Scene, sample: Sample, column: Column, *, besides: str | None) -> list[str]:
    """Values that may matter: labels, those of other rows, what the schema compares with, a changed one."""
    found: dict[str | None, None] = {}
    if column.labels:
        found |= dict.fromkeys(column.labels)
    elif column.base == "bool":
        found |= {"true": None, "false": None}
    elif column.base in DOCUMENTS:
        found |= dict.fromkeys(documents(scene))
    elif column.base in LISTS:
        found |= dict.fromkeys(_lists(scene, sample, column))
    else:
        found |= dict.fromkeys(row.values[column.name] for row in sample.rows[:_MOST_ROWS])
        if column.base in statements.TEXTS and not _refers(sample, column):
            found |= dict.fromkeys(text for text in scene.literals.strings if 0 < len(text) <= _LONGEST)
        found |= dict.fromkeys(row.changed[column.name] for row in sample.rows[:1])
    plain = {"t": "true", "f": "false"}.get(besides or "", besides) if column.base == "bool" else besides
    return [value for value in found if value is not None and value not in (besides, plain)][:_MOST_ROWS]


def _lists(scene: Scene, sample: Sample, column: Column) -> Iterator[str | None]:
    """Arrays that other rows have; all texts that the schema compares with, one more than a row has, one."""
    there = list(dict.fromkeys(row.values[column.name] for row in sample.rows[:_MOST_ROWS]))
    texts = [quote_element(text) for text in scene.literals.strings if 0 < len(text) <= _LONGEST]
    yield f"{{{','.join(texts)}}}"
    yield from there
    for text in texts:
        yield from (f"{array[:-1]},{text}}}" for array in there[:2] if array and array != "{}")
        yield f"{{{text}}}"


def documents(scene: Scene) -> Iterator[str]:
    """Such as have what a condition asks for: true, or a text that the schema compares with."""
    texts = [text for text in scene.literals.strings if 0 < len(text) <= _LONGEST]
    for path in scene.literals.paths:
        for value in (True, *texts[:_TEXTS]):
            document: object = value
            for name in reversed(path):
                document = {name: document}
            yield json.dumps(document)


def _refers(sample: Sample, column: Column) -> bool:
    return any(column.name in key.columns for key in sample.table.foreign_keys)


def _is_left_out(sample: Sample, column: Column) -> bool:
    """Keys that have a default."""
    keys = {name for index in sample.table.unique for name in index.columns}
    return column.identity != "" or (column.name in keys and column.has_default)


def fresh_columns(sample: Sample) -> frozenset[str]:
    """Of each unique index one column that is neither the owner's nor a foreign key."""
    table = sample.table
    fixed = owner_columns(sample) | {name for key in table.foreign_keys for name in key.columns}
    free = [[n for n in index.columns if n not in fixed] for index in table.unique]
    return frozenset(names[-1] for names in free if names)


def make_room(sample: Sample, persona: Persona) -> str:
    """The owner's statement after which the persona has no row of its own."""
    return f"delete from {sample.table.name} as t where {own_condition(sample, persona)}"


def with_value(write: Write, name: str, value: str) -> Write:
    values = {**write.values, name: value}
    table = write.sample.table
    overriding = any(table.columns[one].identity == "a" for one in values)
    text = statements.insert(table, values, overriding=overriding)
    return replace(write, statement=text, values=values, column=name)


def left_to_update(table: Table, role: str, left: Collection[str]) -> tuple[str, ...]:
    """Statements after which a role may update these columns of a table and no other."""
    columns = ", ".join(column.quoted for column in table.columns.values() if column.name in left)
    give = (f"grant update ({columns}) on {table.name} to {role}",) if columns else ()
    return f"revoke update on {table.name} from {role}", *give
