"""What to try around a change that opened nothing in the world at hand. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import Literals, find_literals, find_marked
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Privileges, Table
from pgassay.diff.variations import Variation, boasting, invent_row, vary_claims, vary_rows
from pgassay.diff.volatile import Opening
from pgassay.matrix import statements
from pgassay.matrix.blanket import blanket_writes
from pgassay.matrix.model import Action, CellKey, RowClass, Witness
from pgassay.matrix.questions import ask_inserts
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona

_SEARCHED = ("policy", "relation", "function", "trigger", "rule", "constraint", "type")
_ACTIONS = frozenset({Action.SELECT, Action.INSERT, Action.UPDATE, Action.DELETE})


# What a row needs that the owner has to make takes ten times as long: both get their turn.
_NOBODY = "00000000-0000-4000-8000-000000000000"
_MADE_AT_ONCE = 64
_GIVEN_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class SearchProbe:
    """One statement of a persona's. `looks`: queries of the owner's for rows as the statement wants them.

    A trigger may let a write pass and put back what it set: then it finds fewer. `values`: queries of his for
    what else the write left behind, and the persona may not write; then, if any, for all that it left.
    `bare`: nothing but the privilege to read keeps rows from the persona, of which the world has none.
    `invented`: the row, so that a constraint that refuses it tells nothing. `widens`: whatever else HEAD
    answers is more than BASE lets out. `reveals`: its answer is looked through for what stands in rows of
    others. `is_own`: what HEAD finds is the caller's own, and tells of nobody. `follows`: it reads what the
    owner's write may have fed: only such values count.
    """

    key: CellKey
    witness: Witness
    looks: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    bare: bool = False
    invented: bool = False
    widens: bool = False
    reveals: bool = False
    is_own: bool = False
    follows: bool = False
    given: str = ""  # what of the claims is other than the persona's own


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What the owner does first, also in words, and what is then tried because of these changes.

    `former`: what he does in BASE, where that is something else. `openings`: what of the condition only the
    clock or chance lets through; then nothing is tried.
    """

    changes: tuple[SchemaChange, ...]
    attempts: tuple[SearchProbe, ...]
    setup: tuple[str, ...] = ()
    given: str = ""
    former: tuple[str, ...] | None = None
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """An object, the changes that may matter to it, what they mention, and the tables that it looks at.

    `marked`: the words that only one side says. `steps`: how far away the nearest of the changes is.
    `actions`: those that can be meant; `policies_only`: who is exempt from policies is not concerned.
    """

    sample: Sample
    changes: tuple[SchemaChange, ...]
    literals: Literals
    marked: frozenset[str]
    steps: int
    varied: tuple[Sample, ...]
    actions: frozenset[Action]
    policies_only: bool


def find_neighbourhoods(
    changes: Sequence[SchemaChange], samples: Sequence[Sample], *, base: Inventory, head: Inventory
) -> list[Neighbourhood]:
    """One for each object that a change may have to do with, by what depends on what; the nearest first."""
    found = _find_neighbourhoods(changes, samples, base=base, head=head)
    return sorted(found, key=lambda one: one.steps)


def _find_neighbourhoods(
    changes: Sequence[SchemaChange], samples: Sequence[Sample], *, base: Inventory, head: Inventory
) -> Iterator[Neighbourhood]:
    # What a generated column is made of is not a default: the conditions that ask for it are solved.
    computed = {(s.table.name, column.name) for s in samples for column in s.columns if column.generated}
    searched = [
        change
        for change in changes
        if (is_searched(change) or is_unique(change, base))
        and (change.key.object, change.key.name) not in computed
    ]
    for sample in samples:
        if not sample.table.reachable:
            continue
        name = sample.table.name
        reach = base.reach(name) | head.reach(name)
        # Whatever grants and columns open is seen in any world, if there are rows.
        possible = searched if sample.rows else changes
        some = tuple(change for change in possible if change.key.object in reach)
        own_policies = all(change.key.kind == "policy" and change.key.object == name for change in some)
        if some:
            yield Neighbourhood(
                sample=sample,
                changes=some,
                literals=find_literals(
                    [*said_by(some, head), *bodies(reach, head)], [*said_by(some, base), *bodies(reach, base)]
                ),
                marked=find_marked(*("\n".join(said_by(some, side)) for side in (head, base))),
                steps=_count_steps(name, frozenset(change.key.object for change in some), base, head),
                varied=tuple(s for s in samples if s.table.name in reach and s.table.truncatable),
                actions=frozenset(_commands(some, base, head)) if own_policies else _ACTIONS,
                policies_only=own_policies,
            )


