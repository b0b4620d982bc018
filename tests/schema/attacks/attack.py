"""Attacks as data: who tries what, what must happen, and what makes it happen.

A new attack is one `Attack(...)` in a list of `catalogue/`; tests and docs/threat-model.md follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgassay.access import Guard
from pgassay.observation import Outcome

ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
DAVE = "dead0000-0000-4000-8000-000000000003"


@dataclass(frozen=True, kw_only=True)
class Control:
    """The opposite that shows that an attack's target is there: the same kind of thing, done by who may."""

    by: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One hostile statement. SQL may name `%(alice)s`, `%(bob)s`, `%(dave)s`: the users' ids.

    `prepare` runs first, as the schema's owner. With all `defences` removed, and only then, the statement
    must succeed; `succeeds` is a query of the owner's that is true when it did, where touching a row is not
    enough. `note` says what a reader of docs/threat-model.md should know, such as a channel that stays open.
    """

    name: str
    by: str
    sql: str
    outcome: Outcome
    control: Control
    defences: tuple[Guard, ...]
    sqlstate: str = ""
    prepare: tuple[str, ...] = ()
    succeeds: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Written:
    """An attack that takes more than one statement: a hand-written test, `file.py::test_name`, named here."""

    name: str
    by: str
    outcome: str
    defence: str
    test: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading of the threat model and its attacks."""

    title: str
    attacks: tuple[Attack | Written, ...]


PARAMETERS: Mapping[str, Any] = {"alice": ALICE, "bob": BOB, "dave": DAVE}
