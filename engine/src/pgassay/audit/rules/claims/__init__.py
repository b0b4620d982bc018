"""Claims: conditions that trust what a user writes into his own metadata; guests who count as users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure
from pgassay.audit.rules.claims.absent import of_absent_claims, of_nobody
from pgassay.audit.rules.claims.fragments import find_fragments
from pgassay.audit.rules.claims.guests import find_guests
from pgassay.audit.rules.claims.headers import of_headers
from pgassay.audit.scene import Scene
from pgassay.audit.words import does
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.observation import Persona

RULE = "claims"
_GIVEN = "user_metadata"
_MOST = 24


def find(scene: Scene) -> Iterator[Finding]:
    """What metadata of a user's own choice open; claims that are missing, or compared in part; guests."""
    yield from _metadata(scene)
    yield from of_absent_claims(scene)
    yield from of_nobody(scene)
    yield from of_headers(scene)
    yield from find_fragments(scene)
    yield from find_guests(scene)


def _metadata(scene: Scene) -> Iterator[Finding]:
    done: set[str] = set()
    for persona in scene.users[:1]:
        before = measure(scene, persona)
        for claimed in _claiming(scene, persona):
            after = measure(scene, claimed)
            for object_, keys in after.seen.items():
                new = sorted(keys - before.seen.get(object_, frozenset()), key=str)
                verbs = [
                    verb
                    for verb in ("update", "delete")
                    if after.written.get((object_, verb), 0) > before.written.get((object_, verb), 0)
                ]
                if (new or verbs) and object_ not in done:
                    done.add(object_)
                    yield _tell(
                        scene, persona=persona, claimed=claimed, object_=object_, new=new, verbs=verbs
                    )


def _claiming(scene: Scene, persona: Persona) -> Iterator[Persona]:
    paths = [path[path.index(_GIVEN) :] for path in scene.literals.paths if _GIVEN in path]
    values: list[object] = [*scene.literals.strings, True, 1]
    for path in dict.fromkeys(paths):
        for value in values[:_MOST]:
            if len(path) > 1:
                claims: Mapping[str, Any] = {**persona.claims, **_nest(path, value)}
                yield replace(persona, claims=claims)
    if paths:
        given = [p for p in scene.world.personas if p.claims.get(_GIVEN)]
        yield from (replace(persona, claims={**persona.claims, _GIVEN: p.claims[_GIVEN]}) for p in given)


def _nest(path: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *rest = path
    return {first: _nest(tuple(rest), value) if rest else value}


def _tell(  # noqa: PLR0913 - what was seen, by name
    scene: Scene,
    *,
    persona: Persona,
    claimed: Persona,
    object_: str,
    new: list[tuple[str | None, ...]],
    verbs: list[str],
) -> Finding:
    sample = scene.sample_of[object_]
    table = sample.table
    where = statements.condition(sample.key, new[0]) if new else "true"
    look = f"select * from {table.name} where {where}"
    actions = [*verbs, *(["select"] if new else [])]
    policies = [p for p in scene.policies.get(table.oid, ()) if any(_GIVEN in text for _, text in p.clauses)]
    steps = (
        (
            Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
            Step(who=claimed, statement=look, shows=ROWS),
        )
        if new
        else ()
    )
    return Finding(
        rule=RULE,
        object=object_,
        actions=tuple(actions),
        who=tuple(p.name for p in scene.users),
        severity=Severity.CRITICAL if verbs else Severity.HIGH,
        sentence=f"anyone signed in {does(actions)} rows of {object_} with {_GIVEN} = "
        f"{claimed.claims[_GIVEN]}, which users write themselves.",
        steps=steps,
        cause=f"claims {object_}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=p.name) for p in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=tuple(_from_app(table.name, p) for p in policies),
    )


def _from_app(table: str, policy: Policy) -> tuple[str, ...]:
    clauses = " ".join(f"{name} ({text.replace(_GIVEN, 'app_metadata')})" for name, text in policy.clauses)
    return (f"alter policy {quoted(policy.name)} on {table} {clauses}",)
