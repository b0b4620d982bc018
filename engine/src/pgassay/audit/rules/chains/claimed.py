"""Rows of one's own that say the path, the name or the number of what is hidden, and so let one see it.

No foreign key leads there: a policy compares what both rows say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.asking import is_token
from pgassay.audit.calls import hidden_rows
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.words import is_address
from pgassay.audit.writes import insert_of, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import NUMBERS, TEXTS, condition, literal
from pgassay.observation import Persona

_ROWS, _PARTS = 4, 4
_REFUSED = "42501"


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """What a persona writes into a column of a row of its own, and the hidden row that it then sees."""

    verb: str
    write: Step
    hidden: Sample
    row: Row

    @property
    def look(self) -> str:
        return f"select 1 from {self.hidden.table.name} where {condition(self.hidden.key, self.row.key)}"

    @property
    def steps(self) -> Steps:
        look = replace(self.write, statement=self.look)
        return (replace(look, shows=NO_ROWS_SHOWN), self.write, look)


def find_claimed(scene: Scene) -> Iterator[Finding]:
    """One finding for each column and way to write it."""
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or not scene.is_the_projects(table) or not owner_columns(sample):
            continue
        for column in table.columns.values():
            for verb in ("insert", "update") if _is_free(sample, column) else ():
                tries = (
                    found
                    for user in scene.users
                    for hidden in _asking(scene, sample, column)
                    for found in _of(scene, sample, column, hidden, user, verb)
                )
                yield from islice(tries, 1)


def _is_free(sample: Sample, column: Column) -> bool:
    refers = {name for key in sample.table.foreign_keys for name in key.columns}
    fixed = refers | owner_columns(sample) | {*sample.key}
    return column.base in (*TEXTS, *NUMBERS, "uuid") and column.name not in fixed and not column.generated


def _asking(scene: Scene, sample: Sample, column: Column) -> Iterator[Sample]:
    """Others whose policies come to read the column."""
    for hidden in scene.samples:
        texts = [text for p in scene.policies.get(hidden.table.oid, ()) for _, text in p.clauses]
        reach = scene.inventory.reach(hidden.table.name)
        texts += [scene.functions[name].text for name in reach & scene.functions.keys()]
        is_asking = hidden is not sample and hidden.table.name in scene.dependents(sample.table.name)
        if is_asking and hidden.table.kind in "rp" and column.name in find_literals(texts).words:
            yield hidden


def _of(  # noqa: PLR0913, PLR0917 - who writes what where, and sees what
    scene: Scene, sample: Sample, column: Column, hidden: Sample, persona: Persona, verb: str
) -> Iterator[Finding]:
    if column.name not in getattr(sample.table.privileges[persona.role], verb):
        return
    seen = measure_seen(scene, persona, [hidden.table.name])
    rows = [row for row in hidden_rows(hidden, seen) if persona.id not in row.owners]
    rows.sort(key=lambda row: not row.owners)
    claims = [
        _Claim(verb=verb, write=Step(who=persona, statement=text, shows=ROWS), hidden=hidden, row=row)
        for row in rows[:_ROWS]
        for value in _values(hidden, row, column)
        if (text := _written(sample, persona, column, value, verb))
    ]
    answers = scene.ask(persona, [[claim.write.statement, claim.look] for claim in claims])
    if any(answer.sqlstate == _REFUSED for answer in answers):
        return  # there is a condition
    for claim, answer in zip(claims, answers, strict=True):
        if not answer.sqlstate and answer.counts[-1] > 0 and plays(scene.session, claim.steps):
            yield _tell(scene, sample, column, claim, persona)


def _values(hidden: Sample, row: Row, column: Column) -> list[str]:
    """What the hidden row says in such columns, whole or in part; nothing that only who was told it knows."""
    found: dict[str, None] = {}
    for one in hidden.columns:
        said = row.values[one.name]
        if one.base != column.base and {one.base, column.base} - {*TEXTS}:
            continue
        if said and not is_token(hidden, one) and not (one.has_default and one.base == "uuid"):
            found[said] = None
            if "/" in said:
                found |= dict.fromkeys(said.split("/")[:_PARTS])
            if hidden.bucket:
                found[f"{hidden.bucket}/{said}"] = None
    return list(found)


def _written(sample: Sample, persona: Persona, column: Column, value: str, verb: str) -> str:
    """Like a row of the persona's own, if there is one."""
    own = next((row for row in sample.rows if persona.id in row.owners), None)
    if verb == "insert":
        like = own or next(iter(sample.rows), None)
        write = insert_of(sample, persona, like, **{column.name: value}) if like else None
        return write.statement if write else ""
    named = condition(sample.key, own.key) if own else ""
    return statements.update(sample.table, column.name, literal(value), where=named) if own else ""


def _tell(scene: Scene, sample: Sample, column: Column, claim: _Claim, persona: Persona) -> Finding:
    table, name = sample.table, persona.name
    policies = [p for p in table.privileges[persona.role].policies if p.command in (claim.verb, "all")]
    return Finding(
        rule="chains",
        object=sample.object,
        columns=(column.name,),
        actions=(claim.verb,),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM if is_address(column) else Severity.HIGH,
        sentence=f"{name} writes a row of {name}'s own in {table.name} whose {column.name} says what stands "
        f"in a hidden row of {claim.hidden.object}, and then reads that.",
        steps=claim.steps,
        cause=f"own {claim.verb} {sample.object} {column.name if claim.verb == 'update' else ''}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
    )
