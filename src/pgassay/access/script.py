"""A witness as a psql script: whoever doubts a finding runs it and sees. Pure."""

from __future__ import annotations

from psycopg import sql

from pgassay.access.diff import AccessChange
from pgassay.access.names import quoted
from pgassay.database.identity import claims_of
from pgassay.observation import Persona


def render_script(change: AccessChange, *, load: str = "`pgassay up`") -> str:
    """Plain SQL for a server with the schema and the world of HEAD; "" where there is nothing to try.

    `load` says what loads these, for the comment at the top.
    """
    if change.witness is None:
        return ""
    persona = change.witness.persona
    lines = [
        *(f"-- {line}" for line in change.message.splitlines()),
        f"-- Run it with psql on a database that {load} made; it leaves nothing behind.",
        "begin;",
        "set constraints all immediate;",
        *(f"{statement};" for statement in change.setup),
        *become(persona),
        f"{change.witness.statement};",
        *(("set local role none;",) if change.looks else ()),
        *(f"{look};" for look in change.looks),
        "rollback;",
    ]
    return "\n".join(lines) + "\n"


def become(persona: Persona) -> tuple[str, ...]:
    """What makes a request of the persona's out of a transaction."""
    claims = sql.Literal(claims_of(persona)).as_string(None)
    return (
        f"select set_config('request.jwt.claims', {claims}, true);",
        f"set local role {quoted(persona.role)};",
    )
