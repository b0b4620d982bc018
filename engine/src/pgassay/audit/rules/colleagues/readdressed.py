"""Rows of two people, of which the one puts somebody else into the other's place, and made no such row.

Whoever makes such rows says for whom they are; who may only change them changes that as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, make_calls, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.ranks import needs_rank
from pgassay.audit.rules.colleagues.places import Pair, find_pairs
from pgassay.audit.scene import Scene
from pgassay.audit.writes import insert_of, left_to_update, owner_columns
from pgassay.catalog.model import ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, condition
from pgassay.observation import Persona

_ROWS, _CALLS = 4, 8


def find_readdressed(scene: Scene, sample: Sample) -> Iterator[Finding]:
    """For each two users and places."""
    for pair in find_pairs(scene, sample):
        if pair.theirs in scene.said and pair.theirs not in sample.key:
            for new in (pair.persona, *(u for u in scene.users if u not in (pair.persona, pair.other))):
                change = pair.by(pair.row.update({pair.theirs: new.id}))
                shown = (*pair.ready, change, Step(statement=_look(pair, new), shows=ROWS))
                anybody = (*pair.room, Step(statement=pair.strange.insert), change)
                is_place = plays(scene.session, shown) and not plays(scene.session, anybody)
                is_place = is_place and _is_the_others(scene, pair)
                if is_place and not needs_rank(scene, sample, pair.persona, shown, entering=False):
                    yield _tell(scene, pair, shown, new)


def _look(pair: Pair, new: Persona) -> str:
    """What the owner sees if nothing put it right again."""
    return f"{pair.row.look} and {condition((pair.theirs,), (new.id,))}"


def _is_the_others(scene: Scene, pair: Pair) -> bool:
    """Whether such a row is the other one's before the persona comes into it.

    Either no row is without him, and some are without the persona, or he makes them; the persona does not.
    """
    columns = pair.sample.table.columns
    is_first = columns[pair.theirs].not_null and not columns[pair.mine].not_null
    return (is_first or _makes(scene, pair, pair.other)) and not _makes(scene, pair, pair.persona)


def _makes(scene: Scene, pair: Pair, maker: Persona) -> bool:
    """Whether one of the two makes such rows: by an INSERT that no condition refuses, or by a call."""
    answers = scene.ask(maker, [[text] for text in dict.fromkeys(_inserts(pair, maker))])
    if any(not answer.sqlstate or answer.sqlstate[:2] in OF_VALUES for answer in answers):
        return True
    known, place = {row.key for row in pair.sample.rows}, pair.mine if maker == pair.persona else pair.theirs
    for function in callable_by(scene, maker):
        if function.volatility == "v" and pair.sample in samples_of(scene, function):
            calls = [
                Call(function=function, arguments=some, persona=maker)
                for some in argument_lists(scene, function)[:_CALLS]
            ]
            for _, answer in make_calls(scene, maker, calls, AS_OWNER, look_new(pair.sample)):
                made = (
                    [row for row in answer.rows[-1] if row[:-1] not in known] if not answer.sqlstate else []
                )
                if any(json.loads(row[-1] or "{}").get(place) == maker.id for row in made):
                    return True
    return False


def _inserts(pair: Pair, maker: Persona) -> Iterator[str]:
    """Like other rows, whole and with what has to be said alone; with the other one, or nobody yet."""
    sample, columns, owners = pair.sample, pair.sample.table.columns, owner_columns(pair.sample)
    both = {pair.mine: pair.persona.id, pair.theirs: pair.other.id}
    second = pair.theirs if maker == pair.persona else pair.mine
    for row in sample.rows[:_ROWS]:
        for given in (both, *([] if columns[second].not_null else [{**both, second: None}])):
            if write := insert_of(sample, maker, row, **given):
                yield write.statement
                said = {n: v for n, v in write.values.items() if n in owners or not columns[n].has_default}
                yield statements.insert(sample.table, said, overriding=False)


def _tell(scene: Scene, pair: Pair, steps: Steps, new: Persona) -> Finding:
    table, name = pair.sample.table, pair.persona.name
    held = table.privileges[pair.persona.role]
    policies = [p for p in held.policies if p.command in ("update", "all")]
    return Finding(
        rule="colleagues",
        object=pair.sample.object,
        columns=(pair.theirs,),
        actions=("update",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name}, who stands in {pair.mine} of a row in {table.name} and may make no such row, puts "
        f"{new.name} into {pair.theirs} instead of {pair.other.name}.",
        steps=steps,
        cause=f"places {pair.sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(left_to_update(table, pair.persona.role, held.update - owner_columns(pair.sample)),),
    )
