"""How a connection becomes somebody, in SQL. What PostgREST does, for each of its requests."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from pgassay.observation import Persona

AUTHENTICATOR = "authenticator"

# Some images of auth.uid() read these before the JSON: a leftover would win.
_LEGACY = ("request.jwt.claim.sub", "request.jwt.claim.role", "request.jwt.claim.email")

# What any request carries. Of the Storage API's: its own statements may delete, see storage.protect_delete().
_REQUEST = {
    "request.method": "POST",
    "request.path": "/",
    "request.headers": "{}",
    "request.cookies": "{}",
    "storage.allow_delete_query": "true",
}

# PostgREST applies the settings of a role that any user may set (its query of role settings does the same).
# As remembered when the schema was loaded, where they are: other schemas change the roles of the cluster.
_ROLES: LiteralString = """
    select r.rolname,
           coalesce(pg_catalog.pg_has_role(a.oid, r.oid, 'member'), false),
           array(select setting from pg_catalog.unnest(coalesce(s.settings, r.rolconfig)) setting
                 where not exists (
                     select from pg_catalog.pg_settings p
                     where p.name = pg_catalog.split_part(setting, '=', 1) and p.context <> 'user'))
    from pg_catalog.pg_roles r
    left join pg_catalog.pg_roles a on a.rolname = 'authenticator'
    left join ({}) s on s.role = r.rolname
"""
_SEARCH_PATH: LiteralString = "select value #>> '{}' from pgassay.settings where name = 'search_path'"
_REMEMBERED: LiteralString = """
    select e.key as role, array(select pg_catalog.jsonb_array_elements_text(e.value)) as settings
    from pgassay.settings t, pg_catalog.jsonb_each(t.value) e where t.name = 'roles'
"""
_NOTHING_REMEMBERED: LiteralString = "select null::text as role, null::text[] as settings"
_PLATFORM: LiteralString = """
    select pg_catalog.to_regprocedure('pgassay.token(jsonb)') is not null,
           array(select pg_catalog.unnest(s.setconfig)
                 from pg_catalog.pg_db_role_setting s
                 inner join pg_catalog.pg_database d on s.setdatabase = d.oid
                      and d.datname = current_database()
                 inner join pg_catalog.pg_roles r on s.setrole = r.oid and r.rolname = 'authenticator')
"""

REMEMBER: LiteralString = """
    insert into pgassay.settings (name, value)
    select 'roles', pg_catalog.jsonb_object_agg(rolname, rolconfig)
    from pg_catalog.pg_roles where rolconfig is not null
    on conflict (name) do update set value = excluded.value;
    insert into pgassay.settings (name, value)
    select 'database', pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_array(coalesce(r.rolname, ''), s.setconfig) order by r.rolname)
    from pg_catalog.pg_db_role_setting s
    inner join pg_catalog.pg_database d on s.setdatabase = d.oid and d.datname = pg_catalog.current_database()
    left join pg_catalog.pg_roles r on s.setrole = r.oid
    having count(*) > 0
    on conflict (name) do update set value = excluded.value
"""
"""Keeps the settings of roles with the database, and its own, which no clone has.

