"""One statement of one persona on a loaded schema: what becomes of it, and what decides."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
from pglast import ast, parser

from pgassay.catalog.model import ObjectKey
from pgassay.database import Session, open_session, read_script
from pgassay.denial import Constraint, Denial, Guard, NotDeniedError, Policy, Trigger, explain_denial
from pgassay.denial.permission import AdmittingPolicy, HeldGrant, Permission, explain_permission, list_things
from pgassay.errors import CannotJudgeError, ConfigError, Place
from pgassay.observation import Attempt, Persona
from pgassay.plpgsql.definitions import Definitions, find_definitions
from pgassay.render.text import counted, name_files
from pgassay.workbench import Workbench
from pgassay.world import Show, fill


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`denial` says what holds a statement, `permission` what lets it through: one of them is there."""

    persona: Persona
    statement: str
    attempt: Attempt
    denial: Denial | None = None
    permission: Permission | None = None
    places: Mapping[Guard, Place] = field(default_factory=dict)
    about: str = ""
    seconds: float = 0.0


def answer(bench: Workbench, statement: str, name: str, *, show: Show = str) -> Answer:
    """Try a statement as the persona `name`, on the project's world and rows that are made.

    Raises ConfigError for no such persona, CannotJudgeError where it cannot be tried, SchemaError.
    """
    started = time.perf_counter()
    text = check_statement(statement)
    world = fill(bench, show)
    people = {persona.name: persona for persona in (*bench.personas.values(), *world.personas)}
    if name not in people:
        named = (f"name one of these: --as {', '.join(sorted(people))}",)
        anew = ('add personas.alice = { role = "authenticated", sub = "…" }',)
        raise ConfigError(f"There is no persona {name}.", fixes=named if people else anew)
    show("trying the statement")
    with bench.database(rows=world.statements) as database, open_session(database) as session:
        with session.as_owner():
            limit = f"set local statement_timeout = '{bench.config.statement_timeout}s'"
            session.connection.execute(limit.encode())
        attempt, denial, permission = _explain(session, people[name], text)
    guards = _named(denial) if denial else list_things(permission.supports) if permission else []
    scripts = [read_script(path) for path in (*bench.config.schema, *bench.config.companions)]
    rows = counted(sum(bool(row.table) for row in world.made), "row")
    seconds = time.perf_counter() - started
    return Answer(
        persona=people[name],
        statement=text,
        attempt=attempt,
        denial=denial,
        permission=permission,
        places=_places(guards, find_definitions(scripts)),
        about=f"{name_files(bench.config.schema)} on {bench.server.title} · world made: {rows}"
        f" · {seconds:.1f} s",
        seconds=seconds,
    )


def check_statement(text: str) -> LiteralString:
    """The statement without what surrounds it. Raises CannotJudgeError unless it is one, to be undone."""
    try:
        parsed = parser.parse_sql(text)
    except (parser.ParseError, UnicodeError, RecursionError) as error:
        raise CannotJudgeError(
            f"This is no SQL statement: {text}",
            why=str(error.args[0] if isinstance(error, parser.ParseError) else error),
            fixes=("write one in the grammar of PostgreSQL 17, in quotes of the shell",),
        ) from error
    if len(parsed) != 1:
        raise CannotJudgeError(f"One statement can be explained; this is {len(parsed)}: {text}")
    if isinstance(parsed[0].stmt, ast.TransactionStmt):
        raise CannotJudgeError(f"Nobody refuses a statement about transactions: {text}")
    return text.strip().rstrip(";").rstrip()


def _explain(
    session: Session, persona: Persona, text: LiteralString
) -> tuple[Attempt, Denial | None, Permission | None]:
    try:
        denial = explain_denial(session, persona, text)
    except NotDeniedError as error:
        return error.attempt, None, explain_permission(session, persona, text)
    except psycopg.OperationalError as error:
        raise CannotJudgeError(f"The statement ends its own connection: {text}", why=str(error)) from error
    return denial.attempt, denial, None


def _named(denial: Denial) -> list[Guard]:
    return [one for guard in denial.guards for one in (guard, *denial.alternatives.get(guard, ()))]


def _places(guards: Sequence[Guard], definitions: Definitions) -> Mapping[Guard, Place]:
    """Where each stands in the files; not the table's place for what came with the table."""
    found: dict[Guard, Place] = {}
    for guard in guards:
        if (key := _key(guard)) is None:
            continue
        place = definitions.find(key, guard.privilege if isinstance(guard, HeldGrant) else "")
        if place and place != definitions.find(ObjectKey(kind="relation", object=key.object, name="")):
            found[guard] = place
    return found


def _key(guard: Guard) -> ObjectKey | None:
    match guard:
        case Policy() | AdmittingPolicy():
            return ObjectKey(kind="policy", object=guard.table, name=guard.name)
        case Trigger():
            return ObjectKey(kind="trigger", object=guard.table, name=guard.name)
        case Constraint():
            return ObjectKey(kind="constraint", object=guard.table, name=guard.name)
        case HeldGrant():
            kind = "grant on function" if guard.kind == "function" else "grant"
            return ObjectKey(kind=kind, object=guard.object, name=guard.role)
    return None