def _count_steps(name: str, changed: frozenset[str], *inventories: Inventory) -> int:
    """How many uses lie between an object and what is changed, on either side."""
    known = ahead = frozenset({name})
    steps = 0
    while ahead and not known & changed:
        used = (inventory.uses.get(one, frozenset()) for inventory in inventories for one in ahead)
        ahead = frozenset[str]().union(*used) - known
        known |= ahead
        steps += 1
    return steps


def is_searched(change: SchemaChange) -> bool:
    """Whether other rows, claims or arguments can tell more of it than the matrix does."""
    is_default = change.key.kind == "column" and change.property == "default"
    return is_default or (change.key.kind in _SEARCHED and change.kind is not ChangeKind.RENAMED)


def is_unique(change: SchemaChange, *inventories: Inventory) -> bool:
    """Whether it is about an index that refuses what is there already."""
    said = (one.objects.get(change.key, {}).get("definition", "") for one in inventories)
    return change.key.kind == "index" and any(text.startswith("CREATE UNIQUE") for text in said)


def said_by(changes: Iterable[SchemaChange], inventory: Inventory) -> list[str]:
    """What the changed objects say, and the functions that triggers among them call."""
    said = [inventory.objects.get(change.key, {}) for change in changes]
    called = [
        ObjectKey(kind="function", object=some["function"], name="") for some in said if "function" in some
    ]
    said += [inventory.objects.get(key, {}) for key in dict.fromkeys(called)]
    return [text for some in said for text in some.values()]


def bodies(names: frozenset[str], inventory: Inventory) -> list[str]:
    """Those of functions that compare what a changed one returns. Not auth.uid(): it names settings only."""
    keys = [
        ObjectKey(kind="function", object=name, name="")
        for name in sorted(names)
        if not name.startswith("auth.")
    ]
    return [inventory.objects[key].get("body", "") for key in keys if key in inventory.objects]


def _commands(policies: Iterable[SchemaChange], base: Inventory, head: Inventory) -> Iterator[Action]:
    """The commands of policies. What one for SELECT lets nobody read, it lets nobody find for a write."""
    for change in policies:
        for inventory in (base, head):
            command = inventory.objects.get(change.key, {}).get("command", "")
            yield from _ACTIONS if command == "all" else [a for a in _ACTIONS if a.value == command]


def make_experiments(around: Neighbourhood, personas: Sequence[Persona]) -> Iterator[Experiment]:
    """Other claims, then other rows, for everybody whom the changes can concern."""
    ids = [persona.id for persona in personas if persona.id is not None]
    people = [boasting(one, around.literals) for one in personas]
    subjects = make_subjects([around.sample], people)
    concerned = [s for s in subjects if s.privileges.filtered or not around.policies_only]
    yield from _experiment(around, (scan for subject in concerned for scan in probe_scan(subject)))
    yield from _experiment(around, (probe for subject in concerned for probe in probe_blanket(subject)))
    if not around.sample.rows:
        yield from _experiment(around, (probe for subject in concerned for probe in _invented(subject, ids)))
    claimed = _claimed(around, concerned)
    made, given = _made(around, concerned, ids), _given(around, concerned, ids)
    while some := [*islice(claimed, 1), *islice(made, 1), *islice(given, _GIVEN_AT_ONCE)]:
        yield from some


