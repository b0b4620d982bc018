"""Pointless policies and guards: a wider policy lets the same rows through; a trigger asks about itself."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.ranks import ranked_policies
from pgassay.audit.reach import Reach, measure
from pgassay.audit.rules.pointless.guards import find_guards
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone, does
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition, literal, update
from pgassay.observation import Persona

RULE = "pointless"


def find(scene: Scene) -> Iterator[Finding]:
    """Pairs of a policy for writes and a wider one, tried by taking each away."""
    for sample in scene.samples:
        policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.permissive]
        if sample.table.secured and len(policies) > 1 and sample.object == sample.table.name:
            yield from _of_table(scene, sample, policies)
    yield from find_guards(scene)


def _of_table(scene: Scene, sample: Sample, policies: list[Policy]) -> Iterator[Finding]:
    table = sample.table
    whole = {p: measure(scene, p, [table.name]) for p in scene.people}
    without = {policy.name: _without(scene, table, policy) for policy in policies}
    ranked = {p: ranked_policies(scene, sample, p) for p in scene.people}
    binding = {policy.name for p in scene.people for policy in table.privileges[p.role].policies}
    for narrow in policies:
        if narrow.name not in binding or without[narrow.name] != whole:
            continue
        for wide in policies:
            plain = [p for p in scene.people if wide.name not in ranked[p]]  # a rank may be wide
            lost = [p for p in plain if _writes_lost(without[wide.name][p], whole[p])]
            if wide is not narrow and lost and _covers(wide, narrow):
                alone = _alone(scene, table, wide)
                verbs = {
                    p: [v for _, v in _writes_lost(alone[p], whole[p]) if narrow.command in ("all", v)]
                    for p in lost
                }
                only = [p for p in lost if verbs[p]]
                if only:
                    yield _tell(scene, sample, (narrow, wide), only, verbs[only[0]])
                    return


def _covers(wide: Policy, narrow: Policy) -> bool:
    """Whether the wide one is for whatever the narrow one is for, and for writes."""
    return wide.command == "all" and narrow.command in ("all", "update", "delete")


def _writes_lost(now: Reach, whole: Reach) -> dict[tuple[str, str], int]:
    return {key: n for key, n in whole.written.items() if now.written.get(key, 0) < n}


def _without(scene: Scene, table: Table, policy: Policy) -> dict[Persona, Reach]:
    with scene.session.undone():
        run(scene.session, None, f"drop policy {quoted(policy.name)} on {table.name}")
        return {p: measure(scene, p, [table.name]) for p in scene.people}


def _alone(scene: Scene, table: Table, wide: Policy) -> dict[Persona, Reach]:
    """What is left where the wide policy only lets read."""
    with scene.session.undone():
        run(scene.session, None, _as_select(table, wide)[0])
        run(scene.session, None, _as_select(table, wide)[1])
        return {p: measure(scene, p, [table.name]) for p in scene.people}


def _as_select(table: Table, wide: Policy) -> tuple[str, str]:
    roles = ", ".join("public" if role == "public" else quoted(role) for role in wide.roles)
    return (
        f"drop policy {quoted(wide.name)} on {table.name}",
        f"create policy {quoted(wide.name)} on {table.name} for select to {roles} "
        f"using ({wide.using or 'true'})",
    )


def _tell(
    scene: Scene, sample: Sample, policies: tuple[Policy, Policy], who: list[Persona], verbs: list[str]
) -> Finding:
    narrow, wide = policies
    table, first = sample.table, who[0]
    step = _witness(scene, sample, first, wide)
    return Finding(
        rule=RULE,
        object=sample.object,
        actions=tuple(verbs),
        who=tuple(p.name for p in who),
        severity=Severity.HIGH,
        sentence=f'{anyone(who)} {does(verbs)} in {table.name} all that "{wide.name}" lets '
        f'through, for which "{narrow.name}" has a narrower condition: that one decides nothing.',
        steps=step,
        cause=f"strangers {sample.object}",
        about=(ObjectKey(kind="policy", object=table.name, name=wide.name),),
        candidates=(_as_select(table, wide),),
    )


def _witness(scene: Scene, sample: Sample, persona: Persona, wide: Policy) -> tuple[Step, ...]:
    """A write of a row that only the wide policy lets through."""
    table = sample.table
    held = table.privileges[persona.role]
    column = next((c for c in table.columns.values() if c.name in held.update and not c.generated), None)
    for row in sample.rows:
        where = condition(sample.key, row.key)
        text = (
            update(table, column.name, literal(row.values[column.name]), where=where)
            if column
            else f"delete from {table.name} where {where}"
        )
        with scene.session.undone(), scene.session.act_as(persona):
            before = scene.session.attempt(text).rowcount
        with scene.session.undone():
            for statement in _as_select(table, wide):
                run(scene.session, None, statement)
            with scene.session.act_as(persona):
                after = scene.session.attempt(text).rowcount
        if before > 0 >= after:
            drop, create = _as_select(table, wide)
            return (
                Step(who=persona, statement=text, shows=ROWS),
                Step(statement=drop),
                Step(statement=create),
                Step(who=persona, statement=text, shows=NO_ROWS_SHOWN),
            )
    return ()
