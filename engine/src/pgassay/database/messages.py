"""What PostgreSQL says about a failed statement, as one message with a place. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import psycopg

from pgassay.database.script import Script, Statement
from pgassay.errors import CannotJudgeError, PgassayError, Place, SchemaError, ServerError
from pgassay.extensions.catalogue import MISSING

WIDTH = 80
_UNKNOWN = "This server does not have it, and no stand-in of pgassay does (see `pgassay doctor`)."

_PLATFORMS = "database postgres"

# SQLSTATEs of Appendix A of PostgreSQL's manual.
_DISK_FULL, _ADMIN_SHUTDOWN = "53100", "57P01"


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What the error itself does not tell: who ran the statement, how long, under which limit (s)."""

    role: str
    superuser: bool
    elapsed: float
    limit: float
    lost: bool  # the connection broke
    answering: bool  # the server takes new connections
    stopped: bool  # we stopped the statement


def explain(script: Script, statement: Statement, error: psycopg.Error, facts: Circumstances) -> PgassayError:
    """The error to raise for a statement that failed: SchemaError, unless the server lacks or fails."""
    code = error.sqlstate or ""
    if facts.stopped or (code == "57014" and facts.elapsed >= facts.limit):
        return _timeout(script, statement, facts)
    if _is_servers_fault(error, facts):
        return _server_error(statement, error)
    place = _place_of(script, statement, error.diag)
    if lack := _lack(script, statement, place, error):
        return lack
    advice = _advice(code, error.diag, facts)
    return SchemaError(
        f"{place}: {error.diag.message_primary or str(error).strip()}",
        place=place,
        why="\n".join(
            [script.excerpt(place, caret=place != statement.place), *_facts(error), *advice.remarks]
        ),
        fixes=advice.fixes,
        sqlstate=code,
    )


def _lack(script: Script, statement: Statement, place: Place, error: psycopg.Error) -> PgassayError | None:
    """What the platform has or allows, and this server or emulation does not."""
    code, diag = error.sqlstate or "", error.diag
    if _lacks_extension(code, diag):
        return _missing_extension(script, statement, place, error)
    if code == "0A000" and (diag.source_file or "").endswith("xml.c"):
        return _no_xml(place)
    if (code, diag.source_function) == ("42501", "CreateEventTrigger"):
        return _no_event_trigger(script, place)
    if code == "42501" and _PLATFORMS in (diag.message_primary or "") and statement.database is None:
        return _no_database(script, place)
    return None


def _is_servers_fault(error: psycopg.Error, facts: Circumstances) -> bool:
    """Not what the SQLSTATE alone says: a schema may raise any, and end its own connection."""
    if not facts.answering:
        return True
    if facts.lost:  # without a word, or by another backend's crash
        return error.sqlstate != _ADMIN_SHUTDOWN
    return error.sqlstate == _DISK_FULL and error.diag.source_function != "exec_stmt_raise"


def _place_of(script: Script, statement: Statement, diag: psycopg.errors.Diagnostic) -> Place:
    if diag.statement_position is None:
        return statement.place
    return script.place(statement.offset + int(diag.statement_position) - 1)


def _facts(error: psycopg.Error) -> list[str]:
    diag = error.diag
    said = {
        "Detail": diag.message_detail,
        "Hint": diag.message_hint,
        "Query": diag.internal_query,
        "Context": diag.context,
        "SQLSTATE": error.sqlstate,
    }
    return [_wrapped(name, text) for name, text in said.items() if text]


def _wrapped(name: str, text: str) -> str:
    lines = f"{name}: {text}".splitlines()
    return "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False) for line in lines
    )


@dataclass(frozen=True, kw_only=True)
class _Advice:
    """What PostgreSQL cannot know: which role we apply files with and what this server lacks."""

    remarks: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


def _advice(code: str, diag: psycopg.errors.Diagnostic, facts: Circumstances) -> _Advice:
    if code == "42501" and not facts.superuser:
        return _Advice(
            remarks=(f'Schemas are applied by the role "{facts.role}", no superuser, as on Supabase.',),
            fixes=(
                "take the statement out",
                'move what is part of the platform to a file of environment = ["supabase", "platform.sql"]',
            ),
        )
    if code == "25001":
        return _Advice(
            remarks=(
                "All statements of a file are sent as one transaction, as `supabase db push` sends them.",
            ),
            fixes=("make it the only statement of a file",),
        )
    if code == "42710" and diag.source_function == "CreateExtension":
        return _Advice(
            remarks=("A new project has some extensions from the start, as on Supabase.",),
            fixes=("write `create extension if not exists`",),
        )
    if code == "42710" and diag.source_function == "CreateRole":
        return _Advice(
            remarks=(
                "Roles belong to the whole server: an earlier file, or another load such as BASE's, made it.",
            ),
            fixes=(
                "create the role where there is none: "
                "do $$ begin if to_regrole('…') is null then create role …; end if; end $$",
            ),
        )
    return _Advice()


def _lacks_extension(code: str, diag: psycopg.errors.Diagnostic) -> bool:
    """Whether CREATE EXTENSION found none of that name; other 0A000 come from elsewhere in the server."""
    return code in ("0A000", "58P01") and (diag.source_file or "").startswith("extension.c")


def _missing_extension(
    script: Script, statement: Statement, place: Place, error: psycopg.Error
) -> CannotJudgeError:
    """The schema may be sound: it is the server that has not what the platform may have."""
    message = error.diag.message_primary or ""
    name = message.split('"')[1] if message.count('"') > 1 else ""
    excerpt = script.excerpt(place, caret=place != statement.place)
    return CannotJudgeError(
        f"{place}: {message}",
        why=f"{excerpt}\n{MISSING.get(name, _UNKNOWN)}",
        fixes=(
            "run on one that has it: --server or PGASSAY_SERVER with a bin directory or a URL",
            "do without it: take the statement out of the files, or name others with --schema",
        ),
    )


def _no_event_trigger(script: Script, place: Place) -> CannotJudgeError:
    """The platform lets the owner create them everywhere; we know of those that are statements of a file."""
    return CannotJudgeError(
        f"{place}: this emulation cannot create event triggers inside of blocks and functions.",
        why=script.excerpt(place, caret=False),
        fixes=("make `create event trigger` a statement of the file",),
    )


def _no_database(script: Script, place: Place) -> CannotJudgeError:
    """On the platform the owner owns it; here a schema is built in a database of another name."""
    return CannotJudgeError(
        f"{place}: this emulation cannot change the database postgres inside of blocks and functions.",
        why=script.excerpt(place, caret=False),
        fixes=(
            "make it a statement of the file",
            "ask for the name: execute format('alter database %I …', current_database())",
        ),
    )


def _no_xml(place: Place) -> ServerError:
    return ServerError(
        f"{place}: this PostgreSQL was built without XML, which Supabase's has.",
        fixes=("use one that has it: --server or PGASSAY_SERVER with 17, system or a URL",),
    )


def _timeout(script: Script, statement: Statement, facts: Circumstances) -> SchemaError:
    return SchemaError(
        f"{statement.place}: this statement was stopped after {facts.limit:g} s.",
        place=statement.place,
        why=script.excerpt(statement.place, caret=False),
        fixes=("make the statement end sooner", "raise statement_timeout in pgassay.toml or [tool.pgassay]"),
        sqlstate="57014",
    )


def _server_error(statement: Statement, error: psycopg.Error) -> ServerError:
    return ServerError(
        f"The PostgreSQL server failed during the statement at {statement.place}.",
        why=str(error).strip(),
        fixes=("run again when the server is well",),
    )
