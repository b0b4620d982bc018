"""Chains: after a write that is allowed, the persona reaches rows that it did not reach before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pgassay.audit.dissolved import find_taken
from pgassay.audit.memberships import is_below_own
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.prepared import needs_rank_first, play, prepared_updates
from pgassay.audit.reach import Keys, Reach, count_written, measure, measure_seen
from pgassay.audit.rules.chains.altered import find_altered
from pgassay.audit.rules.chains.borrowed import find_borrowed
from pgassay.audit.rules.chains.claimed import find_claimed
from pgassay.audit.rules.chains.entering import find_entries
from pgassay.audit.rules.chains.invited import find_invited
from pgassay.audit.rules.chains.promoted import find_promoted
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import does_to
from pgassay.audit.writes import (
    Write,
    claims_of_nobodys,
    inserts_agreed,
    inserts_elsewhere,
    inserts_in_states,
    inserts_with_another,
    left_to_update,
    own_inserts,
    own_updates,
    owner_columns,
)
from pgassay.catalog.model import ObjectKey
from pgassay.database.pipeline import Answer
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

RULE = "chains"
_NO_PRIVILEGE = "42501"


@dataclass(frozen=True, kw_only=True)
class _Gain:
    """More rows of an object: the `key` of one that is seen, or the `number` of those that are written."""

    object: str
    action: str
    key: tuple[str | None, ...] = ()
    number: int = 1


def find(scene: Scene) -> Iterator[Finding]:
    """For each table the writes of each user: one finding where one of them opens more.

    First those that most others ask: such as who is an administrator.
    """
    found: set[tuple[str, str]] = set()
    there = measure_seen(scene, None).seen
    reach = {persona: measure(scene, persona) for persona in scene.users}
    asked = [(sample, scene.dependents(sample.table.name)) for sample in scene.samples]
    for sample, dependents in sorted(asked, key=lambda one: -len(one[1])):
        for persona, before in reach.items() if dependents else ():
            for group in _groups(scene, sample, persona):
                key = (sample.object, group[0].verb + group[0].column)
                if key not in found and (finding := _try(scene, persona, before, there, group)):
                    found.add(key)
                    yield finding
            for setup, write in prepared_updates(scene, sample, persona, dependents):
                key = (sample.object, write.verb + write.column)
                if key not in found and (finding := _try_prepared(scene, persona, setup, write)):
                    found.add(key)
                    yield finding
    yield from find_taken(scene)
    yield from find_entries(scene)
    yield from find_altered(scene)
    yield from find_borrowed(scene)
    yield from find_claimed(scene)
    yield from find_promoted(scene)
    yield from find_invited(scene)


def _groups(scene: Scene, sample: Sample, persona: Persona) -> Iterator[list[Write]]:
    """Writes that differ in values alone; none of columns that nothing asks for."""
    some = [*own_inserts(sample, persona), *inserts_elsewhere(scene, sample, persona)]
    inserts = list({write.statement: write for write in reversed(some)}.values())[::-1]
    own = [w for w in own_updates(scene, sample, persona) if not is_below_own(scene, sample, w.row, persona)]
    begun = {
        row.key for row in {w.row.key: w.row for w in own}.values() if _begins(scene, persona, sample, row)
    }
    updates = [*(w for w in own if w.row.key in begun), *claims_of_nobodys(sample, persona)]
    columns = dict.fromkeys(w.column for w in updates if w.column in scene.said or sample.table.acting)
    another = next((other for other in scene.users if other != persona), persona)
    naming = inserts_with_another(sample, persona, another)
    agreed = inserts_agreed(scene, sample, persona)
    as_others = inserts_in_states(scene, sample, persona)
    groups = [
        inserts,
        *as_others,
        *naming,
        *agreed,
        *([w for w in updates if w.column == column] for column in columns),
    ]
    return (group for group in groups if group)


def _begins(scene: Scene, persona: Persona, sample: Sample, row: Row) -> bool:
    """Whether it may be the persona's own to begin: who answers what another one asked lets him in, too."""
    table, held = sample.table, sample.table.privileges[persona.role]
    asked = any(policy.command in ("insert", "all") for policy in held.policies)
    if row.owners == {persona.id} or len(owner_columns(sample)) < 2 or not (held.insert and asked):
        return True
    columns = [c for c in table.columns.values() if c.name in held.insert and not c.generated]
    keyed = {*sample.key, *owner_columns(sample)}
    values = {c.name: row.values[c.name] for c in columns if c.name in keyed or not c.has_default}
    with scene.session.undone():
        gone = run(
            scene.session, None, statements.delete(table, where=statements.condition(sample.key, row.key))
        )
        return gone and run(scene.session, persona, statements.insert(table, values, overriding=True))


