"""What to try of the platform's own tables: channels of Realtime, and paths in buckets. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import bodies, is_searched, said_by
from pgassay.diff.probes import SearchProbe
from pgassay.matrix.model import Action, CellKey, RowClass, Witness
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import TEXTS, literal
from pgassay.observation import Persona

MESSAGES = "realtime.messages"
_OBJECTS = "storage.objects"
_EXTENSIONS = ("broadcast", "presence")
_TOPICS = 24
_AT_ONCE = 64
_OWNERS = 2
_DEEDS = (
    (Action.SELECT, f"select name from {_OBJECTS}"),
    (Action.UPDATE, f"update {_OBJECTS} set name = name"),
    (Action.DELETE, f"delete from {_OBJECTS}"),
)
_NAMED = 3  # paths of a persona that rows name


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
        said = [said_by(near, side) for side in (head, base)]
        texts = [[*one, *bodies(reach, side)] for one, side in zip(said, (head, base), strict=True)]
        if near:
            literals = replace(find_literals(*texts), words=find_literals(*said).words)
            yield from make(near, literals, samples, personas)


def _join_channels(
    changes: tuple[SchemaChange, ...],
    literals: Literals,
    _: Sequence[Sample],
    personas: Sequence[Persona],
) -> Iterator[Experiment]:
    """As Realtime asks: may this user read, or write, a message of this topic?"""
    ids = [persona.id for persona in personas if persona.id is not None]
    for topic in islice(_find_topics(literals.strings, ids), _TOPICS):
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
    literals: Literals,
    samples: Sequence[Sample],
    personas: Sequence[Persona],
) -> Iterator[Experiment]:
    """Put an object there, or find one that is there and another's; first in buckets that the text names."""
    people = [persona for persona in personas if persona.id is not None]
    ids = [persona.id or "" for persona in people]
    buckets = [
        one.object.removeprefix(f"{_OBJECTS}[").removesuffix("]")
        for one in samples
        if one.object.startswith(f"{_OBJECTS}[")
    ]
    spelled = [
        path
        for persona in people[:_OWNERS]
        for name in islice(_find_named(samples, literals.words, persona.id or ""), _NAMED)
        for path in _spell_otherwise(name)
    ]
    theirs = {p.id or "": [*dict.fromkeys(_find_paths(literals.strings, p.id or "", ids))] for p in people}
    every = [path for id_ in ids[:_OWNERS] for path in theirs[id_]]
    for bucket in sorted(buckets, key=lambda name: name not in literals.strings):
        puts = (
            _with_path(persona, bucket, path, Action.INSERT, _put(bucket, [path], persona.id))
            for path in dict.fromkeys([*spelled, *every])
            for persona in personas
        )
        while some := tuple(islice(puts, _AT_ONCE)):
            yield Experiment(changes=changes, attempts=some)
        for other in people[:_OWNERS]:
            setup = (_put(bucket, theirs[other.id or ""], other.id),)
            for action, text in _DEEDS:
                attempts = (
                    _with_path(persona, bucket, path, action, f"{text} {_where(bucket, path)}")
                    for path in theirs[other.id or ""]
                    for persona in personas
                )
                yield Experiment(
                    changes=changes,
                    attempts=tuple(attempts),
                    setup=setup,
                    given=f"an object of {other.name}'s there",
                )


def _with_path(persona: Persona, bucket: str, path: str, action: Action, text: str) -> SearchProbe:
    return replace(
        _attempt(persona, f"{_OBJECTS}[{bucket}]", action, text), given=f"the path {literal(path)}"
    )


def _where(bucket: str, path: str) -> str:
    return f"where bucket_id = {literal(bucket)} and name = {literal(path)}"


def _find_paths(strings: Sequence[str], other: str, ids: Sequence[str]) -> Iterator[str]:
    """The other's folder first, inside and last; climbed into from one's own; and what the text mentions."""
    yield from (f"{other}/pgassay", f"pgassay/{other}/x", f"pgassay/{other}", "pgassay", "")
    for own in ids:
        if own != other:
            yield from (
                f"{other}/{own}/x",
                f"{own}/{other}/x",
                f"{own}/../{other}/x",
                f"{own}/%2e%2e/{other}/x",
                f"{own}x/{other}",
            )
            yield from (f"{other}/x/{own}/x", f"{other}/{own}", f"{own}//{other}/x", f"{own}/./{other}/x")
    for text in strings[:4]:
        yield from (text.strip("%"), f"{text.strip('%/')}/{other}/x")


def _find_named(samples: Iterable[Sample], words: Collection[str], whose: str) -> Iterator[str]:
    """Paths in rows of somebody's, in columns that a policy names."""
    for sample in samples:
        named = [one.name for one in sample.columns if one.name in words and one.base in TEXTS]
        for row in sample.rows if sample.table.stored and not sample.object.startswith(_OBJECTS) else ():
            if whose in row.owners:
                yield from (path for name in named if "/" in (path := row.values[name] or ""))


def _spell_otherwise(path: str) -> Iterator[str]:
    """The path, and such as a comparison may take for it: letters, segments, blanks, what comes behind it."""
    first, _, last = path.rpartition("/")
    yield from (path, f"{first}/{last.upper()}", path.upper(), f"{first}//{last}", f"{first}/./{last}")
    yield from (
        f"{path}x",
        f"{path}/x",
        f"{first}/x/{last}",
        f"{path} ",
        f"{first}/{last.replace('.', '%2e')}",
    )


def _put(bucket: str, paths: Iterable[str], owner: str | None) -> str:
    values = ", ".join(f"({literal(bucket)}, {literal(path)}, {literal(owner)})" for path in paths)
    return f"insert into {_OBJECTS} (bucket_id, name, owner_id) values {values}"


def _attempt(persona: Persona, name: str, action: Action, text: str) -> SearchProbe:
    key = CellKey(persona=persona.name, object=name, action=action, variant="-", rows=RowClass.ANY)
    return SearchProbe(key=key, witness=Witness(persona=persona, statement=text))
