"""Moved rows: a user puts a row of his own where others read it, and where he reads nothing himself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.ranks import memberless, unranked
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.moved.below import planted_below
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import Write, insert_of, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

RULE = "moved"
_IDS = ("int2", "int4", "int8", "uuid")
_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What a persona did with a row of its own, by which columns; others read it then."""

    sample: Sample
    persona: Persona
    verb: str
    columns: tuple[str, ...]
    steps: Steps


def find(scene: Scene) -> Iterator[Finding]:
    """By an UPDATE or INSERT of a column that refers to what is no user; by one that names another owner."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        owned = bool(owner_columns(sample))
        for column in _columns(sample):
            if _is_asked(scene, sample, column):
                yield from _first(_moves(scene, sample, column) if owned else iter(()))
                yield from _first(_plants(scene, sample, column))
        yield from _first(_gives(scene, sample) if owned else iter(()))


def _first(found: Iterator[Finding]) -> Iterator[Finding]:
    yield from islice(found, 1)


def _columns(sample: Sample) -> Iterator[str]:
    """References, and ids without one."""
    table = sample.table
    keys = {name for index in table.unique if len(index.columns) == 1 for name in index.columns}
    for column in table.columns.values():
        refers = {k.target for k in table.foreign_keys if k.columns == (column.name,)}
        is_id = column.base in _IDS and not any(column.name in k.columns for k in table.foreign_keys)
        if (is_id or refers - {"auth.users"}) and column.name not in owner_columns(sample) | keys:
            yield column.name


def _unknown(scene: Scene, sample: Sample, column: str, persona: Persona) -> list[str]:
    """What the column says in rows of others, and in none that the persona reads."""
    target = next((k.target for k in sample.table.foreign_keys if k.columns == (column,)), None) or ""
    seen = measure_seen(scene, persona, [sample.table.name, target])
    visible = seen.seen.get(sample.object, frozenset())
    known = {row.values[column] for row in sample.rows if row.key in visible or persona.id in row.owners}
    parents = {k[0] for k in seen.seen.get(target, frozenset()) if k}
    return sorted({v for row in sample.rows if (v := row.values[column])} - known - parents)


def _moves(scene: Scene, sample: Sample, column: str) -> Iterator[Finding]:
    for persona in scene.users:
        if column in sample.table.privileges[persona.role].update:
            for row in [row for row in sample.rows if persona.id in row.owners]:
                for value in _unknown(scene, sample, column, persona):
                    if found := _move(scene, sample, persona, row, (column, value)):
                        yield found


def _plants(scene: Scene, sample: Sample, column: str) -> Iterator[Finding]:
    """A new row of the persona's own; none that asks to be let in, which is for others to read."""
    for persona in scene.users if not _is_membership(scene, sample, column) else ():
        for value in _unknown(scene, sample, column, persona) if owner_columns(sample) else ():
            for row in sample.rows[:_ROWS]:
                write = insert_of(sample, persona, row, **{column: value})
                if write and (found := _plant(scene, persona, write, column, value)):
                    yield found
        if owner_columns(sample) or not _takes_from_anyone(scene, sample):
            for other in (other for other in scene.users if other != persona):
                for steps in planted_below(scene, sample, column, persona, other):
                    yield _tell_below(scene, sample, (persona, other), column, steps)


def _takes_from_anyone(scene: Scene, sample: Sample) -> bool:
    """Whether who has no account may write there, as a form sends it."""
    verbs = ("insert", "all")
    return any(
        p.permissive and p.command in verbs
        for persona in scene.people
        if persona.id is None and sample.table.privileges[persona.role].insert
        for p in sample.table.privileges[persona.role].policies
    )


def _tell_below(
    scene: Scene, sample: Sample, who: tuple[Persona, Persona], column: str, steps: Steps
) -> Finding:
    persona, other = who
    sentence = (
        f"{persona.name} inserts a row into {sample.table.name} under a {column} that {persona.name} may "
        f"not read, and {other.name} reads it there."
    )
    shown = _Shown(sample=sample, persona=persona, verb="insert", columns=(column,), steps=steps)
    return _tell(scene, shown, sentence)


def _is_membership(scene: Scene, sample: Sample, column: str) -> bool:
    """Whether a user has one row under each, and other tables ask for it: `chains` tries these."""
    once = any(column in i.columns and owner_columns(sample) & set(i.columns) for i in sample.table.unique)
    return once and bool(scene.dependents(sample.table.name) - {sample.table.name})


def _plant(scene: Scene, persona: Persona, write: Write, column: str, value: str) -> Finding | None:
    sample = write.sample
    scope = f"select 1 from {sample.table.name} where {quoted(column)} = {statements.literal(value)}"
    look = f"select 1 from {sample.table.name} as t where {write.written}"
    for other in (other for other in scene.users if other != persona):
        steps = (
            Step(who=persona, statement=scope, shows=NO_ROWS_SHOWN),
            Step(who=other, statement=scope, shows=ROWS),
            Step(who=other, statement=look, shows=NO_ROWS_SHOWN),
            Step(who=persona, statement=write.statement, shows=ROWS),
            Step(who=other, statement=look, shows=ROWS),
        )
        if plays(scene.session, steps):
            sentence = (
                f"{persona.name} inserts a row of {persona.name}'s own into {sample.table.name} under a "
                f"{column} where {other.name} reads it and {persona.name} reads nothing."
            )
            shown = _Shown(sample=sample, persona=persona, verb="insert", columns=(column,), steps=steps)
            return _tell(scene, shown, sentence)
    return None


