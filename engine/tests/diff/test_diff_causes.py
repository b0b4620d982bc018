"""Which change of the schema a difference is put down to."""

from __future__ import annotations

import pytest

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey
from pgassay.diff.comparison import CellDifference
from pgassay.diff.difference import find_causes
from pgassay.matrix.model import Action, CellKey, CellResult, Direction, RowClass, Witness
from pgassay.observation import Outcome, Persona

WITNESS = Witness(persona=Persona(name="bob", role="authenticated"), statement="…")
COMMANDS = ("all", "select", "insert", "update", "delete")
POLICIES = {command: ObjectKey("policy", "public.t", f"for {command}") for command in COMMANDS}
SCHEMA = Inventory(objects={key: {"command": command} for command, key in POLICIES.items()})


def gain(key: CellKey) -> CellDifference:
    return CellDifference(
        direction=Direction.GAINED,
        key=key,
        before=CellResult(outcome=Outcome.FILTERED, witness=WITNESS),
        after=CellResult(outcome=Outcome.ALLOWED, witness=WITNESS),
        witness=WITNESS,
    )


@pytest.mark.parametrize(
    ("action", "commands"),
    [
        (Action.SELECT, ("all", "select")),
        (Action.INSERT, ("all", "insert")),
        (Action.UPDATE, ("all", "select", "update")),
        (Action.DELETE, ("all", "select", "delete")),
    ],
)
def test_policy_is_a_cause_for_the_commands_that_ask_it(action: Action, commands: tuple[str, ...]) -> None:
    key = CellKey(persona="bob", object="public.t", action=action, variant="-", rows=RowClass.OTHER)
    difference = gain(key)
    changes = [SchemaChange(kind=ChangeKind.ALTERED, key=key, property="using") for key in POLICIES.values()]
    causes = find_causes(difference, changes, base=SCHEMA, head=SCHEMA)
    assert {cause.key for cause in causes} == {POLICIES[command] for command in commands}


def test_policy_of_a_table_that_a_policy_reads_is_a_cause_whatever_its_command() -> None:
    key = CellKey(persona="bob", object="public.t", action=Action.INSERT, variant="-", rows=RowClass.OWN)
    read = ObjectKey("policy", "public.members", "theirs")
    reading = Inventory(
        objects={read: {"command": "select"}}, uses={"public.t": frozenset({"public.members"})}
    )
    change = SchemaChange(kind=ChangeKind.ALTERED, key=read, property="using")
    assert find_causes(gain(key), [change], base=reading, head=reading) == (change,)
