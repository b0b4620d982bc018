"""Accounts of personas and of whoever else rows refer to, made by signing up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pgassay.catalog.tables import Surface
from pgassay.observation import Persona
from pgassay.solver.model import Made, Reason, RowNeed, Unreached
from pgassay.world.accounts import Account, guess_metadata, make_account
from pgassay.world.attempts import Attempts, without_triggers
from pgassay.world.model import MadeRow, Missing
from pgassay.world.presence import query
from pgassay.world.statements import canonical_id, literal

USERS = "auth.users"
_IDENTITIES = "auth.identities"


@dataclass(frozen=True, kw_only=True)
class SignUps:
    """Makes accounts. `bodies`: the functions that a sign-up triggers; they may ask for metadata.

    `begin_numbers`: statements after which what the triggers of a table draw for a purpose is the same.
    """

    surface: Surface
    attempts: Attempts
    bodies: Sequence[str]
    begin_numbers: Callable[[str, str], Sequence[str]]

    def accounts(self, personas: Sequence[Persona]) -> Iterator[MadeRow | Missing]:
        """Of those who have none yet."""
        users = self.surface.by_name.get(USERS)
        for persona in personas if users else ():
            found = f"select 1 from {USERS} as t where t.id = {literal(persona.id)}"
            if not query(self.attempts.session, found):
                yield self._make_account(persona)

    def _make_account(self, persona: Persona) -> MadeRow | Missing:
        answer = self._sign_up(persona.name, partial(make_account, persona))
        if isinstance(answer, Unreached):
            return Missing(table=USERS, whose=persona.name, what=answer.what)
        return MadeRow(
            table=USERS,
            whose=persona.name,
            statements=answer.statements,
            why=f"the account of {persona.name}",
            unchecked=answer.unchecked,
        )

    def make_user(self, need: RowNeed) -> Made | Unreached:
        """An account that a row refers to, for whatever it is needed."""
        name, id_ = need.purpose or "somebody", need.values.get("id")
        if id_:  # there may be several for one purpose
            name = f"{name} {id_[:8]}"
        id_ = id_ or canonical_id(USERS, name)
        email = need.values.get("email") or f"{canonical_id(USERS, name)[:8]}@example.com"
        return self._sign_up(name, lambda data: Account(name=name, id=id_, email=email, metadata=data))

    def _sign_up(self, name: str, account: Callable[[Mapping[str, object]], Account]) -> Made | Unreached:
        """With what its triggers may ask for, then with less; at last without triggers."""
        users, identities = (self.surface.by_name.get(table) for table in (USERS, _IDENTITIES))
        assert users
        before, refusal = self.attempts.spent, ""
        for data in guess_metadata(name, self.bodies):
            some = account(data)
            statements = (*self.begin_numbers(USERS, name), *some.statements(users, identities))
            refusal = self.attempts.refusal(statements)
            if not refusal:
                return self._made(some, statements, before)
        some = account({})
        statements = without_triggers(some.statements(users, identities))
        if not self.attempts.refusal(statements):
            return self._made(some, statements, before, unchecked=True)
        spent = self.attempts.spent - before
        return Unreached(goal=f"the account of {name}", reason=Reason.REFUSED, what=refusal, spent=spent)

    def _made(
        self, account: Account, statements: tuple[str, ...], before: int, *, unchecked: bool = False
    ) -> Made:
        return Made(
            table=USERS,
            values={"id": account.id, "email": account.email},
            statements=statements,
            purpose=account.name,
            unchecked=unchecked,
            spent=self.attempts.spent - before,
        )
