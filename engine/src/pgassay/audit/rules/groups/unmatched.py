"""INSERTs that ask for a row of the user's own elsewhere, and not for one about the same thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.memberships import Standing, standings
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import Write, insert_of, make_room, owner_columns
from pgassay.catalog.model import ObjectKey
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

_REFUSED = "42501"
_STANDINGS = 12
_THINGS = 3  # that are tried besides the own one


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two tables whose rows are about a row of a third one: what is asked for, and what is inserted."""

    asked: Sample
    about: str
    sample: Sample
    column: str
    things: Sample
    target: str


def find_unmatched(scene: Scene) -> Iterator[Finding]:
    """One finding for each table."""
    done: set[str] = set()
    for pair in _pairs(scene):
        for persona in scene.users if pair.sample.object not in done else ():
            if found := _try(scene, pair, persona):
                done.add(pair.sample.object)
                yield found
                break


def _pairs(scene: Scene) -> Iterator[_Pair]:
    for sample in scene.samples:
        if sample.table.kind not in "rp" or not sample.table.secured or sample.object != sample.table.name:
            continue
        reach = scene.inventory.reach(sample.table.name)
        columns = _about(sample)
        for asked in scene.samples:
            if asked is sample or asked.table.name not in reach or not owner_columns(asked):
                continue
            for about, leads in _about(asked).items():
                things = scene.sample_of.get(leads[0])
                for column in (name for name, other in columns.items() if other == leads):
                    if things is None:
                        continue
                    yield _Pair(
                        asked=asked,
                        about=about,
                        sample=sample,
                        column=column,
                        things=things,
                        target=leads[1],
                    )


def _about(sample: Sample) -> dict[str, tuple[str, str]]:
    """Its references to what is no user, with the table and column to which they lead."""
    keys = [key for key in sample.table.foreign_keys if len(key.columns) == 1]
    return {
        key.columns[0]: (key.target or "", key.target_columns[0])
        for key in keys
        if key.columns[0] not in owner_columns(sample)
    }


def _try(scene: Scene, pair: _Pair, persona: Persona) -> Finding | None:
    """With a row about one thing an INSERT about each other one goes through; without any it is refused."""
    own = next((row for row in pair.things.rows if persona.id not in row.owners), None)
    others = [row for row in pair.things.rows if row is not own and persona.id not in row.owners]
    writes = [write for row in others[:_THINGS] if (write := _insert(pair, persona, row))]
    if own is None or not writes:
        return None
    room = (make_room(pair.asked, persona), *_room(pair, persona))
    with scene.session.undone():
        ready = all(run(scene.session, None, text) for text in room)
        if not ready or any(code != _REFUSED for code in _codes(scene, persona, writes)):
            return None
    given = {pair.about: own.values[pair.target]}
    for standing in islice(standings(scene, pair.asked, persona, **given), _STANDINGS):
        with scene.session.undone():
            ready = all(run(scene.session, None, text) for text in (*room, *standing.setup))
            if ready and not any(_codes(scene, persona, writes)):
                return _tell(scene, pair, persona, writes[0], standing)
    return None


def _room(pair: _Pair, persona: Persona) -> tuple[str, ...]:
    return (make_room(pair.sample, persona),) if owner_columns(pair.sample) else ()


def _insert(pair: _Pair, persona: Persona, thing: Row) -> Write | None:
    like = replace(pair.sample.rows[0], owners=frozenset()) if pair.sample.rows else None
    given = {pair.column: thing.values[pair.target]}
    return insert_of(pair.sample, persona, like, **given) if like else None


def _codes(scene: Scene, persona: Persona, writes: Sequence[Write]) -> list[str]:
    return [answer.sqlstate for answer in scene.ask(persona, [[write.statement] for write in writes])]


def _tell(scene: Scene, pair: _Pair, persona: Persona, write: Write, standing: Standing) -> Finding:
    table = pair.sample.table
    policies = [p for p in table.privileges[persona.role].policies if p.command in ("insert", "all")]
    room = (make_room(pair.asked, persona), *_room(pair, persona))
    return Finding(
        rule="groups",
        object=pair.sample.object,
        columns=(pair.column,),
        actions=("insert",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} inserts a row into {table.name} about any {pair.column}: a policy asks for "
        f"a row of {persona.name}'s own in {pair.asked.object}, and does not compare its {pair.about}.",
        steps=(
            *(Step(statement=text) for text in room),
            Step(who=persona, statement=write.statement, shows=_REFUSED),
            *(Step(statement=text) for text in standing.setup),
            Step(who=persona, statement=write.statement, shows=ROWS),
        ),
        cause=f"own insert {pair.sample.object} ",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
    )
