"""Topics: somebody reads, or writes, in a channel of Realtime that is named after what is hidden from him."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.calls import hidden_rows
from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import Reach, measure
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, does, join
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, literal
from pgassay.observation import Persona

RULE = "topics"
_MESSAGES = "realtime.messages"
_EXTENSIONS = ("broadcast", "presence")
_TOPICS = 48  # of one persona


@dataclass(frozen=True, kw_only=True)
class _Joined:
    """Who is let into which channel, and how it is shown; `about`: whose name the channel has."""

    persona: Persona
    verb: str
    about: str
    steps: Steps


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for all channels."""
    table = scene.surface.by_name.get(_MESSAGES)
    policies = scene.policies.get(table.oid, ()) if table else ()
    if policies and (joined := [one for p in scene.people for one in _joined(scene, policies, p)]):
        yield _tell(scene, policies, joined)


def _joined(scene: Scene, policies: Sequence[Policy], persona: Persona) -> Iterator[_Joined]:
    """The first channel in which it reads, and the first in which it writes."""
    done: set[str] = set()
    for topic, about in islice(_topics(scene, policies, persona), _TOPICS):
        for verb, steps in _attempts(persona, topic):
            if verb not in done and plays(scene.session, steps):
                done.add(verb)
                yield _Joined(persona=persona, verb=verb, about=about, steps=steps)


def _attempts(persona: Persona, topic: str) -> Iterator[tuple[str, Steps]]:
    """As Realtime asks: may this user read, or write, a message of this topic?"""
    setting = f"select pg_catalog.set_config('realtime.topic', {literal(topic)}, true)"
    for extension in _EXTENSIONS:
        row = f"{literal(topic)}, {literal(extension)}"
        send = f"insert into {_MESSAGES} (topic, extension, private) values ({row}, true)"
        look = f"select 1 from {_MESSAGES} where (topic, extension) = ({row})"
        begun = Step(statement=setting)
        yield "select", (begun, Step(statement=send), Step(who=persona, statement=look, shows=ROWS))
        yield "insert", (begun, Step(who=persona, statement=send, shows=ROWS))


def _topics(scene: Scene, policies: Sequence[Policy], persona: Persona) -> Iterator[tuple[str, str]]:
    """What a policy or a trigger puts before a name, and what names a hidden row of what it is about."""
    seen = measure(scene, persona)
    said = [text for policy in policies for _, text in policy.clauses]
    reach = scene.inventory.reach(_MESSAGES)
    said += [f.text for name in reach if (f := scene.functions.get(name)) and scene.is_ours(f)]
    beginnings = {text.partition("%")[0] for text in find_literals(said).strings} - {*_EXTENSIONS}
    tables = [sample for sample in scene.samples if sample.table.name in reach and sample.rows]
    known = _known(scene, seen)
    for sample in tables:
        for value in _names(sample, persona, seen):
            if value not in known:
                yield from ((f"{begun}{value}", sample.object) for begun in sorted({"", *beginnings}))
    if {"uid", "sub"} & find_literals(said).words:
        others = [other.id for other in scene.users if other.id and other != persona]
        theirs = (f"{begun}{id_}" for id_ in others for begun in _of_callers(said))
        yield from ((topic, "users") for topic in theirs)


def _of_callers(said: Sequence[str]) -> Iterator[str]:
    """What stands before a caller's own id: what is said beside it, and beside no table."""
    for text in said:
        words = find_literals([text]).words
        if words & {"uid", "sub"} and "from" not in words:
            yield from (s.partition("%")[0] for s in find_literals([text]).strings if s not in _EXTENSIONS)


def _known(scene: Scene, seen: Reach) -> set[str | None]:
    """Whatever names a row that is seen."""
    return {
        value
        for sample in scene.samples
        for row in sample.rows
        if row.key in seen.seen.get(sample.object, frozenset())
        for value in row.values.values()
    }


def _names(sample: Sample, persona: Persona, seen: Reach) -> Iterator[str]:
    """Of rows of others that the persona does not see: unique texts, keys, and what they refer to."""
    table = sample.table
    sets = [*(index.columns for index in table.unique), *(key.columns for key in table.foreign_keys)]
    alone = dict.fromkeys(
        name
        for some in sets
        for name in some
        if name not in owner_columns(sample) and (len(some) == 1 or table.columns[name].base not in TEXTS)
    )
    mine = [row for row in sample.rows if persona.id in row.owners]
    for name in sorted(alone, key=lambda name: table.columns[name].base not in TEXTS):
        own = {row.values[name] for row in mine}
        for row in _foreign(sample, persona, seen):
            value = row.values[name]
            is_long = value and (table.columns[name].base not in TEXTS or len(value) > 1)
            if value and is_long and value not in own:
                yield value


def _foreign(sample: Sample, persona: Persona, seen: Reach) -> list[Row]:
    return [row for row in hidden_rows(sample, seen) if persona.id not in row.owners]


def _tell(scene: Scene, policies: Sequence[Policy], joined: Sequence[_Joined]) -> Finding:
    first = joined[0]
    verbs = [verb for verb in ("insert", "select") if any(one.verb == verb for one in joined)]
    who = [p for p in scene.people if any(one.persona == p for one in joined)]
    named = [p for p in policies if p.permissive and p.command in (*verbs, "all")]
    about = join(dict.fromkeys(one.about for one in joined))
    return Finding(
        rule=RULE,
        object=_MESSAGES,
        actions=tuple(verbs),
        who=tuple(persona.name for persona in who),
        severity=Severity.CRITICAL if any(p.id is None for p in who) else Severity.HIGH,
        sentence=f"{anyone(who)} {does(verbs)} messages in channels of Realtime that are named after rows of "
        f"{about} which a SELECT hides.",
        steps=first.steps,
        others=tuple(one.steps for one in joined[1:]),
        about=(
            *(ObjectKey(kind="policy", object=_MESSAGES, name=policy.name) for policy in named),
            ObjectKey(kind="relation", object=_MESSAGES, name=""),
        ),
    )
