"""Statements with which somebody tries what a change may have opened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Privileges, Table
from pgassay.diff.variations import Variation, invent_row
from pgassay.matrix import statements
from pgassay.matrix.blanket import blanket_writes
from pgassay.matrix.model import Action, CellKey, RowClass, Witness
from pgassay.matrix.questions import ask_inserts
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.subject import Subject
from pgassay.observation import Persona

_NOBODY = "00000000-0000-4000-8000-000000000000"
_AGE = "pg_catalog.age(xmin) < "
WRITTEN = f"{_AGE}1"
"""Of a row: this transaction has written it."""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A value in a row of others; `reading` finds it for who may read it anyway."""

    value: str
    reading: str


@dataclass(frozen=True, kw_only=True)
class SearchProbe:
    """One statement of a persona's. `looks`: queries of the owner's for rows as the statement wants them.

    A trigger may let a write pass and put back what it set: then it finds fewer. `values`: queries of his for
    what else the write left behind, and the persona may not write; then, if any, for all that it left.
    `bare`: nothing but the privilege to read keeps rows from the persona, of which the world has none.
    `invented`: the row, so that a constraint that refuses it tells nothing. `widens`: whatever else HEAD
    answers is more than BASE lets out. `reveals`: its answer is looked through for what stands in rows of
    others. `is_own`: what HEAD finds is the caller's own, and tells of nobody. `follows`: it reads what the
    owner's write may have fed: only such values count. `is_silent`: what it returns tells nothing.
    `is_blanket`: one row of those that it finds is enough for a policy to refuse it as a whole.
    `breaks_out`: it passes a text that is no value where it is put together with others and run.
    `repeats`: the call that is made twice here.
    `is_public`: the platform reads it for anybody, and asks no policy.
    `guesses`: what it passes that stands in a row of another; who is refused for it learns of that row.
    `found_more`: what it means that only the looks find more, in words.
    `weighs`: the last of `values` says for all tables that may be written to whether anything is otherwise.
    """

    key: CellKey
    witness: Witness
    looks: tuple[str, ...] = ()
    found_more: str = ""
    values: tuple[str, ...] = ()
    bare: bool = False
    invented: bool = False
    widens: bool = False
    reveals: bool = False
    is_own: bool = False
    follows: bool = False
    is_silent: bool = False
    is_blanket: bool = False
    breaks_out: bool = False
    is_public: bool = False
    guesses: tuple[str, ...] = ()
    repeats: str = ""
    weighs: bool = False
    canaries: tuple[Canary, ...] = ()
    given: str = ""  # what of the claims is other than the persona's own


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
        yield replace(_attempt(subject, write.action, write.column or "-", write.statement), is_blanket=True)


def probe_varied_insert(subject: Subject, variation: Variation) -> Iterator[SearchProbe]:
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


def probe_delete(subject: Subject, text: str) -> SearchProbe:
    """A DELETE."""
    return _attempt(subject, Action.DELETE, "-", text)


def probe_invented(subject: Subject, ids: Sequence[str]) -> Iterator[SearchProbe]:
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


def probe_varied_update(subject: Subject, variation: Variation) -> Iterator[SearchProbe]:
    """The variation as the persona itself would make it."""
    if "update" in subject.table.writable and subject.privileges.update.issuperset(variation.values):
        variant = ", ".join(variation.values)
        yield _attempt(subject, Action.UPDATE, variant, variation.update, looks=_looks(variation))


def find_values(subject: Subject) -> Iterator[str]:
    """What the write itself left of numbers and the like that the persona may not write; then all of it."""
    table = subject.table
    if not table.stored:
        return
    names = find_faithful(table, granted(subject.privileges))
    written = f"from {table.name} where {WRITTEN}"
    yield f"select {', '.join(names)} {written}"
    yield f"select * {written}"


def written_after(query: str, age: int) -> str:
    """A query for what was WRITTEN, without what is of that age or older."""
    return query.replace(WRITTEN, f"{_AGE}{age}")


def look_at_others(samples: Iterable[Sample], persona: Persona) -> tuple[str, ...]:
    """Queries of the owner's for rows of others that were written, of tables whose rows are somebody's."""
    owned = [one for one in samples if one.ownership and one.ownership.direct] if persona.id else []
    return tuple(
        f"select from {one.table.name} where {WRITTEN} and {_is_of_others(one, persona.id or '')}"
        for one in owned
    )


def _is_of_others(sample: Sample, id_: str) -> str:
    owners = sample.ownership.direct if sample.ownership else ()
    columns = (sample.table.columns[name].quoted for name in sorted(owners))
    return " and ".join(f"{name}::text is distinct from {statements.literal(id_)}" for name in columns)


def granted(held: Privileges | None) -> frozenset[str]:
    """The columns that a role may write as far as rights go."""
    return held.update | held.insert if held else frozenset()


def find_faithful(table: Table, written: frozenset[str]) -> list[str]:
    """The columns of which every load has the same, but for those that may be `written`."""
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
