"""Trails: what the server writes down about its users, and what these rewrite or remove all the same."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.audit.words import does, is_trail
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona


def find_trails(scene: Scene) -> Iterator[Finding]:
    """One finding for each table that is called so, and into which its users may enter nothing."""
    for sample in scene.samples:
        table = sample.table
        if table.kind in "rp" and table.secured and is_trail(table.relation) and _written(scene, sample):
            found = (f for persona in scene.users if (f := _try(scene, sample, persona)))
            if finding := next(found, None):
                yield finding


def _written(scene: Scene, sample: Sample) -> frozenset[str]:
    """All words of the project's functions that name it."""
    ours = (f for f in scene.functions.values() if scene.is_ours(f) and f.volatility == "v")
    words = (find_literals([f.text]).words for f in ours)
    return frozenset[str]().union(*(some for some in words if sample.table.relation in some))


def _try(scene: Scene, sample: Sample, persona: Persona) -> Finding | None:
    held = sample.table.privileges[persona.role]
    own = next((row for row in sample.rows if persona.id in row.owners), None)
    if own is None or (held.insert and any(p.command in ("insert", "all") for p in held.policies)):
        return None
    tried = list(_writes(sample, persona, own, _written(scene, sample)))
    answers = scene.ask(persona, [[text] for _, text in tried])
    went = [one for one, a in zip(tried, answers, strict=True) if not a.sqlstate and a.counts[0] > 0]
    return _tell(scene, sample, persona, own, went) if went else None


def _writes(sample: Sample, persona: Persona, own: Row, written: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What a function writes there; a column that none names may be there for its users' remarks."""
    table, held = sample.table, sample.table.privileges[persona.role]
    where = statements.condition(sample.key, own.key)
    fixed = {*sample.key, *owner_columns(sample), *(n for key in table.foreign_keys for n in key.columns)}
    columns = [c for c in table.columns.values() if c.name in held.update - fixed and not c.generated]
    named = [c for c in columns if c.name in written]
    for column in named[:1] or ([] if len(columns) < len(table.columns) - len(fixed) else columns[:1]):
        value = statements.literal(own.changed[column.name])
        yield "update", statements.update(table, column.name, value, where=where)
    if held.delete:
        yield "delete", statements.delete(table, where=where)


def _tell(scene: Scene, sample: Sample, persona: Persona, own: Row, went: list[tuple[str, str]]) -> Finding:
    table, name = sample.table, persona.name
    verbs = [verb for verb, _ in went]
    look = f"select 1 from {table.name} where {statements.condition(sample.key, own.key)}"
    policies = [p for p in table.privileges[persona.role].policies if p.command in (*verbs, "all")]
    verb, text = went[-1]
    return Finding(
        rule="states",
        object=sample.object,
        actions=tuple(verbs),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} {does(verbs)} rows about {name} in {table.name}, which the server writes, and into "
        f"which {name} may enter nothing.",
        steps=(
            Step(who=persona, statement=text, shows=ROWS),
            Step(statement=look, shows=NO_ROWS_SHOWN if verb == "delete" else ROWS),
        ),
        cause=f"trail {sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=((f"revoke {', '.join(verbs)} on {table.name} from {persona.role}",),),
        exact=True,
    )