def _try(
    scene: Scene, persona: Persona, before: Reach, there: Mapping[str, Keys], group: list[Write]
) -> Finding | None:
    answers = scene.ask(persona, [[write.statement] for write in group])
    foreign = [
        (write, answer)
        for write, answer in zip(group, answers, strict=True)
        if write.verb == "update" or persona.id not in write.row.owners
    ]
    # A policy that lets some through and others not has a condition: an invitation, a vacancy.
    if any(answer.sqlstate == _NO_PRIVILEGE for _, answer in foreign if group[0].verb == "insert"):
        return None
    for write in [write for write, answer in foreign if _went_through(answer)]:
        with scene.session.undone():
            if not run(scene.session, persona, write.statement):
                continue
            gains = _measure_gains(scene, write, before, there, persona)
        if gains:
            return _tell(scene, persona, write, gains)
    return None


def _try_prepared(scene: Scene, persona: Persona, setup: Steps, write: Write) -> Finding | None:
    only = scene.dependents(write.sample.table.name)
    with scene.session.undone():
        if not play(scene, setup):
            return None
        before, there = measure(scene, persona, only), measure_seen(scene, None, only).seen
        if not run(scene.session, persona, write.statement):
            return None
        gains = _measure_gains(scene, write, before, there, persona)
    if not gains:
        return None
    finding = _tell(scene, persona, write, gains, setup)
    is_ranked = needs_rank_first(scene, write, persona)
    return replace(finding, severity=Severity.MEDIUM) if is_ranked else finding


def _went_through(answer: Answer) -> bool:
    return not answer.sqlstate and answer.counts[0] > 0


def _measure_gains(
    scene: Scene, write: Write, before: Reach, there: Mapping[str, Keys], persona: Persona
) -> list[_Gain]:
    """After the write. What it made itself, as triggers do, is none, where the persona reaches it."""
    only = scene.dependents(write.sample.table.name)
    gains = list(_gains(scene, write, before, measure(scene, persona, only), persona))
    written = dict.fromkeys(gain.object for gain in gains if gain.action != "select")
    tables = [scene.sample_of[name].table.name for name in written]
    now = measure_seen(scene, None, tables).seen if written else {}
    for name in written:
        made = now.get(name, frozenset()) - there.get(name, frozenset())
        own = count_written(scene, persona, scene.sample_of[name], sorted(made, key=str))
        gains = [gain for gain in gains if gain.object != name or gain.number > own.get(gain.action, 0)]
    return gains


def _gains(scene: Scene, write: Write, before: Reach, after: Reach, persona: Persona) -> Iterator[_Gain]:
    for object_, keys in after.seen.items():
        known = {row.key for row in scene.sample_of[object_].rows}
        own = {write.row.key} if object_ == write.sample.object and write.verb == "update" else set()
        own |= {
            row.key
            for row in write.sample.rows
            if object_ == write.sample.object and persona.id in row.owners
        }
        new = sorted((keys - before.seen.get(object_, frozenset())) & known - own, key=str)
        if new:
            yield _Gain(object=object_, action="select", key=new[0])
    for (object_, verb), count in after.written.items():
        more = count - before.written.get((object_, verb), 0)
        if more > (object_ == write.sample.object):
            yield _Gain(object=object_, action=verb, number=more)


def _tell(scene: Scene, persona: Persona, write: Write, gains: list[_Gain], setup: Steps = ()) -> Finding:
    table = write.sample.table
    seen = [gain for gain in gains if gain.action == "select"]
    steps = [Step(who=persona, statement=write.statement, shows=ROWS)]
    if seen:
        sample = scene.sample_of[seen[0].object]
        look = f"select * from {sample.table.name} where {statements.condition(sample.key, seen[0].key)}"
        steps = [
            Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
            *steps,
            Step(who=persona, statement=look, shows=ROWS),
        ]
    told = does_to(((gain.action, gain.object) for gain in gains), what="more rows of")
    deed = (
        f"inserts a row of {persona.name}'s own into {table.name}"
        if write.verb == "insert"
        else f"sets {table.name}.{write.column}"
    )
    policies = [p for p in table.privileges[persona.role].policies if p.command in (write.verb, "all")]
    writes = any(gain.action != "select" for gain in gains)
    left = table.privileges[persona.role].update - {write.column}
    return Finding(
        rule=RULE,
        object=write.sample.object,
        columns=(write.column,) if write.column else (),
        actions=(write.verb,),
        who=tuple(p.name for p in scene.users),
        severity=Severity.CRITICAL if writes else Severity.HIGH,
        sentence=f"{persona.name} {deed}, and then {told}.",
        steps=(*setup, *steps),
        cause=f"own {write.verb} {write.sample.object} {write.column}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=(left_to_update(table, persona.role, left),) if write.verb == "update" else (),
    )
