"""Accounts as Auth makes them: the user, its identity, the first sign-in; each step fires its triggers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pgassay.catalog.literals import find_literals
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.observation import Persona
from pgassay.world.statements import canonical_id, literal

_NOW = "now()"
_NO_INSTANCE = "00000000-0000-0000-0000-000000000000"
_EMPTY = (
    *("encrypted_password", "confirmation_token", "recovery_token"),
    *("email_change_token_new", "email_change"),
)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who a persona is to Auth. `metadata`: what the application gave at sign-up."""

    name: str
    id: str
    email: str | None
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    app_metadata: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def is_anonymous(self) -> bool:
        return self.email is None

    def statements(self, users: Table, identities: Table | None) -> tuple[str, ...]:
        """What Auth sends at a sign-up, with or without e-mail; columns that are not there are left out."""
        steps = [
            _insert(users, self._user),
            _update(users, self.id, role=literal("authenticated")),
        ]
        if identities and not self.is_anonymous:
            steps.append(_insert(identities, self._identity))
            steps.append(_update(users, self.id, email_confirmed_at=_NOW))
        return (*steps, _update(users, self.id, last_sign_in_at=_NOW))

    @property
    def _user(self) -> dict[str, str]:
        provider = {} if self.is_anonymous else {"provider": "email", "providers": ["email"]}
        return {
            "instance_id": literal(_NO_INSTANCE),
            "id": literal(self.id),
            "aud": literal("authenticated"),
            "role": literal(""),
            "email": literal(self.email),
            **{name: literal("") for name in _EMPTY},
            "raw_app_meta_data": literal(json.dumps({**provider, **self.app_metadata})),
            "raw_user_meta_data": literal(json.dumps(dict(self.metadata))),
            "created_at": _NOW,
            "updated_at": _NOW,
            "is_anonymous": str(self.is_anonymous).lower(),
        }

    @property
    def _identity(self) -> dict[str, str]:
        data = {"sub": self.id, "email": self.email, "email_verified": False, "phone_verified": False}
        return {
            "id": literal(canonical_id("auth.identities", self.name)),
            "provider_id": literal(self.id),
            "user_id": literal(self.id),
            "identity_data": literal(json.dumps({**self.metadata, **data})),
            "provider": literal("email"),
            **dict.fromkeys(("last_sign_in_at", "created_at", "updated_at"), _NOW),
        }


def make_account(persona: Persona, metadata: Mapping[str, object]) -> Account:
    """The account of a persona that has one."""
    claims = persona.claims
    is_anonymous = claims.get("is_anonymous") is True
    email = None if is_anonymous else str(claims.get("email") or f"{persona.name}@example.com")
    given, of_app = (_mapping(claims.get(name)) for name in ("user_metadata", "app_metadata"))
    return Account(
        name=persona.name,
        id=str(claims["sub"]),
        email=email,
        metadata={**metadata, **given},
        app_metadata=of_app,
    )


def guess_metadata(name: str, bodies: Iterable[str]) -> Iterator[dict[str, str]]:
    """What an application may give at sign-up, the fullest first: triggers may ask for any of it.

    `bodies`: of the functions of these triggers. They may cast what they read, so that no text will do.
    """
    common = {
        "name": name.capitalize(),
        "full_name": name.capitalize(),
        "username": f"{name}_username",
        "avatar_url": f"https://example.com/{name}.png",
    }
    paths = find_literals(bodies).paths
    asked = {path[-1]: f"{name}_{path[-1]}" for path in paths if path[-1] not in {*common, "email"}}
    yield common | asked
    if asked:
        yield common
    for left_out in asked:
        yield {key: value for key, value in (common | asked).items() if key != left_out}
    yield {}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _insert(table: Table, values: Mapping[str, str]) -> str:
    there = {name: value for name, value in values.items() if name in table.columns}
    names: Sequence[str] = [quoted(name) for name in there]
    return f"insert into {table.name} ({', '.join(names)}) values ({', '.join(there.values())})"


def _update(table: Table, id_: str, **values: str) -> str:
    sets = ", ".join(f"{quoted(name)} = {value}" for name, value in values.items())
    return f"update {table.name} set {sets} where id = {literal(id_)}"
