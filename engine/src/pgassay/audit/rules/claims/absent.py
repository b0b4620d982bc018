"""Claims that a token need not have: what somebody reaches who lacks one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona
from pgassay.solver.asking import merged

# Auth puts them into every token, and no hook may take them out; users have metadata from their sign-up.
_NEVER_ABSENT = (
    *("aal", "aud", "email", "exp", "iat", "is_anonymous", "iss", "phone", "role", "session_id", "sub"),
    "user_metadata",
)
_FEW = 2
_MOST = 6
_IDS_OF_NOBODY = ("5e0c0de5-0000-4000-8000-00000000000a", "5e0c0de5-0000-4000-8000-00000000000b")


def of_absent_claims(scene: Scene) -> Iterator[Finding]:
    """Who lacks a claim reads what nobody with it reads: a condition lets its absence through."""
    paths = {path for path in scene.literals.paths if path and path[0] not in _NEVER_ABSENT}
    done: set[str] = set()
    for persona in scene.users[:1] if paths else ():
        for path in sorted(paths):
            lacking = replace(persona, claims=_left_out(persona.claims, path))
            holding = [
                replace(persona, claims=merged(lacking.claims, _document(path, value)))
                for value in _held(scene, path)
            ]
            if len(holding) < _FEW:
                continue
            with_it = [measure_seen(scene, one) for one in holding]
            for object_, keys in measure_seen(scene, lacking).seen.items():
                kept = [keys - one.seen.get(object_, frozenset()) for one in with_it]
                if object_ not in done and keys and all(kept):
                    done.add(object_)
                    yield _tell_without(
                        scene, (lacking, holding[0]), object_, sorted(kept[0], key=str)[0], path
                    )


def of_nobody(scene: Scene) -> Iterator[Finding]:
    """Who has no account reads what users do not read, by a policy that is for both: `NULL` lets him in."""
    anon = next((persona for persona in scene.people if persona.id is None), None)
    if anon is None:
        return
    seen = {persona: measure_seen(scene, persona).seen for persona in (anon, *scene.users)}
    for sample in scene.samples:
        held = sample.table.privileges
        policies = [p for p in held[anon.role].policies if p.permissive and p.command in ("select", "all")]
        for user in scene.users if policies and sample.table.kind in "rp" else ():
            theirs = seen[user].get(sample.object)
            more = seen[anon].get(sample.object, frozenset()) - (theirs or frozenset())
            if more and theirs is not None and set(policies) <= set(held[user.role].policies):
                yield _tell_nobody(sample, (anon, user), sorted(more, key=str)[0], policies)
                break


def _tell_nobody(
    sample: Sample,
    who: tuple[Persona, Persona],
    key: tuple[str | None, ...],
    policies: Sequence[Policy],
) -> Finding:
    table, (anon, user) = sample.table, who
    look = f"select * from {table.name} where {statements.condition(sample.key, key)}"
    return Finding(
        rule="claims",
        object=sample.object,
        actions=("select",),
        who=(anon.name,),
        severity=Severity.CRITICAL,
        sentence=f"anyone, without an account, reads rows of {sample.object} that {user.name} does not read: "
        "where there is no id, a condition on it lets them through.",
        steps=(
            Step(who=user, statement=look, shows=NO_ROWS_SHOWN),
            Step(who=anon, statement=look, shows=ROWS),
        ),
        cause=f"claims {sample.object}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=p.name) for p in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=(tuple(f"alter policy {p.quoted} on {p.table} to {user.role}" for p in policies),),
    )


def _left_out(claims: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    first, *rest = path
    inner = claims.get(first)
    if rest and isinstance(inner, dict):
        return {**claims, first: _left_out(inner, tuple(rest))}
    return {name: value for name, value in claims.items() if name != first}


def _document(path: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *rest = path
    return {first: _document(tuple(rest), value) if rest else value}


def _held(scene: Scene, path: tuple[str, ...]) -> list[object]:
    """Values of the claim that personas of the world have, and ids that nobody has."""
    found: list[object] = []
    for persona in scene.world.personas:
        value: Any = persona.claims
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None and value not in found:
            found.append(value)
    return [*found, *_IDS_OF_NOBODY][:_MOST]


def _tell_without(
    scene: Scene,
    who: tuple[Persona, Persona],
    object_: str,
    key: tuple[str | None, ...],
    path: tuple[str, ...],
) -> Finding:
    sample = scene.sample_of[object_]
    lacking, holding = who
    look = f"select * from {sample.table.name} where {statements.condition(sample.key, key)}"
    policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in ("select", "all")]
    return Finding(
        rule="claims",
        object=object_,
        actions=("select",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.HIGH,
        sentence=f"anyone signed in without the claim {'.'.join(path)} reads rows of {object_} that nobody "
        "with it reads: its absence lets everything through.",
        steps=(
            Step(who=holding, statement=look, shows=NO_ROWS_SHOWN),
            Step(who=lacking, statement=look, shows=ROWS),
        ),
        cause=f"claims {object_}",
        about=(
            *(ObjectKey(kind="policy", object=sample.table.name, name=p.name) for p in policies),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
    )
