"""One audit from start to end: rows, matrix, rules, witnesses, ranking."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import psycopg

from pgassay.audit.acceptance import FILE, apply_acceptances, fingerprint, read_acceptances
from pgassay.audit.calls import CALLS, callable_by, count_lists, lacks_argument
from pgassay.audit.confirmation import confirm
from pgassay.audit.model import Audit, Finding
from pgassay.audit.repairs import repair
from pgassay.audit.rules import RULES, Rule, races
from pgassay.audit.scene import LONGEST, PATIENCE, STATEMENTS, Scene, open_loaded, open_scene
from pgassay.audit.work import OutOfPatienceError, OutOfWorkError, Work
from pgassay.errors import SchemaError, ServerError
from pgassay.plpgsql.definitions import find_definitions
from pgassay.render.text import counted, relative
from pgassay.workbench import Workbench
from pgassay.world import Show, fill
from pgassay.world.model import World

_SESSIONS = 5


def audit(bench: Workbench, *, rules: Sequence[Rule] = RULES, show: Show = str) -> Audit:
    """All that is wrong with a schema, by these rules. Raises ConfigError, ServerError."""
    started = time.perf_counter()
    try:
        world = fill(bench, show)
        show("trying everything")
        scene, found = _ask(bench, world, rules)
        show("running the witnesses again")
        findings = rank(confirm(one_of_each_cause(found), bench, world))
        show("trying repairs")
        done = Audit(
            findings=tuple(_placed(scene, repair(scene, findings))),
            untried=tuple(dict.fromkeys([*_untried(scene), *scene.untried])),
            about=_about(scene),
            matrix=scene.matrix,
            world=world,
        )
    except SchemaError as error:
        done = Audit(fault=error)
    done = apply_acceptances(done, read_acceptances(bench.config.root / FILE))
    return replace(done, seconds=time.perf_counter() - started)


def _ask(bench: Workbench, world: World, rules: Sequence[Rule]) -> tuple[Scene, list[Finding]]:
    """What the rules find. Where a statement ends the session, another goes on, without that function.

    The last rule, of races, mostly waits: where there are others, it has a thread and a session of its own.
    """
    beside = [rule for rule in rules if rule is races.find] if len(rules) > 1 else []
    rest: Sequence[Rule] = [rule for rule in rules if rule not in beside]
    found: list[Finding] = []
    untried: list[str] = []
    unending: set[str] = set()
    with ThreadPoolExecutor(1) as pool:
        others: Future[tuple[Scene, list[Finding]]] | None = None
        for _ in range(_SESSIONS):
            with open_scene(bench, world, unending) as scene:
                if beside and others is None:
                    others = pool.submit(_ask_beside, scene, beside)
                rest = _go_on(scene, rest, found)
            untried += scene.untried
            if not rest:
                break
    untried += (f"the rule {_name(rule)}: too many sessions were ended" for rule in rest)
    if others:
        theirs, more = others.result()
        found += more
        untried += theirs.untried
        unending |= theirs.unending
    return replace(scene, untried=untried), found


def _ask_beside(scene: Scene, rules: Sequence[Rule]) -> tuple[Scene, list[Finding]]:
    """As `_ask`, of what another session has read."""
    found: list[Finding] = []
    own = replace(scene, unending=set(scene.unending), untried=[])
    for _ in range(_SESSIONS):
        with open_loaded(own.bench, own.world) as session:
            rules = _go_on(replace(own, session=session, work=Work(left=0), _planned={}), rules, found)
        if not rules:
            break
    own.untried.extend(f"the rule {_name(rule)}: too many sessions were ended" for rule in rules)
    return own, found


def _go_on(scene: Scene, rules: Sequence[Rule], found: list[Finding]) -> Sequence[Rule]:
    """Carry rules out until a statement ends the session; those that are left."""
    known = len(scene.unending)
    while rules and not scene.session.connection.closed:
        if not _carry_out(scene, rules[0], found):
            names = ", ".join(map(_name, rules))
            scene.untried.append(f"what is left of the rules {names}: slow statements took {PATIENCE:g} s")
            return []
        ended = scene.session.connection.closed
        rules = rules if ended and len(scene.unending) > known else rules[1:]
    return rules


def _carry_out(scene: Scene, rule: Rule, found: list[Finding]) -> bool:
    """Add what a rule finds; a remark, where a statement of its own fails or it has asked enough.

    Whether others may follow: slow statements have not yet held all up for long.
    """
    scene.work.left = STATEMENTS * scene.bench.config.effort
    try:
        with scene.session.undone():
            for finding in rule(scene):
                found.append(finding)  # what was found before an error stays
    except OutOfWorkError:
        scene.untried.append(f"the rule {_name(rule)} beyond its first {STATEMENTS} statements: see --effort")
    except (psycopg.Error, ServerError) as error:
        if not (scene.session.connection.closed and scene.unending):  # it goes on without the function
            scene.untried.append(f"the rule {_name(rule)} to its end: {str(error).strip()}")
    except OutOfPatienceError:
        return False
    return True


def _name(rule: Rule) -> str:
    return rule.__module__.rpartition(".")[2]


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
