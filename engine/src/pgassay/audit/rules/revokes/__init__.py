"""Revokes: a REVOKE in the files that took nothing away, because the privilege comes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.rules.revokes.regranted import find_regranted
from pgassay.audit.rules.revokes.said import PUBLIC, Said, read_said
from pgassay.audit.rules.revokes.swallowed import find_swallowed
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, join
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import quoted, spell
from pgassay.catalog.read import Access
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

RULE = "revokes"


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each object of which a role still holds what was to be taken from it."""
    said = [one for node in scene.statements for one in read_said(node)]
    access = Access(scene.catalog)
    told: set[tuple[str, str]] = set()
    again = list(find_regranted(scene))
    yield from again
    tables = {finding.object for finding in again}
    for number, one in enumerate(said):
        if one.grants or (one.object in tables and not one.columns):
            continue
        held = _still_held(scene, access, one, said, said[number + 1 :])
        if held and (key := (one.object, "+".join(one.columns))) not in told:
            told.add(key)
            yield _tell(scene, one, held)
    tables |= {name for name, _ in told}
    yield from (finding for finding in find_swallowed(scene, said) if finding.object not in tables)


def _still_held(
    scene: Scene, access: Access, one: Said, everything: list[Said], later: list[Said]
) -> list[tuple[Persona, int]]:
    found = []
    for persona in scene.people:
        if not _means(one, persona.role, everything) or _is_granted(one, persona.role, everything, later):
            continue
        for oid in _oids(scene, one):
            if all(_holds(access, persona.role, one, verb, oid) for verb in _verbs(one)):
                found.append((persona, oid))
    return found


def _verbs(one: Said) -> list[str]:
    if one.kind == "function":
        return ["execute"]
    return sorted(one.privileges) or ["select"]


def _holds(access: Access, role: str, one: Said, verb: str, oid: int) -> bool:
    if one.columns:
        return all(access.holds(role, verb, oid, column) for column in one.columns)
    return access.holds(role, verb, oid)


def _means(one: Said, role: str, everything: list[Said]) -> bool:
    """Whether the role was to lose it: it is named, or everybody is and no statement names it instead."""
    if role in one.roles:
        return True
    about = [other for other in everything if not other.grants and _is_same(other, one)]
    named = frozenset[str]().union(*(other.roles for other in about)) - {PUBLIC}
    return PUBLIC in one.roles and one.kind == "function" and not named


def _is_granted(one: Said, role: str, everything: list[Said], later: list[Said]) -> bool:
    """Whether a statement gives it to the role by name; one to all, only after the REVOKE."""
    return any(g.grants and _is_same(g, one) and role in g.roles for g in everything) or any(
        g.grants and _is_same(g, one) and PUBLIC in g.roles for g in later
    )


def _is_same(other: Said, one: Said) -> bool:
    return (other.kind, other.object) == (one.kind, one.object)


def _oids(scene: Scene, one: Said) -> list[int]:
    if one.kind == "function":
        return [
            f.oid for f in scene.catalog.of(Function) if spell(f.schema, f.name) == one.object
            and f.result not in ("trigger", "event_trigger") and f.schema in scene.catalog.exposed
        ]  # fmt: skip
    table = scene.surface.by_name.get(one.object)
    return [table.oid] if table and table.reachable and table.kind in "rpvmf" else []


def _tell(scene: Scene, one: Said, held: list[tuple[Persona, int]]) -> Finding:
    who = list(dict.fromkeys(persona for persona, _ in held))
    if one.kind == "function":
        return _of_function(one, who, scene.catalog.functions[held[0][1]])
    return _of_table(one, who)


def _of_function(one: Said, who: list[Persona], function: Function) -> Finding:
    may = f"select 1 where pg_catalog.has_function_privilege({literal(function.function)}, 'execute')"
    roles = ", ".join(dict.fromkeys(persona.role for persona in who))
    return Finding(
        rule=RULE,
        object=one.object,
        actions=("execute",),
        who=tuple(persona.name for persona in who),
        # What runs with the rights of who calls it opens nothing by itself.
        severity=Severity.HIGH if function.definer else Severity.MEDIUM,
        sentence=f"{anyone(who)} may call {one.object}, though EXECUTE was revoked: "
        "default privileges had granted it.",
        steps=(Step(who=who[0], statement=may, shows=ROWS),),
        cause=f"writes {one.object}",
        about=(ObjectKey(kind="function", object=one.object, name=""),),
        candidates=((f"revoke execute on function {one.object} from {roles}",),),
    )


def _of_table(one: Said, who: list[Persona]) -> Finding:
    verbs = _verbs(one)
    listed = ", ".join(map(quoted, one.columns))
    on = f"{join(map(quoted, one.columns))} of {one.object}" if one.columns else one.object
    why = "a grant on the whole table covers the column" if one.columns else "it is granted otherwise"
    look = Step(who=who[0], statement=f"select {listed or '*'} from {one.object}", shows=ROWS)
    return Finding(
        rule=RULE,
        object=one.object,
        columns=one.columns,
        actions=tuple(verbs),
        who=tuple(persona.name for persona in who),
        severity=Severity.HIGH,
        sentence=f"{anyone(who)} may {join(v.upper() for v in verbs)} {on}, though it was revoked: {why}.",
        steps=(look,) if "select" in verbs else (),
        about=(ObjectKey(kind="relation", object=one.object, name=""),),
    )
