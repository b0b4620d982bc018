"""How a connection becomes somebody, in SQL. What PostgREST does, for each of its requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from pgassay.observation import Persona

AUTHENTICATOR = "authenticator"

# Some images of auth.uid() read these before the JSON: a leftover would win.
_LEGACY = ("request.jwt.claim.sub", "request.jwt.claim.role", "request.jwt.claim.email")

# PostgREST applies the settings of a role that any user may set (its query of role settings does the same).
_ROLES: LiteralString = """
    select r.rolname,
           coalesce(pg_catalog.pg_has_role(a.oid, r.oid, 'member'), false),
           array(select setting from pg_catalog.unnest(r.rolconfig) setting
                 where not exists (
                     select from pg_catalog.pg_settings p
                     where p.name = pg_catalog.split_part(setting, '=', 1) and p.context <> 'user'))
    from pg_catalog.pg_roles r left join pg_catalog.pg_roles a on a.rolname = 'authenticator'
"""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """SQL, without parameters, that takes an identity on for one transaction, and that gives it up again."""

    become: str
    leave: str


NOBODY = Identity(become="", leave="")
_RESET = "set local role none"


class Roles:
    """The server's roles, read once per connection: who authenticator may become, with which settings."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._found: dict[str, tuple[bool, dict[str, str]]] = {}

    def reached_by_authenticator(self, role: str) -> bool:
        return self._look_up(role)[0]

    def settings(self, role: str) -> dict[str, str]:
        """Per-role settings such as statement_timeout; none for a role without, or that does not exist."""
        return self._look_up(role)[1]

    def _look_up(self, role: str) -> tuple[bool, dict[str, str]]:
        if role not in self._found:  # not there yet, or made since
            rows = self._connection.execute(_ROLES).fetchall()
            self._found = {
                name: (reached, dict(s.split("=", 1) for s in options)) for name, reached, options in rows
            }
        return self._found.get(role, (False, {}))


def claims_of(persona: Persona) -> str:
    """`request.jwt.claims` as JSON. The role is the persona's, whatever its claims say."""
    audience = {"aud": "authenticated"} if "sub" in persona.claims else {}
    return json.dumps(audience | dict(persona.claims) | {"role": persona.role})


def request_identity(persona: Persona, roles: Roles) -> Identity:
    """For a connection that logged in as authenticator: role, claims and settings, local to a transaction."""
    return Identity(become=_become(persona, roles.settings(persona.role)), leave="")


def session_identity(persona: Persona, roles: Roles) -> Identity:
    """For the owner's connection: as `request_identity`, with the settings of authenticator's login too."""
    login = roles.settings(AUTHENTICATOR) if roles.reached_by_authenticator(persona.role) else {}
    settings = login | roles.settings(persona.role)
    defaults = "".join(
        f"; set local {'.'.join(map(_quoted, name.split('.')))} to default" for name in settings
    )
    return Identity(become=_become(persona, settings), leave=f"{_RESET}{defaults}; {_set_claims('', {})}")


def owner_identity(owner: str) -> Identity:
    """The role that owns the schema."""
    return Identity(become=_set_role(owner), leave=_RESET)


def _become(persona: Persona, settings: dict[str, str]) -> str:
    return f"{_set_claims(claims_of(persona), settings)}; {_set_role(persona.role)}"


def _set_claims(claims: str, settings: dict[str, str]) -> str:
    values = dict.fromkeys(_LEGACY, "") | {"request.jwt.claims": claims} | settings
    calls = (
        f"pg_catalog.set_config({_literal(name)}, {_literal(value)}, true)" for name, value in values.items()
    )
    return f"select {', '.join(calls)}"


def _set_role(role: str) -> str:
    return f"set local role {_quoted(role)}"


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _literal(value: str) -> str:
    return sql.Literal(value).as_string(None)
