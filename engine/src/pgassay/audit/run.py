"""One audit from start to end: rows, matrix, rules, witnesses, ranking."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pgassay.audit.acceptance import FILE, apply_acceptances, fingerprint, read_acceptances
from pgassay.audit.confirmation import confirm
from pgassay.audit.model import Audit, Finding
from pgassay.audit.repairs import repair
from pgassay.audit.rules import RULES
from pgassay.audit.scene import Scene, open_scene
from pgassay.errors import SchemaError
from pgassay.plpgsql.definitions import find_definitions
from pgassay.workbench import Workbench
from pgassay.world import Show, fill


def audit(bench: Workbench, *, show: Show = str) -> Audit:
    """All that is wrong with a schema. Raises ConfigError, ServerError."""
    started = time.perf_counter()
    try:
        world = fill(bench, show)
        show("trying everything")
        with open_scene(bench, world) as scene:
            found: list[Finding] = []
            for rule in RULES:
                found += rule(scene)
            show("running the witnesses again")
            findings = rank(confirm(one_of_each_cause(found), bench, world))
            show("trying repairs")
            done = Audit(
                findings=tuple(_placed(scene, repair(scene, findings))),
                untried=tuple(_untried(scene)),
                matrix=scene.matrix,
                world=world,
            )
    except SchemaError as error:
        done = Audit(fault=error)
    done = apply_acceptances(done, read_acceptances(bench.config.root / FILE))
    return replace(done, seconds=time.perf_counter() - started)


def one_of_each_cause(findings: Iterable[Finding]) -> list[Finding]:
    """The worst of those that one cause has."""
    best: dict[str, Finding] = {}
    for finding in findings:
        cause = finding.cause or finding.id
        if cause not in best or finding.severity < best[cause].severity:
            best[cause] = finding
    return list(best.values())


def rank(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; then what weighs more, such as money before names."""
    return sorted(findings, key=lambda f: (f.severity, -f.weight, f.object, f.rule, f.id))


def _placed(scene: Scene, findings: Iterable[Finding]) -> Iterator[Finding]:
    places = find_definitions(scene.scripts)
    for finding in findings:
        place = next(filter(None, map(places.find, finding.about)), None)
        yield replace(finding, place=place, fingerprint=fingerprint(scene.inventory, finding.object))


def _untried(scene: Scene) -> Iterator[str]:
    yield from (str(missing) for missing in scene.world.missing)
