"""Rows that a user inserts without saying whose they are, and that are for everybody to read then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, join, tells_of_a_person
from pgassay.audit.writes import Write, claims_of_nobodys, insert_of, owner_columns
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class _Left:
    """What an author leaves that is nobody's, and who reads it; each with the witness."""

    author: Persona
    readers: dict[Persona, Steps]


def find_ownerless(scene: Scene) -> Iterator[Finding]:
    """One finding for each table whose rows only their owners read, if they have one."""
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or not table.secured or sample.object != table.name or not _whose(sample):
            continue
        left = [one for author in scene.users if (one := _leaves(scene, sample, author))]
        if left:
            yield _tell(scene, sample, left)


def _whose(sample: Sample) -> frozenset[str]:
    """The columns that say whose a row is, where all of them may be left out, and nothing fills them."""
    names = sample.ownership.columns if sample.ownership else frozenset()
    columns = [sample.table.columns[name] for name in names]
    return frozenset() if any(c.not_null or c.has_default or c.generated for c in columns) else names


def _leaves(scene: Scene, sample: Sample, author: Persona) -> _Left | None:
    """The first row that goes in with its owner, and is hidden then, and without, and is not."""
    names = _whose(sample)
    others = [persona for persona in scene.people if persona != author]
    for row in [row for row in sample.rows if author.id in row.owners][:_ROWS]:
        own = insert_of(sample, author, row)
        if own is None or not names <= own.values.keys() or _is_for_taking(scene, sample, author):
            continue
        nobodys = _without(own, names)
        readers = {
            other: steps
            for other in others
            if plays(scene.session, _steps(own, author, other, shows=NO_ROWS_SHOWN))
            if plays(scene.session, steps := _steps(nobodys, author, other, shows=ROWS))
        }
        if {one for one in others if one.id is not None} <= readers.keys():
            return _Left(author=author, readers=readers)
    return None


def _is_for_taking(scene: Scene, sample: Sample, persona: Persona) -> bool:
    """Whether a user may make a row his own that is nobody's: it is there for whoever takes it."""
    return any(
        plays(scene.session, (Step(who=persona, statement=write.statement, shows=ROWS),))
        for write in claims_of_nobodys(sample, persona)
    )


def _without(write: Write, names: frozenset[str]) -> Write:
    values = {name: value for name, value in write.values.items() if name not in names}
    table = write.sample.table
    overriding = any(table.columns[name].identity == "a" for name in values)
    text = statements.insert(table, values, overriding=overriding)
    written = {**values, **dict.fromkeys(names)}
    return replace(write, statement=text, values=written)


def _steps(write: Write, author: Persona, reader: Persona, *, shows: str) -> Steps:
    look = f"select 1 from {write.sample.table.name} as t where {write.written}"
    return (
        Step(who=reader, statement=look, shows=NO_ROWS_SHOWN),
        Step(who=author, statement=write.statement, shows=ROWS),
        Step(statement=look, shows=ROWS),
        Step(who=reader, statement=look, shows=shows),
    )


def _tell(scene: Scene, sample: Sample, left: list[_Left]) -> Finding:
    table, author = sample.table, left[0].author
    readers = [one for one in scene.people if any(one in each.readers for each in left)]
    witnesses = [steps for each in left for steps in each.readers.values()]
    policies = [p for p in table.privileges[author.role].policies if p.command in ("select", "insert", "all")]
    direct = sorted(n for n in owner_columns(sample) if table.columns[n].base == "uuid")
    return Finding(
        rule="strangers",
        object=sample.object,
        actions=("select",),
        who=tuple(persona.name for persona in readers),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(readers)} reads what a user inserts into {sample.object} without "
        f"{join(map(quoted, sorted(_whose(sample))))}: the row goes in, is nobody's, and is shown to all, "
        "while one with an owner is not.",
        steps=witnesses[0],
        others=tuple(witnesses[1:]),
        cause=f"strangers {sample.object}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        weight=sum(map(tells_of_a_person, table.columns.values())),
        candidates=tuple(
            (f"alter table {table.name} alter column {quoted(name)} set default auth.uid()",)
            for name in direct
        ),
        exact=bool(direct),  # what is the house's, and nobody's, may stay for all to read
    )
