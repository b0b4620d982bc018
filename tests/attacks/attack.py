"""Attacks as data: who tries what, what must happen, and what makes it happen.

A new attack is one `Attack(...)` in a list of `catalogue/`; tests and docs/threat-model.md follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgassay.denial import Guard
from pgassay.observation import Outcome

ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
DAVE = "dead0000-0000-4000-8000-000000000003"


@dataclass(frozen=True, kw_only=True)
class Control:
    """The opposite that shows that an attack's target is there: the same kind of thing, done by who may.

    Without `sql` it is the attack's own statement.
    """

    by: str
    sql: str = ""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One hostile statement. SQL may name `%(alice)s`, `%(bob)s`, `%(dave)s`: the users' ids.

    `by` is a persona, or "owner": the role that owns the schema. `prepare` runs first, as that owner. With
    all `defences` removed, and only then, the statement must succeed; `succeeds` is a query of the owner's
    that is true when it did, where touching a row is not enough. `rests_on` are guards behind the defences:
    each of them, removed alone, lets the attack through as well. `constraint` is the one that the refusal
    names, where one trigger checks several. `note` says what a reader of
    docs/threat-model.md should know, such as a channel that stays open. Attacks `of` one family have short
    names, and stand in one row of the page as far as they end alike.
    """

    name: str
    by: str
    sql: str
    outcome: Outcome
    control: Control
    defences: tuple[Guard, ...]
    sqlstate: str = ""
    constraint: str = ""
    prepare: tuple[str, ...] = ()
    succeeds: str = ""
    rests_on: tuple[Guard, ...] = ()
    note: str = ""
    of: str = ""

    @property
    def title(self) -> str:
        return f"{self.of}: {self.name}" if self.of else self.name


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
    """A heading of the threat model, what to know about all that is under it, and its attacks."""

    title: str
    attacks: tuple[Attack | Written, ...]
    intro: str = ""


PARAMETERS: Mapping[str, Any] = {"alice": ALICE, "bob": BOB, "dave": DAVE}
