"""Two at once: outcomes of two statements that they do not have one after the other, in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgassay.audit.acts import Act
from pgassay.audit.model import Finding, Severity
from pgassay.audit.rules.races.concurrency import Budget, Race, Search
from pgassay.audit.rules.races.repairs import find_repair
from pgassay.audit.scene import Scene
from pgassay.observation import Persona
from pgassay.plpgsql.model import InstrumentError
from pgassay.plpgsql.rewriting import find_points
from pgassay.races.anomaly import Kind
from pgassay.races.difference import Difference
from pgassay.races.model import Event, StepFate
from pgassay.world import Show

RULE = "races"
IN_AN_AUDIT = Budget()
_LONGEST = 70


def find(
    scene: Scene, *, budget: Budget = IN_AN_AUDIT, stale: bool = False, show: Show = str
) -> Iterator[Finding]:
    """Of as many pairs as the budget has room for; `stale` answers alone only where that is asked."""
    search = Search(scene=scene, budget=budget)
    for race in search.races(show):
        if stale or race.anomaly.kind is not Kind.STALE_ANSWER:
            show(f"repairing {' and '.join(race.pair.objects)}")
            yield replace(tell(scene, race), repair=find_repair(scene, race, budget))
    scene.untried.extend(search.remarks)


def tell(scene: Scene, race: Race) -> Finding:
    """A race as a finding."""
    pair, anomaly = race.pair, race.anomaly
    acts = (pair.first, pair.second)
    return Finding(
        rule=RULE,
        object=pair.first.object,
        actions=tuple(dict.fromkeys(act.verb for act in acts)),
        who=tuple(dict.fromkeys(act.persona.name for act in acts)),
        severity=_severity(scene, race),
        sentence=_sentence(race),
        schedule=tuple(describe_schedule(scene, race)),
        columns=() if len(pair.objects) == 1 else (pair.second.object,),
        cause=f"race {' '.join(pair.objects)}",
        about=tuple(act.about for act in acts),
        weight=len(anomaly.differences),
    )


def _severity(scene: Scene, race: Race) -> Severity:
    """What the callers may not write themselves has moved, or only what is theirs anyway."""
    acts = (race.pair.first, race.pair.second)
    if race.anomaly.kind is Kind.DEADLOCK:
        return Severity.LOW
    if race.anomaly.kind is Kind.STALE_ANSWER or any(act.persona not in scene.people for act in acts):
        return Severity.MEDIUM
    guarded = any(_is_guarded(scene, one, race.pair.first.persona) for one in race.anomaly.differences)
    if not guarded:
        return Severity.MEDIUM
    return Severity.CRITICAL if any(act.persona.id is None for act in acts) else Severity.HIGH


def _is_guarded(scene: Scene, difference: Difference, persona: Persona) -> bool:
    table = scene.surface.by_name.get(difference.table)
    held = table.privileges.get(persona.role) if table else None
    if held is None:
        return True
    verb = "update" if difference.column else "insert"
    has = difference.column in held.update if difference.column else bool(held.insert)
    opened = not held.filtered or any(policy.command in (verb, "all") for policy in held.policies)
    return not (has and opened)


def _sentence(race: Race) -> str:
    first, second = race.pair.first, race.pair.second
    kind, changes = race.anomaly.kind, "; ".join(map(str, race.anomaly.differences[:3]))
    same = first.statement == second.statement
    who = (
        f"{_does(first)}, and {second.persona.name} does the same"
        if same
        else f"{_does(first)}, {_does(second)}"
    )
    who += " at once"
    if kind is Kind.DEADLOCK:
        return f"{who}: each waits for the other, and one of them fails with 40P01 (deadlock)."
    passed = ""
    if race.anomaly.refused and None not in race.anomaly.result.answers:
        passed = f"both go through, where one after the other one is refused ({race.anomaly.refused}); "
    return f"{who}: {passed}{changes or 'both are answered the same'} ({kind.value})."


def _does(act: Act) -> str:
    verb = {"execute": "calls", "insert": "inserts into", "update": "updates"}[act.verb]
    return f"{act.persona.name} {verb} {act.object}"


def describe_schedule(scene: Scene, race: Race) -> Iterator[str]:
    """The witness, line by line."""
    yield from (f"try   as owner: {text}" for text in race.pair.setup)
    people = {session.name: session.persona for session in race.anomaly.trial.scenario.sessions}
    begun: set[str] = set()
    for move in race.anomaly.trial.moves:
        for event in move.events:
            persona = people[event.session]
            goes_on = event.session in begun and event.step != "commit"
            begun.add(event.session)
            who = f"{event.session}, as {persona.name if persona else 'owner'}"
            yield f"try   {who}: {'goes on' if goes_on else event.step}{_fate(scene, event)}"


def _fate(scene: Scene, event: Event) -> str:
    match event.fate:
        case StepFate.WAITS:
            return f", waits for {' and '.join(event.waits_for)}"
        case StepFate.PAUSED:
            return f", up to: {_text(scene, event.reply.message)}"
        case StepFate.FAILED:
            return f", fails with {event.reply.sqlstate}"
    return ""


def _text(scene: Scene, point: str) -> str:
    """The statement at a point such as `public.f()#3`."""
    name, _, number = point.rpartition("#")
    function = scene.functions.get(name)
    try:
        points = find_points(function) if function and function.language == "plpgsql" else ()
    except InstrumentError:
        points = ()
    text = next((p.text for p in points if str(p.k) == number), point)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
