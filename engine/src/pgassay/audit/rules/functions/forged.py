"""Entries that a function makes in the name of somebody whom its caller names, and who never sees them."""

from __future__ import annotations

from collections.abc import Sequence

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Step, Steps
from pgassay.audit.rules.functions.deeds import Deed
from pgassay.audit.scene import Scene
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import Function
from pgassay.matrix.model import Action
from pgassay.observation import Persona


def find_forged(
    scene: Scene, persona: Persona, function: Function, deeds: Sequence[Deed]
) -> tuple[str, Steps] | None:
    """Of what a function enters that asks who calls: a sentence about the first such row, and what shows it.

    It names another user and not its caller. None of a table in which a user stands once for something, as
    members do; nor where he reads it himself.
    """
    for deed in (deed for deed in deeds if deed.action is Action.INSERT and persona.id):
        owners = owner_columns(deed.sample)
        is_relation = any(owners & set(index.columns) for index in deed.sample.table.unique)
        if is_relation or scene.dependents(deed.sample.table.name) - {deed.sample.table.name}:
            continue
        for other in (user for user in scene.users if user != persona and user.id in deed.call.said):
            steps = (
                *(Step(statement=text) for text in deed.call.setup),
                Step(who=persona, statement=deed.call.statement),
                Step(statement=deed.look, shows=ROWS),
                Step(who=other, statement=deed.look, shows=NO_ROWS_SHOWN),
            )
            if plays(scene.session, steps):
                sentence = (
                    f"{persona.name} enters rows in the name of others into {deed.sample.object} through "
                    f"{function.function}: one says that it was {other.name}, who does not see it, and not "
                    f"that it was {persona.name}."
                )
                return sentence, steps
    return None