def _gives(scene: Scene, sample: Sample) -> Iterator[Finding]:
    """A row of the persona's own becomes another's, who reads it."""
    for persona in scene.users:
        held = sample.table.privileges[persona.role].update
        names = sorted(owner_columns(sample))
        policies = [
            p for p in sample.table.privileges[persona.role].policies if p.command in ("update", "all")
        ]
        if names and find_literals(p.using or "" for p in policies).words.isdisjoint(names):
            continue  # whoever else may change it
        mine = [row for row in sample.rows if row.owners == {persona.id}][:_ROWS]
        for row in mine if held.issuperset(names) else ():
            for other in (other for other in scene.users if other != persona):
                where = statements.condition(sample.key, row.key)
                sets = ", ".join(f"{quoted(name)} = {statements.literal(other.id)}" for name in names)
                look = f"select 1 from {sample.table.name} where {where}"
                steps = (
                    Step(who=other, statement=look, shows=NO_ROWS_SHOWN),
                    Step(who=persona, statement=f"update {sample.table.name} set {sets}", shows=ROWS),
                    Step(who=other, statement=look, shows=ROWS),
                )
                if set(names) & set(sample.key) or not plays(scene.session, steps):
                    continue
                touch = (
                    f"update {sample.table.name} set {quoted(names[0])} = {quoted(names[0])} where {where}"
                )
                own = (Step(who=persona, statement=touch, shows=ROWS),)
                if not _has_rank(scene, sample, persona, steps, own):
                    sentence = (
                        f"{persona.name} gives a row of {persona.name}'s own in {sample.table.name} to "
                        f"{other.name}, who never wrote it, by a statement without WHERE: the policy checks "
                        "the row as it was."
                    )
                    yield _tell(
                        scene,
                        _Shown(
                            sample=sample, persona=persona, verb="update", columns=tuple(names), steps=steps
                        ),
                        sentence,
                    )


def _has_rank(scene: Scene, sample: Sample, persona: Persona, steps: Steps, own: Steps) -> bool:
    """Whether another policy lets it through, for what is said of the persona in another table.

    Or for a group that it is in, where a row is its own without.
    """
    asked = scene.inventory.reach(sample.table.name)
    others = [other for other in scene.samples if other is not sample and other.table.name in asked]
    ranks = unranked(scene, persona, others)
    if any(not plays(scene.session, (Step(statement=text), *steps)) for text in ranks):
        return True
    return any(
        plays(scene.session, (out, *own)) and not plays(scene.session, (out, *steps))
        for out in (Step(statement=text) for text in memberless(scene, sample, persona))
    )


def _is_asked(scene: Scene, sample: Sample, column: str) -> bool:
    """Whether what others may read depends on the column."""
    policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in ("select", "all")]
    return column in find_literals(text for policy in policies for _, text in policy.clauses).words


def _move(
    scene: Scene, sample: Sample, persona: Persona, row: Row, target: tuple[str, str]
) -> Finding | None:
    column, value = target
    where = statements.condition(sample.key, row.key)
    text = statements.update(sample.table, column, statements.literal(value), where=where)
    scope = f"select 1 from {sample.table.name} where {quoted(column)} = {statements.literal(value)}"
    others = [other for other in scene.users if other != persona]
    with scene.session.undone():
        if not run(scene.session, persona, text):
            return None
        after = {other: measure_seen(scene, other, [sample.table.name]).seen for other in others}
    for other in others:
        with scene.session.undone(), scene.session.act_as(other):
            reads = scene.session.attempt(scope).rowcount > 0
        if reads and row.key in after[other].get(sample.object, frozenset()):
            look = f"select 1 from {sample.table.name} where {where}"
            steps = (
                Step(who=persona, statement=scope, shows=NO_ROWS_SHOWN),
                Step(who=other, statement=scope, shows=ROWS),
                Step(who=persona, statement=text, shows=ROWS),
                Step(who=other, statement=look, shows=ROWS),
            )
            sentence = (
                f"{persona.name} moves a row of {persona.name}'s own in {sample.table.name} "
                f"to another {column}, where {other.name} reads it and {persona.name} reads nothing."
            )
            shown = _Shown(sample=sample, persona=persona, verb="update", columns=(column,), steps=steps)
            return _tell(scene, shown, sentence)
    return None


def _tell(scene: Scene, shown: _Shown, sentence: str) -> Finding:
    table, verb, role = shown.sample.table, shown.verb, shown.persona.role
    policies = [p for p in table.privileges[role].policies if p.command in (verb, "all")]
    listed = ", ".join(map(quoted, shown.columns))
    # However many columns an INSERT does not ask for, and whatever comes of it, one condition is missing.
    missing = "+".join(shown.columns) if verb == "update" else ""
    return Finding(
        rule=RULE,
        object=shown.sample.object,
        columns=shown.columns,
        actions=(verb,),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=sentence,
        steps=shown.steps,
        cause=f"own {verb} {shown.sample.object} {missing}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=((f"revoke {verb} ({listed}) on {table.name} from {role}",),) if verb == "update" else (),
    )
