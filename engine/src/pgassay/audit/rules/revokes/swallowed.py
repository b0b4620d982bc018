"""Grants of some columns that narrow nothing, because the role holds the same on the whole table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.revokes.said import Said
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, join
from pgassay.audit.writes import Write, make_room, naming_columns, own_inserts, own_updates, with_value
from pgassay.catalog.model import Grant, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.read import Access
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition
from pgassay.observation import Persona

_VERBS = ("update", "insert", "select")  # the worst first


@dataclass(frozen=True, kw_only=True)
class _Open:
    """A verb on columns that no grant of columns names, and what shows that it matters."""

    persona: Persona
    verb: str
    columns: tuple[str, ...]
    steps: Steps


def find_swallowed(scene: Scene, said: list[Said]) -> Iterator[Finding]:
    """One finding for each table."""
    access = Access(scene.catalog)
    named: dict[tuple[int, str, str], set[str]] = {}
    for grant in scene.catalog.of(Grant):
        if grant.column:
            named.setdefault((grant.oid, grant.role, grant.privilege), set()).add(grant.column)
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rpvmf" or sample.object != table.name or not scene.is_the_projects(table):
            continue
        found = [
            one
            for persona in scene.people
            for verb in _VERBS
            if (columns := named.get((table.oid, persona.role, verb)))
            and access.holds(persona.role, verb, table.oid)
            and not _is_widened(said, table, persona.role, verb)
            for one in _opened(scene, sample, persona, verb, columns)
        ]
        if found:
            yield _tell(table, found, named)


def _is_widened(said: list[Said], table: Table, role: str, verb: str) -> bool:
    """Whether the files give the role the whole by name, after some columns."""
    about = [
        one
        for one in said
        if one.grants and one.object == table.name and role in one.roles and one.privileges <= {verb}
    ]
    return bool(about) and not about[-1].columns


def _opened(scene: Scene, sample: Sample, persona: Persona, verb: str, columns: set[str]) -> Iterator[_Open]:
    left = [name for name in sample.table.columns if name not in columns]
    tried = (
        _read(scene, sample, persona, left)
        if verb == "select"
        else _written(scene, sample, persona, verb, left)
    )
    done: dict[str, Steps] = {}
    for name, steps in tried:
        if name not in done and plays(scene.session, steps):
            done[name] = steps
    if done:
        yield _Open(persona=persona, verb=verb, columns=tuple(done), steps=next(iter(done.values())))


def _read(scene: Scene, sample: Sample, persona: Persona, left: list[str]) -> Iterator[tuple[str, Steps]]:
    """In a row that is not the persona's own: of one's own rows nothing is a secret."""
    seen = measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, ())
    for row in [row for row in sample.rows if row.key in seen and persona.id not in row.owners][:1]:
        for name in left:
            look = f"select {quoted(name)} from {sample.table.name} where {condition(sample.key, row.key)}"
            yield name, (Step(who=persona, statement=look, shows=ROWS),)


def _written(
    scene: Scene, sample: Sample, persona: Persona, verb: str, left: list[str]
) -> Iterator[tuple[str, Steps]]:
    """Where no trigger takes the value back."""
    if verb == "update":
        for write in own_updates(scene, sample, persona):
            if write.column in left:
                yield write.column, _steps(write, persona, condition(sample.key, write.row.key))
        return
    for write in own_inserts(sample, persona):
        for name in set(left) & write.values.keys() - naming_columns(sample):
            value = write.row.changed[name]  # another than triggers and defaults may give
            if value is not None:
                steps = _steps(with_value(write, name, value), persona, "true")
                yield name, steps
                yield name, (Step(statement=make_room(sample, persona)), *steps)


def _steps(write: Write, persona: Persona, where: str) -> Steps:
    look = f"select 1 from {write.sample.table.name} as t where {where} and {write.written}"
    return Step(who=persona, statement=write.statement, shows=ROWS), Step(statement=look, shows=ROWS)


def _tell(table: Table, found: list[_Open], named: dict[tuple[int, str, str], set[str]]) -> Finding:
    verbs = [verb for verb in _VERBS if any(one.verb == verb for one in found)]
    who = list(dict.fromkeys(one.persona for one in found))
    columns = {
        verb: tuple(dict.fromkeys(name for one in found if one.verb == verb for name in one.columns))
        for verb in verbs
    }
    told = [f"{verb.upper()} {join(map(quoted, columns[verb]))}" for verb in verbs]
    return Finding(
        rule="revokes",
        object=table.name,
        columns=tuple(dict.fromkeys(name for some in columns.values() for name in some)),
        actions=tuple(verbs),
        who=tuple(persona.name for persona in who),
        severity=Severity.HIGH if "select" in verbs else Severity.MEDIUM,
        sentence=f"{anyone(who)} may {join(told)} of {table.name}, though grants name other columns: one on "
        "the whole table covers them.",
        steps=found[0].steps,
        others=tuple(one.steps for one in found[1:]),
        cause=f"swallowed {table.name}",
        about=(ObjectKey(kind="relation", object=table.name, name=""),),
        candidates=(tuple(_repair(table, found, named)),),
    )


def _repair(table: Table, found: list[_Open], named: dict[tuple[int, str, str], set[str]]) -> Iterator[str]:
    """The columns alone; to take the whole takes them, too."""
    for role, verb in dict.fromkeys((one.persona.role, one.verb) for one in found):
        listed = ", ".join(map(quoted, sorted(named[table.oid, role, verb])))
        yield f"revoke {verb} on {table.name} from {role}"
        yield f"grant {verb} ({listed}) on {table.name} to {role}"
