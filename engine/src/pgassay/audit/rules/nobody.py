"""Nobody gets in: policies that fail, that no privilege goes with, or that let in and not replace."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, does, join
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Privileges
from pgassay.matrix.model import Action, Cell, CellResult, RowClass
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Outcome, Persona

RULE = "nobody"
_VERBS = ("select", "insert", "update", "delete")
_NO_PRIVILEGE = "42501"


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each object, and for each way of not getting in."""
    yield from _failing(scene)
    for sample in scene.samples:
        if sample.table.kind not in "rp" or not sample.table.secured:
            continue
        if sample.bucket:
            yield from _without_replacing(scene, sample)
        elif scene.is_the_projects(sample.table):
            yield from _without_privilege(scene, sample)


def _failing(scene: Scene) -> Iterator[Finding]:
    broken: dict[str, list[str]] = {}
    for cell in scene.matrix.cells:
        if cell.outcome is Outcome.ERROR:
            broken.setdefault(cell.key.object, []).append(cell.key.persona)
    told: dict[str, list[str]] = {}
    for object_ in broken:
        told.setdefault(_wrong(scene, object_).why, []).append(object_)
    for objects in told.values():  # one policy that recurs is asked by many tables
        object_, names = objects[0], {name for one in objects for name in broken[one]}
        cell, wrong = _first_error(scene, object_), _wrong(scene, object_)
        who = [p for p in scene.people if p.name in names]
        yield Finding(
            rule=RULE,
            object=object_,
            actions=(cell.key.action.value,),
            who=tuple(p.name for p in who),
            severity=Severity.HIGH if wrong.sqlstate.startswith("42") else Severity.MEDIUM,
            sentence=f"{anyone(who)} gets an error from {join(objects)}: {wrong.sqlstate}, {wrong.why}.",
            steps=(Step(who=wrong.witness.persona, statement=wrong.witness.statement, shows=wrong.sqlstate),),
            cause=f"nobody {object_}",
            about=(ObjectKey(kind="relation", object=object_, name=""),),
        )


def _first_error(scene: Scene, object_: str) -> Cell:
    return next(c for c in scene.matrix.cells if c.key.object == object_ and c.outcome is Outcome.ERROR)


def _wrong(scene: Scene, object_: str) -> CellResult:
    return next(one for one in _first_error(scene, object_).results if one.outcome is Outcome.ERROR)


def _without_privilege(scene: Scene, sample: Sample) -> Iterator[Finding]:
    """Policies are asked where a privilege is held; here nobody holds any."""
    table = sample.table
    if any(_holds(table.privileges[persona.role]) for persona in scene.people):
        return
    who = [p for p in scene.users if any(one.permissive for one in table.privileges[p.role].policies)]
    if not who:
        return
    policies = [policy for policy in table.privileges[who[0].role].policies if policy.permissive]
    named = {policy.command for policy in policies}
    verbs = [verb for verb in _VERBS if {verb, "all"} & named]
    grant = f"grant {', '.join(verbs)} on {table.name} to {quoted(who[0].role)}"
    look = f"select 1 from {table.name}"
    yield Finding(
        rule=RULE,
        object=sample.object,
        actions=tuple(verbs),
        who=tuple(persona.name for persona in who),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(who)} may do nothing with {table.name}: "
        f"{join([quoted(policy.name) for policy in policies])} would let rows through, and "
        f"{who[0].role} has no privilege on the table.",
        steps=(Step(who=who[0], statement=look, shows=_NO_PRIVILEGE),) if "select" in verbs else (),
        cause=f"nobody {sample.object}",
        about=(ObjectKey(kind="relation", object=table.name, name=""),),
        candidates=((grant,),),
    )


def _holds(held: Privileges) -> bool:
    return held.usage and bool(held.delete or held.select or held.insert or held.update)


def _without_replacing(scene: Scene, sample: Sample) -> Iterator[Finding]:
    """An upload with upsert is an INSERT with ON CONFLICT DO UPDATE, which asks for more than an INSERT."""
    table = sample.table
    for persona in scene.users:
        own = [row for row in sample.rows if persona.id in row.owners]
        uploads = scene.cell(persona.name, sample.object, Action.INSERT, "-", RowClass.OWN)
        commands = {p.command for p in table.privileges[persona.role].policies if p.permissive}
        if not own or not uploads or uploads.outcome is not Outcome.ALLOWED or {"update", "all"} & commands:
            continue
        [bucket, name, *_] = own[0].key
        text = (
            f"insert into {table.name} (bucket_id, name, owner_id) "
            f"values ({literal(bucket)}, {literal(name)}, {literal(persona.id)}) "
            "on conflict (bucket_id, name) do update set owner_id = excluded.owner_id"
        )
        [answer] = scene.ask(persona, [[text]])
        if answer.sqlstate == _NO_PRIVILEGE:
            yield _tell_replacing(scene, sample, persona, text)
            return


def _tell_replacing(scene: Scene, sample: Sample, persona: Persona, text: str) -> Finding:
    table = sample.table
    inserts = [p for p in table.privileges[persona.role].policies if p.command == "insert" and p.check]
    name = quoted(f"replace in {sample.object}")
    candidates = [
        (
            f"create policy {name} on {table.name} for update to {quoted(persona.role)} "
            f"using ({p.check}) with check ({p.check})",
        )
        for p in inserts
    ]
    return Finding(
        rule=RULE,
        object=sample.object,
        actions=("update",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.LOW,
        sentence=f"{persona.name} {does(['insert'])} into {sample.object}, and replaces nothing there: "
        "an upload with upsert is refused, because no policy is for UPDATE.",
        steps=(Step(who=persona, statement=text, shows=_NO_PRIVILEGE),),
        cause=f"replace {sample.object}",
        about=(ObjectKey(kind="relation", object=table.name, name=""),),
        candidates=tuple(candidates),
    )
