"""States: an UPDATE sets a column to what an INSERT refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.confirmation import plays
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.ranks import memberless
from pgassay.audit.rules.states.renamed import find_renamed
from pgassay.audit.rules.states.self_decided import find_self_decided
from pgassay.audit.rules.states.trails import find_trails
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import (
    Write,
    insert_of,
    inserts_elsewhere,
    make_room,
    naming_columns,
    owner_columns,
    values_for,
    with_value,
)
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

RULE = "states"
_REFUSED = "42501"
_ROWS = 4


def find(scene: Scene) -> Iterator[Finding]:
    """Of rows of a user's own, for each column that a policy for INSERT asks for; and of trails."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or not owner_columns(sample) or sample.object != sample.table.name:
            continue
        done: set[str] = set()
        for persona in scene.users:
            for column in _columns(scene, sample, persona):
                if column.name not in done and (found := _of_column(scene, sample, persona, column)):
                    done.add(column.name)
                    yield found
    yield from find_trails(scene)
    yield from find_renamed(scene)
    yield from find_self_decided(scene)


def _columns(scene: Scene, sample: Sample, persona: Persona) -> list[Column]:
    """Truth values, labels and texts that the persona may write in both ways."""
    table = sample.table
    held = table.privileges[persona.role]
    policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("insert", "all")]
    asked = find_literals(text for policy in policies for _, text in policy.clauses).words
    fixed = naming_columns(sample)
    return [
        c
        for c in table.columns.values()
        if c.name in held.insert & held.update & asked - fixed and not c.generated
        if c.base in (*statements.TEXTS, "bool") or c.labels
    ]


def _of_column(scene: Scene, sample: Sample, persona: Persona, column: Column) -> Finding | None:
    values = values_for(scene, sample, column, besides=None)
    for write in _begun(scene, sample, persona, column.name, values):
        for setup in ((), (make_room(sample, persona),)):
            with scene.session.undone():
                if not all(run(scene.session, None, text) for text in setup):
                    continue
                found = _try(scene, persona, column, [with_value(write, column.name, v) for v in values])
            if found:
                begun, refused, change = found
                return _tell(
                    _Shown(
                        who=tuple(p.name for p in scene.users),
                        persona=persona,
                        column=column,
                        setup=setup,
                        begun=begun,
                        refused=refused,
                        change=change,
                    )
                )
    return None


def _begun(scene: Scene, sample: Sample, persona: Persona, name: str, values: Sequence[str]) -> list[Write]:
    """Rows to begin with. Where some may be under what is another's, these: of one's own one decides more."""
    some = list(filter(None, (insert_of(sample, persona, row) for row in sample.rows[:_ROWS])))
    some += islice(inserts_elsewhere(scene, sample, persona), _ROWS)
    others = [write for write in some if _is_under_anothers(scene, write, persona)]
    with scene.session.undone():
        run(scene.session, None, make_room(sample, persona))
        tried = [with_value(write, name, value) for write in others for value in values]
        went = scene.ask(persona, [[write.statement] for write in tried])
    return others if any(not answer.sqlstate for answer in went) else some


def _is_under_anothers(scene: Scene, write: Write, persona: Persona) -> bool:
    for key in write.sample.table.foreign_keys:
        parent = scene.sample_of.get(key.target or "")
        for row in parent.rows if parent and len(key.columns) == 1 else ():
            is_named = row.values[key.target_columns[0]] == write.values.get(key.columns[0])
            if is_named and row.owners and persona.id not in row.owners:
                return True
    return False


