"""One audit from start to end: rows, matrix, rules, witnesses, ranking."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pgassay.audit.acceptance import FILE, apply_acceptances, fingerprint, read_acceptances
from pgassay.audit.arguments import CALLS, count_lists, lacks_argument
from pgassay.audit.beside import ask
from pgassay.audit.calls import callable_by
from pgassay.audit.confirmation import confirm
from pgassay.audit.model import Audit, Finding
from pgassay.audit.repairs import repair
from pgassay.audit.rules import RULES, Rule
from pgassay.audit.scene import LONGEST, Scene, survey_all
from pgassay.errors import SchemaError
from pgassay.render.text import counted, relative
from pgassay.workbench import Workbench
from pgassay.world import Show, fill


def audit(bench: Workbench, *, rules: Sequence[Rule] = RULES, show: Show = str) -> Audit:
    """All that is wrong with a schema, by these rules. Raises ConfigError, ServerError."""
    started = time.perf_counter()
    try:
        world = fill(bench, show)
        show("trying everything")
        scene = survey_all(bench, world)
        found, untried = ask(scene, rules)
        show("running the witnesses again")
        findings = rank(confirm(one_of_each_cause(found), bench, world))
        show("trying repairs")
        done = Audit(
            findings=tuple(_placed(scene, repair(scene, findings))),
            untried=tuple(dict.fromkeys([*_untried(scene), *scene.untried, *untried])),
            about=_about(scene),
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
    for finding in findings:
        place = next(filter(None, map(scene.definitions.find, finding.about)), None)
        yield replace(finding, place=place, fingerprint=fingerprint(scene.inventory, finding.object))


def _untried(scene: Scene) -> Iterator[str]:
    yield from (str(missing) for missing in scene.world.missing)
    yield from (f"every request of {name}: {why}" for name, why in scene.matrix.refused)
    yield from (f"{g.object}, rows of {g.rows.value}: {g.why}" for g in scene.matrix.gaps if g.why)
    functions = {f.function: f for persona in scene.people for f in callable_by(scene, persona)}
    for name, function in functions.items():
        if lacks_argument(scene, function):
            yield f"{name} needs an argument that could not be made"
        elif (number := count_lists(scene, function)) > CALLS:
            yield f"{name} with more than {CALLS} of {number} lists of arguments"
    yield from (
        f"{name} beyond its first calls, of which one took over {LONGEST / 1000:g} s or ended the session"
        for name in sorted(scene.unending)
    )


def _about(scene: Scene) -> str:
    config, world = scene.bench.config, scene.world
    tables = sum(table.kind in "rp" for table in scene.surface.reachable)
    files = f"{len(config.schema)} files" if len(config.schema) > 1 else relative(config.schema[0])
    both = sum(reach.both for reach in world.atoms)
    rows = counted(sum(bool(row.table) for row in world.made), "row")
    return (
        f"{files} on {scene.bench.server.title} · {counted(tables, 'table')} · world made: "
        f"{rows}, {counted(len(scene.people), 'persona')} · "
        f"{both} of {len(world.atoms)} policy atoms reached both ways"
    )
