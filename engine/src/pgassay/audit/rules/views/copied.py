"""Columns that nobody may read, and that stand in another column of the same row, which they may."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone
from pgassay.catalog.model import Column, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, condition, literal
from pgassay.observation import Persona

_CANARY = "pgassaycanary"  # a word that stays what it is in a text for searching


def find_copied(scene: Scene) -> Iterator[Finding]:
    """One finding for each closed column of a table of which others may be read."""
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or sample.object != table.name:
            continue
        closed = dict.fromkeys(
            column for persona in scene.people for column in _closed(scene, sample, persona)
        )
        for column in closed:
            if found := _of_column(scene, sample, column):
                yield found


def _closed(scene: Scene, sample: Sample, persona: Persona) -> list[Column]:
    """Texts that may not be read, of rows of which something may."""
    held = sample.table.privileges[persona.role].select
    columns = sample.table.columns.values() if held and scene.is_the_projects(sample.table) else ()
    return [c for c in columns if c.name not in held and c.base in TEXTS and not c.generated]


def _of_column(scene: Scene, sample: Sample, column: Column) -> Finding | None:
    """By a word that the owner puts there."""
    for row in sample.rows:
        where = condition(sample.key, row.key)
        put = statements.update(sample.table, column.name, literal(_CANARY), where=where)
        with scene.session.undone():
            if not run(scene.session, None, put):
                continue
            who = [p for p in scene.people if column in _closed(scene, sample, p)]
            shown = {p: name for p in who if (name := _shows(scene, sample, row, p))}
        if shown:
            return _tell(sample, column, put, who, next(iter(shown.items())))
    return None


def _shows(scene: Scene, sample: Sample, row: Row, persona: Persona) -> str:
    """The column of another's row in which the persona reads the word."""
    held = sample.table.privileges[persona.role].select
    names = [] if persona.id in row.owners else [name for name in sample.table.columns if name in held]
    answers = scene.ask(persona, [[_look(sample, name)] for name in names])
    return next((n for n, a in zip(names, answers, strict=True) if not a.sqlstate and a.counts[0] > 0), "")


def _look(sample: Sample, name: str) -> str:
    return f"select 1 from {sample.table.name} where {quoted(name)}::text like {literal(f'%{_CANARY}%')}"


def _tell(
    sample: Sample, column: Column, put: str, who: list[Persona], shown: tuple[Persona, str]
) -> Finding:
    table = sample.table
    first, name = shown
    roles = ", ".join(dict.fromkeys(p.role for p in who))
    kept = ", ".join(quoted(n) for n in table.columns if n in table.privileges[first.role].select - {name})
    give = (f"grant select ({kept}) on {table.name} to {roles}",) if kept else ()
    return Finding(
        rule="views",
        object=table.name,
        columns=(name,),
        actions=("select",),
        who=tuple(p.name for p in who),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(who)} reads in {table.name}.{name} what stands in {column.name} of rows of "
        "others, which the grants of the table hide.",
        steps=(Step(statement=put, shows=ROWS), Step(who=first, statement=_look(sample, name), shows=ROWS)),
        cause=f"copied {table.name} {name}",
        about=(ObjectKey(kind="relation", object=table.name, name=""),),
        candidates=((f"revoke select on {table.name} from {roles}", *give),),
    )
