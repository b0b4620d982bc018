"""What to try of the platform's own tables: channels of Realtime, and paths in buckets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import bodies, is_searched, said_by
from pgassay.diff.probes import SearchProbe
from pgassay.matrix.model import Action, CellKey, RowClass, Witness
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

MESSAGES = "realtime.messages"
_OBJECTS = "storage.objects"
_EXTENSIONS = ("broadcast", "presence")
_TOPICS = 24


def try_platform(
    changes: Sequence[SchemaChange],
    samples: Sequence[Sample],
    personas: Sequence[Persona],
    *,
    base: Inventory,
    head: Inventory,
) -> Iterator[Experiment]:
    """Experiments with what a change of a policy or function, or what these use, may open there."""
    for name, make in ((MESSAGES, _join_channels), (_OBJECTS, _use_paths)):
        if not all(ObjectKey("relation", name, "") in side.objects for side in (base, head)):
            continue
        reach = base.reach(name) | head.reach(name)
        near = tuple(change for change in changes if is_searched(change) and change.key.object in reach)
        texts = [[*said_by(near, side), *bodies(reach, side)] for side in (head, base)]
        if near:
            yield from make(near, find_literals(*texts).strings, samples, personas)


def _join_channels(
    changes: tuple[SchemaChange, ...],
    strings: Sequence[str],
    _: Sequence[Sample],
    personas: Sequence[Persona],
) -> Iterator[Experiment]:
    """As Realtime asks: may this user read, or write, a message of this topic?"""
    ids = [persona.id for persona in personas if persona.id is not None]
    for topic in islice(_find_topics(strings, ids), _TOPICS):
        setup = [f"select pg_catalog.set_config('realtime.topic', {literal(topic)}, true)"]
        setup += [_send(topic, extension) for extension in _EXTENSIONS]
        looks = [
            f"select topic from {MESSAGES} where topic = {literal(topic)} and extension = {literal(one)}"
            for one in _EXTENSIONS
        ]
        yield Experiment(
            changes=changes,
            attempts=tuple(
                _attempt(persona, MESSAGES, action, text)
                for persona in personas
                for action, texts in (
                    (Action.SELECT, looks),
                    (Action.INSERT, [_send(topic, extension) for extension in _EXTENSIONS]),
                )
                for text in texts
            ),
            setup=tuple(setup),
            given=f"the topic {literal(topic)}",
        )


def _find_topics(strings: Iterable[str], ids: Sequence[str]) -> Iterator[str]:
    """Nobody's, everybody's, and those that the text makes of what it mentions."""
    plain = [text.strip("%") for text in strings if text not in _EXTENSIONS]
    found = ["pgassay", *plain, *ids, *(f"{text}{id_}" for text in ("room:", *plain) for id_ in ids)]
    yield from dict.fromkeys(text for text in found if text)


def _send(topic: str, extension: str) -> str:
    values = f"{literal(topic)}, {literal(extension)}, '{{}}', 'pgassay', true"
    return f"insert into {MESSAGES} (topic, extension, payload, event, private) values ({values})"


def _use_paths(
    changes: tuple[SchemaChange, ...],
    strings: Sequence[str],
    samples: Sequence[Sample],
    personas: Sequence[Persona],
) -> Iterator[Experiment]:
    """Put an object there, or find one that is there and another's, in each bucket."""
    people = [persona for persona in personas if persona.id is not None]
    for sample in samples:
        if not sample.object.startswith(f"{_OBJECTS}["):
            continue
        bucket = sample.object.removeprefix(f"{_OBJECTS}[").removesuffix("]")
        for other in people[:2]:
            for path in dict.fromkeys(_find_paths(strings, other.id or "", [p.id or "" for p in people])):
                put = _put(bucket, path, "{}")
                where = f"where bucket_id = {literal(bucket)} and name = {literal(path)}"
                yield Experiment(
                    changes=changes,
                    attempts=tuple(
                        _attempt(persona, sample.object, Action.INSERT, put.format(literal(persona.id)))
                        for persona in personas
                    ),
                    given=f"the path {literal(path)}",
                )
                yield Experiment(
                    changes=changes,
                    attempts=tuple(
                        _attempt(persona, sample.object, action, f"{text} {where}")
                        for persona in personas
                        for action, text in (
                            (Action.SELECT, f"select name from {_OBJECTS}"),
                            (Action.UPDATE, f"update {_OBJECTS} set name = name"),
                            (Action.DELETE, f"delete from {_OBJECTS}"),
                        )
                    ),
                    setup=(put.format(literal(other.id)),),
                    given=f"the path {literal(path)} of {other.name}'s",
                )


def _find_paths(strings: Sequence[str], other: str, ids: Sequence[str]) -> Iterator[str]:
    """The other's folder first, inside and last; climbed into from one's own; and what the text mentions."""
    yield from (f"{other}/pgassay", f"pgassay/{other}/x", f"pgassay/{other}", "pgassay", "")
    for own in ids:
        if own != other:
            yield from (
                f"{own}/{other}/x",
                f"{own}/../{other}/x",
                f"{own}/%2e%2e/{other}/x",
                f"{own}x/{other}",
            )
    for text in strings[:4]:
        yield from (text.strip("%"), f"{text.strip('%/')}/{other}/x")


def _put(bucket: str, path: str, owner: str) -> str:
    values = f"{literal(bucket)}, {literal(path)}, {owner}"
    return f"insert into {_OBJECTS} (bucket_id, name, owner_id) values ({values})"


def _attempt(persona: Persona, name: str, action: Action, text: str) -> SearchProbe:
    key = CellKey(persona=persona.name, object=name, action=action, variant="-", rows=RowClass.ANY)
    return SearchProbe(key=key, witness=Witness(persona=persona, statement=text))
