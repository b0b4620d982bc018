"""Headers of a request, which its caller writes: conditions that trust what stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pgassay.audit.asking import tokens
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene, key_expression, own_condition
from pgassay.audit.words import anyone
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, ObjectKey, Policy
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition
from pgassay.observation import Persona

_HEADERS = "request.headers"
_VALUES = 32


def of_headers(scene: Scene) -> Iterator[Finding]:
    """Who names something of others in a header reads more; one who says a secret there was told it."""
    names = sorted(_names(scene))
    people = [*(p for p in scene.people if p.id is None), *scene.users] if names else []
    for sample in scene.samples:
        found: dict[Persona, tuple[Step, Step]] = {}
        for persona in people if sample.table.kind in "rpv" else ():
            headers = [json.dumps({name: v}) for name in names for v in _values(scene, persona)]
            if steps := _try(scene, sample, persona, headers):
                found[persona] = steps
        if found:
            yield _tell(scene, sample, found)


def _names(scene: Scene) -> set[str]:
    """The headers that policies and the project's functions ask for."""
    policies = [text for policy in scene.catalog.of(Policy) for _, text in policy.clauses]
    bodies = [f.text for f in scene.catalog.of(Function) if scene.is_ours(f)]
    said = [some for text in (*policies, *bodies) if _HEADERS in (some := find_literals([text])).strings]
    return {path[0] for some in said for path in some.paths if len(path) == 1}


def _values(scene: Scene, persona: Persona) -> list[str]:
    """What names rows: keys and references, and no secrets; not where the persona belongs."""
    secret = tokens(scene, persona, measure_seen(scene, persona)) | _own(scene, persona)
    found = {
        value: None
        for sample in scene.samples
        for name in (*sample.key, *(n for key in sample.table.foreign_keys for n in key.columns))
        for row in sample.rows
        if (value := row.values[name]) and value not in secret
    }
    return list(found)[:_VALUES]


def _own(scene: Scene, persona: Persona) -> frozenset[str]:
    """All that stands in rows of the persona's own, such as its groups."""
    tables = [sample for sample in scene.samples if owner_columns(sample)] if persona.id else []
    rows = "select e.value from {} as t, pg_catalog.jsonb_each_text(to_jsonb(t.*)) as e where {}"
    answers = scene.ask(None, [[rows.format(s.table.name, own_condition(s, persona))] for s in tables])
    return frozenset(v for a in answers if not a.sqlstate for [v] in a.rows[0] if v)


def _try(scene: Scene, sample: Sample, persona: Persona, headers: list[str]) -> tuple[Step, Step] | None:
    """A row of others that it reads with a header, and not without."""
    look = f"select {key_expression(sample.key)} from {sample.table.name}"
    [plain] = scene.ask(persona, [[look]])
    answers = scene.ask(persona, [[*Step(statement=look, headers=one).said, look] for one in headers])
    for one, answer in zip(headers, answers, strict=True):
        new = set() if answer.sqlstate or plain.sqlstate else {*answer.rows[1]} - {*plain.rows[0]}
        theirs = [row for row in sample.rows if row.key in new and persona.id not in row.owners]
        if theirs:
            text = f"select 1 from {sample.table.name} where {condition(sample.key, theirs[0].key)}"
            return (
                Step(who=persona, statement=text, shows=NO_ROWS_SHOWN),
                Step(who=persona, statement=text, shows=ROWS, headers=one),
            )
    return None


def _tell(scene: Scene, sample: Sample, found: dict[Persona, tuple[Step, Step]]) -> Finding:
    table = sample.table
    who = list(found)
    first, *others = found.values()
    policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all")]
    return Finding(
        rule="claims",
        object=sample.object,
        actions=("select",),
        who=tuple(persona.name for persona in who),
        severity=Severity.CRITICAL if any(p.id is None for p in who) else Severity.HIGH,
        sentence=f"{anyone(who)} reads rows of {sample.object} with the headers {first[1].headers}, which "
        "callers write themselves.",
        steps=first,
        others=tuple(others),
        cause=f"claims {sample.object}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=p.name) for p in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
    )
