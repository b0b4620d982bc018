"""Rows on which each part of each policy is true for somebody, and not true for the same one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function
from pgassay.catalog.tables import Surface
from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from pgassay.solver.asking import merged
from pgassay.solver.model import (
    Atom,
    Condition,
    Goal,
    Made,
    Reached,
    Reason,
    RowNeed,
    Source,
    Truth,
    Unreached,
    Value,
)
from pgassay.solver.solver import Solver
from pgassay.world.answers import is_checked, is_unchecked, made_account, made_row
from pgassay.world.attempts import BACKEND, claim, kept_if
from pgassay.world.changes import changes
from pgassay.world.claims import find_asked, reads_row
from pgassay.world.judged import WAYS, Judged
from pgassay.world.model import AtomReach, MadeRow
from pgassay.world.named_users import named_users
from pgassay.world.order import is_own
from pgassay.world.sign_ups import USERS

_ROWS, _FEW = 24, 3  # of a table that are judged: for the first people, for others
_PEOPLE = 2
_CHANGES = 12  # of rows that are tried for one atom
STATEMENTS = 8_000
"""Of all atoms together; after these, each gets a quick try."""

_Key = tuple[tuple[str, ...], str, str]
_OF_POLICIES = (Source.USING, Source.CHECK)
_CONSTANTS = ("true", "false", "null")


@dataclass(frozen=True, kw_only=True)
class AtomSearch:
    """Looks which atoms the rows at hand tell apart, and lets the solver make rows for the others.

    With `may_change`, rows that triggers made may get other values. Where only other claims help, and
    `finds_personas`, whoever has them is one of `personas_found`. `most`: once the solver has done so much
    work, each atom gets a quick try only; after `last` none. `only`: the tables whose policies matter, if not
    all.
    """

    session: Session
    surface: Surface
    solver: Solver
    personas: Sequence[Persona]
    finds_personas: bool = False
    may_change: bool = False
    personas_found: dict[str, Persona] = field(default_factory=dict)
    most: int
    last: int
    only: Collection[str] = ()
    show: Callable[[str], object] = str

    def search(self) -> Iterator[AtomReach | MadeRow]:
        """Each row that was made, and then each atom. What one policy said holds for the others."""
        known: dict[_Key, AtomReach] = {}
        for condition in self._conditions():
            atoms = self._atoms(condition)
            if any(self._key(atom) not in known for atom in atoms):
                self.show(f"looking for rows for {condition}")
                yield from self._search(self._judge(condition), known)
            yield from (replace(known[self._key(atom)], atom=atom) for atom in atoms)

    def _search(self, judged: Judged, known: dict[_Key, AtomReach]) -> Iterator[MadeRow]:
        for atom in judged.atoms:
            if self._key(atom) in known:
                continue
            why, is_of_row = "", True
            of_row = bool(self._key(atom)[1])
            for wanted in WAYS:
                if judged.lacks(atom, wanted, of_row=of_row) and not self._changed(judged, atom, wanted):
                    answer = self._reach(judged, atom, wanted)
                    if isinstance(answer, MadeRow):
                        yield answer
                    else:
                        why, is_of_row = answer
            if of_row and why and not judged.is_both(atom):
                yield from self._reach_for_another(judged, atom)
            elif why and self.finds_personas and not judged.reach(atom)[Truth.TRUE]:
                yield from self._find_named(judged, atom)
            reach = judged.reach(atom)
            known[self._key(atom)] = AtomReach(
                atom=atom,
                true=reach[Truth.TRUE],
                other=reach[Truth.NOT_TRUE],
                why=why,
                is_of_row=is_of_row and of_row,
            )

    def _key(self, atom: Atom) -> _Key:
        """Roles, table and text; no table where none of its columns is in the text."""
        table = self.surface.by_name[atom.condition.table]
        of_row = reads_row(atom.text, table.relation)
        return atom.condition.roles, table.name if of_row else "", atom.text

    def _conditions(self) -> Iterator[Condition]:
        return (
            condition
            for condition in self.solver.conditions()
            if condition.source in _OF_POLICIES
            and self._is_served(condition.table)
            and (not self.only or condition.table in self.only)
        )

    def _is_served(self, name: str) -> bool:
        """Not those of the platform's own tables."""
        table = self.surface.by_name.get(name)
        return table is not None and (table.reachable or is_own(table))

    def _atoms(self, condition: Condition) -> list[Atom]:
        """Without constants, which are one way only."""
        return [atom for atom in self.solver.atoms(condition) if atom.text.lower() not in _CONSTANTS]

    def _judge(self, condition: Condition) -> Judged:
        """All personas that the policy is for, on the rows at hand, as long as an atom is not both ways."""
        judged = Judged(
            condition=condition, atoms=self.solver.atoms(condition), people=self._people(condition)
        )
        rows = self._rows(condition.table)
        for number, persona in enumerate(judged.people):
            for row in rows[: _ROWS if number < _PEOPLE else _FEW]:
                if judged.is_done(persona):
                    break
                self._judge_row(judged, persona, row)
        return judged

    def _judge_row(self, judged: Judged, persona: Persona, row: Mapping[str, Value]) -> None:
        for atom, truth in zip(judged.atoms, self.solver.judge(judged.condition, persona, row), strict=False):
            if truth is not None:
                judged.add(persona, atom, truth)

    def _people(self, condition: Condition) -> list[Persona]:
        """Those with an id come first: an atom shall be both ways for one of them.

        Of a role that no persona has, such as one that owns functions: users while it is theirs.
        """
        roles = set(condition.roles)
        asked = [one for one in self.personas if "public" in roles or not roles or one.role in roles]
        asked = asked or [replace(one, role=condition.roles[0]) for one in self.personas if one.id]
        return sorted(asked, key=lambda persona: persona.id is None)

    def _rows(self, table: str) -> list[Mapping[str, Value]]:
        columns = self.surface.by_name[table].columns.values()
        shown = ", ".join(f"t.{column.quoted}::text as {column.quoted}" for column in columns)
        attempt = self.session.attempt(f"select {shown} from {table} as t limit {_ROWS}")
        return list(attempt.rows) if attempt.outcome is Outcome.ALLOWED else []

    def _reach_for_another(self, judged: Judged, atom: Atom) -> Iterator[MadeRow]:
        """For the second user, where the first one may do all, or nothing."""
        for persona, wanted in judged.half(atom):
            if persona not in judged.people[:1]:
                answer = self._reach(judged, atom, wanted, persona)
                if isinstance(answer, MadeRow):
                    yield answer
                return

    def _find_named(self, judged: Judged, atom: Atom) -> Iterator[MadeRow]:
        """Somebody whom the atom names by the id, with an account."""
        alone = replace(judged.condition, text=atom.text)
        for persona in named_users(atom, judged.people, self.solver.schema.catalog.of(Function)):
            if self.solver.judge_one(alone, persona, {}).truth is not Truth.TRUE:
                continue
            judged.add(persona, atom, Truth.TRUE)
            if persona.name not in (one.name for one in self.personas_found.values()):
                self.personas_found[persona.name] = persona
                need = RowNeed(table=USERS, values={"id": persona.id}, purpose=persona.name)
                account = self.solver.make(need)
                if isinstance(account, Made):
                    yield made_account(account, persona, atom)
            return

    def _changed(self, judged: Judged, atom: Atom, wanted: Truth) -> bool:
        """Whether it is as wanted for a row that an UPDATE would write; of those that are asked beside it."""
        table = self.surface.by_name[judged.condition.table]
        functions = self.solver.schema.catalog.of(Function)
        if judged.condition.source is not Source.CHECK or table.name not in find_asked(
            [atom.text], functions
        ):
            return False
        words, alone = find_literals([atom.text]).words, replace(judged.condition, text=atom.text)
        for persona in judged.in_turn(atom, wanted)[:1]:
            for row in islice(changes(table, self._rows(table.name), words), _CHANGES):
                if self.solver.judge_one(alone, persona, row).truth & wanted:
                    judged.add(persona, atom, wanted)
                    return True
        return False

    def _reach(
        self, judged: Judged, atom: Atom, wanted: Truth, someone: Persona | None = None
    ) -> MadeRow | tuple[str, bool]:
        """A row that was made; else why not, and whether a row could decide at all."""
        goal = Goal(condition=judged.condition, wanted=wanted, atom=atom)
        why, is_of_row = "nobody has the role", True
        of_row = bool(self._key(atom)[1])
        for persona in [someone] if someone else judged.in_turn(atom, wanted, of_row=of_row)[:1]:
            purpose = f"{judged.condition.name} {atom.number} {wanted.name} {persona.name}"
            # Who is an administrator, and who is not, is said by the row of a user that is there already.
            change, quick = self.may_change and not of_row, self.solver.work > self.most
            reach = partial(
                self.solver.reach,
                goal,
                persona,
                purpose=purpose,
                may_change=change,
                quick=quick,
                decisive=someone is None,
            )
            if self.solver.work > self.last:
                return (
                    "not tried: what all atoms share of statements and steps is spent; --effort gives more",
                    True,
                )
            around, answer = self._reach_somehow(persona, reach)
            by_claims = isinstance(answer, Unreached) and answer.reason is Reason.CLAIMS
            if by_claims and self.finds_personas and persona.id:
                answer = reach(free_claims=True)
            if isinstance(answer, Reached):
                who = self._persona(persona, answer)
                judged.add(who, atom, wanted)
                if not of_row:  # it was the other way for them, until a row was changed
                    judged.found[atom.number, Truth.ANY & ~wanted].discard(who.name)
                if who is not persona:  # nobody has judged the rows at hand for these claims
                    for row in self._rows(judged.condition.table)[:_FEW]:
                        self._judge_row(judged, who, row)
                return made_row(judged.condition, persona, answer, around)
            word = "true" if wanted is Truth.TRUE else "other than true"
            why, is_of_row = f"never {word}: {answer.because}", is_of_row and not by_claims
        return why, is_of_row

    def _reach_somehow(
        self, persona: Persona, reach: Callable[[], Reached | Unreached]
    ) -> tuple[tuple[str, ...], Reached | Unreached]:
        """Plainly, or as a request of the persona: triggers may ask whose it is. At last without triggers.

        With the statements before and after.
        """
        plain: tuple[str, ...] = ()
        acting = any(table.acting for table in self.surface.tables.values() if is_own(table))
        request = (claim(persona.claims), claim(BACKEND)) if persona.id and acting else plain
        with kept_if(self.session) as kept:
            answer = reach()
            kept.append(not request or is_checked(answer))
        refused = isinstance(answer, Unreached) and answer.reason is Reason.REFUSED
        if not request or not (refused or is_unchecked(answer)):
            return plain, answer
        with kept_if(self.session) as kept:
            self.session.connection.execute(request[0].encode())
            again = reach()
            self.session.connection.execute(request[1].encode())
            kept.append(is_checked(again))
        if is_checked(again):
            return request, again
        return plain, reach() if is_unchecked(answer) else answer

    def _persona(self, persona: Persona, reached: Reached) -> Persona:
        """The one who reached it: with other claims of the same user, somebody else."""
        if not reached.claims:
            return persona
        claims = merged(persona.claims, reached.claims)
        label = "-".join([persona.name, *_leaves(reached.claims)])
        other = Persona(name=label, role=persona.role, claims=claims)
        return self.personas_found.setdefault(json.dumps(claims, sort_keys=True), other)


def _leaves(claims: Mapping[str, Any]) -> Iterator[str]:
    """What to call somebody who has these claims."""
    for name, value in claims.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield _word(name if isinstance(value, bool) else str(value))


def _word(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text)[:20]