def _try(
    scene: Scene, persona: Persona, column: Column, writes: list[Write]
) -> tuple[Write, Write, str] | None:
    """An INSERT that goes through, one that is refused, and the UPDATE from the one to the other."""
    answers = scene.ask(persona, [[write.statement] for write in writes])
    begun = [w for w, answer in zip(writes, answers, strict=True) if not answer.sqlstate]
    refused = [w for w, answer in zip(writes, answers, strict=True) if answer.sqlstate == _REFUSED]
    tries = [(w, others) for w in begun[:1] for others in dict.fromkeys(((), _besides(w, persona, column)))]
    for write, others in tries:
        changes = [_change(write, column, other, others) for other in refused]
        with scene.session.undone():
            run(scene.session, persona, write.statement)
            went = scene.ask(persona, [[change] for change in changes])
        # Where some go through and others not, somebody chose which steps there are; a CHECK chose values.
        possible = [n for n, answer in enumerate(went) if answer.sqlstate[:2] not in OF_VALUES]
        if possible and all(not went[n].sqlstate and went[n].counts[0] > 0 for n in possible):
            found = write, refused[possible[0]], changes[possible[0]]
            if not _is_by_rank(scene, persona, column, found):
                return found
    return None


def _besides(write: Write, persona: Persona, column: Column) -> tuple[str, ...]:
    """Other texts of the row, each as something else: a trigger may look at what else is changed."""
    table = write.sample.table
    fixed = {column.name, *(name for key in table.foreign_keys for name in key.columns)}
    fixed |= {name for index in table.unique for name in index.columns}
    return tuple(
        f"{c.quoted} = {statements.literal(write.row.changed[c.name])}"
        for c in table.columns.values()
        if c.name in table.privileges[persona.role].update - fixed and not c.generated
        if c.base in statements.TEXTS
    )


def _is_by_rank(scene: Scene, persona: Persona, column: Column, found: tuple[Write, Write, str]) -> bool:
    """Whether it is a group that lets the persona do so, without which the row is still its own."""
    write, _, change = found
    table = write.sample.table.name
    same = f"update {table} as t set {column.quoted} = t.{column.quoted} where {write.written}"
    for text in memberless(scene, write.sample, persona):
        begun = (Step(statement=text), Step(who=persona, statement=write.statement, shows=ROWS))
        if plays(scene.session, (*begun, Step(who=persona, statement=same, shows=ROWS))):
            return not plays(scene.session, (*begun, Step(who=persona, statement=change, shows=ROWS)))
    return False


def _change(write: Write, column: Column, other: Write, besides: Sequence[str]) -> str:
    """Of the row that was begun, and of no other that is the persona's, too."""
    sets = ", ".join([f"{column.quoted} = {statements.literal(other.values[column.name])}", *besides])
    return f"update {write.sample.table.name} as t set {sets} where {write.written}"


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """After the setup an INSERT goes through, another is refused, and `change` makes the row say the same."""

    who: tuple[str, ...]
    persona: Persona
    column: Column
    setup: tuple[str, ...]
    begun: Write
    refused: Write
    change: str


def _tell(shown: _Shown) -> Finding:
    sample, persona, name = shown.begun.sample, shown.persona, shown.column.name
    table, held = sample.table, sample.table.privileges[shown.persona.role]
    policies = [p for p in held.policies if p.command in ("update", "all")]
    others = ", ".join(c.quoted for c in table.columns.values() if c.name in held.update - {name})
    take = f"revoke update on {table.name} from {persona.role}"
    give = (f"grant update ({others}) on {table.name} to {persona.role}",) if others else ()
    return Finding(
        rule=RULE,
        object=sample.object,
        columns=(name,),
        actions=("update",),
        who=shown.who,
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} sets {table.name}.{name} of a row of {persona.name}'s own to "
        f"{shown.refused.values[name]!r}, which an INSERT may not set ({_REFUSED}).",
        steps=(
            *(Step(statement=text) for text in shown.setup),
            Step(who=persona, statement=shown.refused.statement, shows=_REFUSED),
            Step(who=persona, statement=shown.begun.statement, shows=ROWS),
            Step(who=persona, statement=shown.change, shows=ROWS),
        ),
        cause=f"own update {sample.object} {name}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=((take, *give),),
    )