def _experiment(
    around: Neighbourhood, probes: Iterable[SearchProbe], *, setup: tuple[str, ...] = (), given: str = ""
) -> Iterator[Experiment]:
    """One with those of the probes that can be meant, if there are any."""
    meant = tuple(probe for probe in probes if probe.key.action in around.actions)
    if meant:
        yield Experiment(changes=around.changes, attempts=meant, setup=setup, given=given)


def _claimed(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[Experiment]:
    """What the personas do with other claims, many at once."""
    probes = (probe for probe in _with_other_claims(around, subjects) if probe.key.action in around.actions)
    while some := tuple(islice(probes, _MADE_AT_ONCE)):
        yield from _experiment(around, some)


def _with_other_claims(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[SearchProbe]:
    for subject in subjects:
        for persona in vary_claims(subject.persona, around.literals):
            other, given = replace(subject, persona=persona), f"the claims {json.dumps(dict(persona.claims))}"
            for probe in (*probe_reads(other), *probe_writes(other, around.sample.rows)):
                yield replace(probe, given=given)


def _made(around: Neighbourhood, subjects: Sequence[Subject], ids: Sequence[str]) -> Iterator[Experiment]:
    """Variations that the personas themselves write, many at once."""
    held = frozenset(name for one in subjects for name in one.privileges.insert | one.privileges.update)
    sample = around.sample
    writable = replace(sample, columns=tuple(one for one in sample.columns if one.name in held))
    probes = (
        probe
        for variation in vary_rows(writable, around.literals, ids, around.marked)
        for subject in subjects
        for probe in (*_inserts(subject, variation), *_sets(subject, variation))
        if probe.key.action in around.actions
    )
    while some := tuple(islice(probes, _MADE_AT_ONCE)):
        yield from _experiment(around, some)


def _given(around: Neighbourhood, subjects: Sequence[Subject], ids: Sequence[str]) -> Iterator[Experiment]:
    """Variations that the owner has made before: each by itself."""
    for sample in around.varied:
        own = sample.object == around.sample.object
        for variation in vary_rows(sample, around.literals, ids, around.marked):
            rows = (variation.varied,) if own else around.sample.rows[:2]
            probes = (probe for s in subjects for probe in (*probe_reads(s), *probe_writes(s, rows)))
            yield from _experiment(around, probes, setup=variation.setup, given=str(variation))


def _attempt(
    subject: Subject, action: Action, variant: str, text: str, *, looks: Iterable[str] = ()
) -> SearchProbe:
    key = subject.key(action, variant, RowClass.ANY)
    looks = tuple(looks)
    return SearchProbe(
        key=key,
        witness=Witness(persona=subject.persona, statement=text),
        looks=looks,
        values=tuple(find_values(subject)) if looks else (),
    )


def probe_scan(subject: Subject) -> Iterator[SearchProbe]:
    """All rows that there are: a view may show nothing to its owner, and what is drawn anew has no name."""
    columns = [quoted(c.name) for c in subject.sample.columns if c.name in subject.privileges.select]
    if columns:
        text = f"select {', '.join(columns)} from {subject.table.name}"
        guarded = not subject.privileges.reads_all or subject.table.invoker or subject.sample.rows
        yield replace(_attempt(subject, Action.SELECT, "-", text), bare=not guarded)


def probe_reads(subject: Subject) -> Iterator[SearchProbe]:
    sample = subject.sample
    if not sample.rows or subject.blind:
        yield from probe_scan(subject)
        return
    text = statements.select(subject.table, sample.key, [row.key for row in sample.rows])
    yield _attempt(subject, Action.SELECT, "-", text)


def probe_writes(subject: Subject, rows: Sequence[Row]) -> Iterator[SearchProbe]:
    """An UPDATE that changes nothing, which is let through or not as any other, and a DELETE."""
    table, held = subject.table, subject.privileges
    column = next((c.name for c in subject.sample.columns if c.name in held.update & table.updatable), None)
    for row in rows:
        where = subject.where(row)
        if column and "update" in table.writable:
            text = statements.update(table, column, quoted(column), where=where)
            yield _attempt(subject, Action.UPDATE, column, text)
        if held.delete and "delete" in table.writable:
            yield _attempt(subject, Action.DELETE, "-", statements.delete(table, where=where))


def probe_blanket(subject: Subject) -> Iterator[SearchProbe]:
    """Writes of all rows, those that policies for SELECT hide from the persona too."""
    for write in blanket_writes(subject.sample, subject.persona) if subject.privileges.filtered else ():
        yield _attempt(subject, write.action, write.column or "-", write.statement)


def _inserts(subject: Subject, variation: Variation) -> Iterator[SearchProbe]:
    """The varied row as the persona itself would add it."""
    alone = replace(subject, sample=replace(subject.sample, rows=(variation.varied,)))
    yield from probe_insert(alone, looks=_looks(variation))


def probe_insert(subject: Subject, *, looks: Iterable[str] = ()) -> Iterator[SearchProbe]:
    """The one row that it has as the persona itself would add it, in its own name and in others'."""
    looks = tuple(looks)
    if subject.privileges.insert and "insert" in subject.table.writable:
        for question in ask_inserts(subject):
            if question[0].key.variant == "-":
                yield _attempt(subject, Action.INSERT, "-", question[0].witness.statement, looks=looks)


def probe_update(subject: Subject, columns: Iterable[str], text: str) -> SearchProbe:
    """An UPDATE of these columns."""
    return _attempt(subject, Action.UPDATE, ", ".join(columns), text)


def _invented(subject: Subject, ids: Sequence[str]) -> Iterator[SearchProbe]:
    """A row of a table that has none, in one's own name and in another's."""
    if not subject.privileges.insert or "insert" not in subject.table.writable:
        return
    for id_ in dict.fromkeys([subject.persona.id or ids[0], *ids] if ids else [_NOBODY]):
        row = invent_row(subject.sample, id_)
        alone = replace(subject, sample=replace(subject.sample, rows=(row,), ownership=None))
        for question in ask_inserts(alone):
            if question[0].key.variant == "-":
                text = question[0].witness.statement
                yield replace(_attempt(subject, Action.INSERT, "-", text), invented=True)


def _sets(subject: Subject, variation: Variation) -> Iterator[SearchProbe]:
    """The variation as the persona itself would make it."""
    if "update" in subject.table.writable and subject.privileges.update.issuperset(variation.values):
        variant = ", ".join(variation.values)
        yield _attempt(subject, Action.UPDATE, variant, variation.update, looks=_looks(variation))


def find_values(subject: Subject) -> Iterator[str]:
    """What the write itself left of numbers and the like that the persona may not write; then all of it."""
    table = subject.table
    if not table.stored:
        return
    names = find_faithful(table, subject.privileges)
    written = f"from {table.name} where pg_catalog.age(xmin) <= 0"
    yield f"select {', '.join(names)} {written}"
    yield f"select * {written}"


def find_faithful(table: Table, held: Privileges | None) -> list[str]:
    """The columns of which every load has the same, and that nobody may write who holds no more than this."""
    written = held.update | held.insert if held else frozenset()
    named = (*(one.columns for one in table.unique), *(one.columns for one in table.foreign_keys))
    drawn = frozenset(name for names in named for name in names)
    return [
        c.quoted
        for c in table.columns.values()
        if (c.base in (*statements.NUMBERS, "bool") or c.labels) and c.name not in drawn | written
    ]


def _looks(variation: Variation) -> Iterator[str]:
    """For each value, the rows that have it."""
    table = variation.sample.table
    for name, value in variation.values.items():
        if table.stored and table.columns[name].comparable:
            where = f"{quoted(name)} is not distinct from {statements.literal(value)}"
            yield f"select * from {table.name} where {where}"