Its owner runs this once the schema is loaded.
"""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """SQL, without parameters, that takes an identity on for one transaction, and that gives it up again.

    To become somebody is one statement that sets what a request carries, "" where there is none, and others.
    """

    settings: str = ""
    role: str = ""
    leave: str = ""

    @property
    def become(self) -> str:
        return "; ".join(filter(None, (self.settings, self.role)))


NOBODY = Identity()
_RESET = "set local role none"
_BESIDES = "public, extensions"  # as a new project has it


class Roles:
    """The server's roles, read once per connection: who authenticator may become, with which settings."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._found: dict[str, tuple[bool, dict[str, str]]] = {}
        self._of_database: dict[str, str] = {}
        self.platform = False

    def reached_by_authenticator(self, role: str) -> bool:
        return self._look_up(role)[0]

    def settings(self, role: str) -> dict[str, str]:
        """Per-role settings such as statement_timeout; none for a role without, or that does not exist."""
        return {n: value for n, value in self._look_up(role)[1].items() if not n.startswith("pgrst.")}

    def of_postgrest(self, name: str) -> str:
        """A setting of PostgREST's own, such as db_pre_request, as authenticator has it; "" without."""
        configured = self._look_up(AUTHENTICATOR)[1] | self._of_database
        return configured.get(f"pgrst.{name}", "")

    def _look_up(self, role: str) -> tuple[bool, dict[str, str]]:
        if role not in self._found:  # not there yet, or made since
            row = self._connection.execute(_PLATFORM).fetchone()
            assert row
            self.platform = bool(row[0])
            self._of_database = dict(s.split("=", 1) for s in row[1])
            if self.platform and (path := self._connection.execute(_SEARCH_PATH).fetchone()):
                self._of_database.setdefault("pgrst.db_extra_search_path", path[0])
            remembered = _REMEMBERED if self.platform else _NOTHING_REMEMBERED
            rows = self._connection.execute(sql.SQL(_ROLES).format(sql.SQL(remembered))).fetchall()
            self._found = {
                name: (reached, dict(s.split("=", 1) for s in options)) for name, reached, options in rows
            }
        return self._found.get(role, (False, {}))


def claims_of(persona: Persona) -> str:
    """What the persona claims of itself, as JSON. The role is the persona's, whatever its claims say."""
    audience = {"aud": "authenticated"} if "sub" in persona.claims else {}
    return json.dumps(audience | dict(persona.claims) | {"role": persona.role})


def request_identity(persona: Persona, roles: Roles) -> Identity:
    """For a connection that logged in as authenticator: role, claims and settings, local to a transaction."""
    return _become(persona, roles, roles.settings(persona.role))


def session_identity(persona: Persona, roles: Roles) -> Identity:
    """For the owner's connection: as `request_identity`, with the settings of authenticator's login too."""
    login = roles.settings(AUTHENTICATOR) if roles.reached_by_authenticator(persona.role) else {}
    settings = login | roles.settings(persona.role)
    defaults = "".join(
        f"; set local {'.'.join(map(_quoted, name.split('.')))} to default"
        for name in dict.fromkeys((*_search_path(roles), *settings))
    )
    nobody = dict.fromkeys((*_LEGACY, *_REQUEST, "request.jwt.claims"), "")
    leave = f"{_RESET}{defaults}; {_configure(nobody)}"
    return replace(_become(persona, roles, settings), leave=leave)


def owner_identity(owner: str) -> Identity:
    """The role that owns the schema."""
    return Identity(role=_set_role(owner), leave=_RESET)


def _become(persona: Persona, roles: Roles, settings: dict[str, str]) -> Identity:
    """Claims and settings, the role, and then PostgREST's pre-request, which may look at all of them."""
    values = dict.fromkeys(_LEGACY, "") | _REQUEST | _search_path(roles) | settings
    claims = _literal(claims_of(persona))
    token = f"pgassay.token({claims})" if roles.platform else claims
    steps = [_set_role(persona.role)]
    if check := roles.of_postgrest("db_pre_request"):
        steps.append(f"select {'.'.join(map(_quoted, check.split('.')))}()")
    return Identity(
        settings=f"{_configure(values)}, pg_catalog.set_config('request.jwt.claims', {token}, true)",
        role="; ".join(steps),
    )


def _search_path(roles: Roles) -> dict[str, str]:
    """The schema that is served first, and those that the API looks into besides."""
    if not roles.platform:
        return {}
    served = [name.strip() for name in roles.of_postgrest("db_schemas").split(",")][:1]
    besides = roles.of_postgrest("db_extra_search_path") or _BESIDES
    path = dict.fromkeys((*served, *(name.strip() for name in besides.split(","))))
    return {"search_path": ", ".join(_quoted(name) for name in path if name)}


def _configure(values: dict[str, str]) -> str:
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
