"""Withdrawn rows: what owners, or the schema, take for a mark, and no policy asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.rules.expired.early import find_early
from pgassay.audit.rules.withdrawn.kept import Kept, find_kept
from pgassay.audit.rules.withdrawn.marks import Mark, find_marks, owners_set
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, is_withdrawal, join
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition
from pgassay.observation import Outcome, Persona

RULE = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A row that strangers read though it is marked: by a user, or by the server where `owner` is None."""

    mark: Mark
    readers: tuple[Persona, ...]
    row: Row
    owner: Persona | None = None


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each table: policies that do not ask are one cause, however many marks there are."""
    early = {(one.place.table.name, one.column.name) for one in find_early(scene)}  # told by `expired`
    for sample in scene.samples:
        is_plain = sample.table.kind in "rp" and sample.object == sample.table.name
        if is_plain and sample.ownership and sample.table.secured and (readers := _readers(scene, sample)):
            marks = (
                mark for mark in find_marks(scene, sample) if (sample.object, mark.column.name) not in early
            )
            shown = [s for mark in marks if (s := _try(scene, mark, readers))]
            if shown:
                yield _tell(scene, sample, shown)
        if is_plain and sample.ownership and sample.table.secured and (kept := find_kept(scene, sample)):
            yield _tell_kept(kept)


def _readers(scene: Scene, sample: Sample) -> list[Persona]:
    """Strangers who read rows of others without any condition: all users, for who alone does has a rank."""
    found = []
    for persona in scene.people:
        cell = scene.cell(persona.name, sample.object, Action.SELECT, "-", RowClass.OTHER)
        if cell and all(one.outcome is Outcome.ALLOWED for one in cell.results):
            found.append(persona)
    is_for_all = any(persona.id is None for persona in found) or set(scene.users) <= set(found)
    return found if is_for_all else []


def _try(scene: Scene, mark: Mark, readers: Sequence[Persona]) -> _Shown | None:
    """First a row that its own owner marks."""
    users = scene.users if owners_set(scene, mark) else ()
    for owner in (*users, None):
        for row in _rows(mark.sample, owner):
            others = [persona for persona in readers if persona.id not in row.owners]
            with scene.session.undone():
                if not _marks(scene, owner, _marking(mark, row)):
                    continue
                seen = tuple(p for p in others if _sees(scene, p, mark.sample, row))
            if seen:
                return _Shown(mark=mark, readers=seen, row=row, owner=owner)
    return None


def _rows(sample: Sample, owner: Persona | None) -> list[Row]:
    return [row for row in sample.rows if row.owners and (owner is None or owner.id in row.owners)][:4]


def _marking(mark: Mark, row: Row) -> str:
    return f"{mark.statement} where {condition(mark.sample.key, row.key)}"


def _marks(scene: Scene, owner: Persona | None, statement: str) -> bool:
    """Whether it reaches the row: who has marked it may not be let at it again."""
    with scene.session.act_as(owner) if owner else scene.session.as_owner():
        return scene.session.attempt(statement).rowcount > 0


def _look(sample: Sample, row: Row) -> str:
    return f"select 1 from {sample.table.name} where {condition(sample.key, row.key)}"


def _sees(scene: Scene, persona: Persona, sample: Sample, row: Row) -> bool:
    with scene.session.act_as(persona):
        return scene.session.attempt(_look(sample, row)).rowcount > 0


def _severity(shown: _Shown) -> Severity:
    """What the schema itself leaves out elsewhere, or what owners say of one of their rows.

    A row that stands for a user is not withdrawn but by leaving: what it says of him is no mark.
    """
    sample = shown.mark.sample
    single = any(set(index.columns) <= owner_columns(sample) for index in sample.table.unique)
    is_said = shown.owner is not None and not single
    return Severity.MEDIUM if shown.mark.why or is_said else Severity.INFO


def _tell(scene: Scene, sample: Sample, shown: list[_Shown]) -> Finding:
    severity = min(map(_severity, shown))
    shown = [one for one in shown if _severity(one) is severity]
    first, names = shown[0], join(one.mark.column.name for one in shown)
    readers = [p for p in scene.people if any(p in one.readers for one in shown)]
    why = next((one.mark.why for one in shown if one.mark.why), "")
    sets = ", which owners set" if first.owner else ""
    reading = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in ("select", "all")]
    return Finding(
        rule=RULE,
        object=sample.object,
        columns=tuple(one.mark.column.name for one in shown),
        actions=("select",),
        who=tuple(persona.name for persona in readers),
        severity=severity,
        sentence=f"{anyone(readers)} reads rows of others in {sample.table.name} whatever their "
        f"{names} is{sets}: no policy asks for it{f', though {why}' if why else ''}.",
        steps=(
            Step(who=first.owner, statement=_marking(first.mark, first.row), shows=ROWS),
            Step(who=first.readers[0], statement=_look(sample, first.row), shows=ROWS),
        ),
        cause=f"withdrawn {sample.object}",
        weight=sum(is_withdrawal(one.mark.column) for one in shown),
        about=(
            *(ObjectKey(kind="policy", object=sample.table.name, name=policy.name) for policy in reading),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
        candidates=tuple(_repairs(sample, shown, reading)),
    )


def _tell_kept(kept: Kept) -> Finding:
    table = kept.sample.table
    return Finding(
        rule=RULE,
        object=kept.sample.object,
        columns=(kept.column.name,),
        actions=("select",),
        who=(kept.reader.name,),
        severity=Severity.MEDIUM,
        sentence=f"{kept.reader.name} goes on to read rows of {table.name} that are {kept.owner.name}'s, who "
        f"no longer reads them once their {kept.column.name} says so: "
        f"{join(quoted(policy.name) for policy in kept.policies)} does not ask for it.",
        steps=kept.steps,
        cause=f"withdrawn {kept.sample.object}",
        about=(
            *(policy.key for policy in kept.policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
    )


def _repairs(sample: Sample, shown: list[_Shown], policies: Sequence[Policy]) -> Iterator[tuple[str, ...]]:
    """Policies for SELECT ask for all marks; owners go on to read their own."""
    own = " or ".join(
        f"{column.quoted} = (select auth.uid())"
        for column in sample.table.columns.values()
        if column.name in owner_columns(sample) and column.base == "uuid"
    )
    test = " and ".join(_unmarked(one.mark) for one in shown)
    whose = f"({test} or {own})" if own else test
    for policy in policies:
        if policy.command == "select" and policy.using:
            using = whose if policy.using == "true" else f"({policy.using}) and {whose}"
            yield (f"alter policy {policy.quoted} on {policy.table} using ({using})",)


def _unmarked(mark: Mark) -> str:
    """SQL that does not hold of a row with the mark."""
    name = mark.column.quoted
    if mark.column.base == "bool":
        return f"{name} is not {mark.value}"
    if mark.value.startswith("2001-"):
        return f"{name} is null"
    return f"{name} is distinct from '{mark.value}'"
