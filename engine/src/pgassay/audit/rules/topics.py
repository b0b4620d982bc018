"""Topics: somebody reads, or writes, in a channel of Realtime that is named after what is hidden from him."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.named_after import hidden_names
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, does, join
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

RULE = "topics"
_MESSAGES = "realtime.messages"
_EXTENSIONS = ("broadcast", "presence")
_TOPICS = 48  # of one persona
_ANY = "any"


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
    seen = measure_seen(scene, persona)
    said = [text for policy in policies for _, text in policy.clauses]
    reach = scene.inventory.reach(_MESSAGES)
    said += [f.text for name in reach if (f := scene.functions.get(name)) and scene.is_ours(f)]
    beginnings = {text.partition("%")[0] for text in find_literals(said).strings} - {*_EXTENSIONS}
    beginnings |= set(_joined_parts(beginnings))
    for value, sample, _ in hidden_names(scene, persona, seen, reach):
        yield from ((f"{begun}{value}", sample.object) for begun in sorted({"", *beginnings}))
    if {"uid", "sub"} & find_literals(said).words:
        others = [other.id for other in scene.users if other.id and other != persona]
        theirs = (f"{begun}{id_}" for id_ in others for begun in _of_callers(said))
        yield from ((topic, "users") for topic in theirs)


def _joined_parts(texts: Collection[str]) -> Iterator[str]:
    """Where policies split a name at what separates its parts: a part, if only any, and the separator."""
    separators = [text for text in texts if len(text) == 1 and not text.isalnum()]
    parts = [text for text in texts if text and text[-1].isalnum()]
    yield from (f"{part}{separator}" for separator in separators for part in (*parts, _ANY))


def _of_callers(said: Sequence[str]) -> Iterator[str]:
    """What stands before a caller's own id: what is said beside it, and beside no table."""
    for text in said:
        words = find_literals([text]).words
        if words & {"uid", "sub"} and "from" not in words:
            yield from (s.partition("%")[0] for s in find_literals([text]).strings if s not in _EXTENSIONS)


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
