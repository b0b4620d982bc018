"""A SQL file as statements that know their places. Reading is the only I/O; the rest is pure."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pglast import ast, parser
from pglast.enums import AlterTableType, ReindexObjectType

from pgassay.errors import ConfigError, Place, SchemaError
from pgassay.extensions.statements import without_version
from pgassay.supabase.event_triggers import emulated

_EXCERPT = 80
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARK = "\ufeff"
_WITHOUT_PSQL = (
    "Files are sent to the server itself, without psql. `supabase db push` does so and fails here, too."
)


@dataclass(frozen=True, kw_only=True)
class Script:
    """A SQL file as it was read: what is hashed is what is applied. `path` is how people see it."""

    path: Path
    text: str

    def place(self, offset: int) -> Place:
        """The place of the character at `offset` (from 0), counted in characters, not bytes."""
        line = bisect_right(self._line_starts, offset)
        return Place(file=self.path, line=line, column=offset - self._line_starts[line - 1] + 1)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(newline.end() for newline in re.finditer("\n", self.text))]

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its end."""
        return self.text.split("\n")[number - 1].rstrip("\r")

    def excerpt(self, place: Place, *, caret: bool) -> str:
        """The line at `place`, cut to a window around its column, with a caret below it when asked for."""
        line = self.line(place.line).replace("\t", " ")
        start = max(0, place.column - _EXCERPT // 2) if len(line) > _EXCERPT else 0
        margin = f"{place.line:>6} | "
        shown = (margin + line[start : start + _EXCERPT]).rstrip()
        pointer = f"\n{'|':>8} {' ' * (place.column - 1 - start)}^"
        return shown + pointer if caret else shown


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement: its text from its first token on, and where in the file that is."""

    text: str
    offset: int
    place: Place
    transactional: bool  # False: controls transactions itself, or cannot run inside one
    parsed: bool = True  # False: all of the file, which pglast cannot parse
    database: slice | None = None  # where in `text` it names the platform's database, postgres
    emulation: str = ""  # what does the same where the platform's SQL is, for who is no superuser

    def text_for(self, database: str) -> str:
        """The text for this database, where another of our own stands for the platform's."""
        if self.database is None:
            return self.text
        name = '"' + database.replace('"', '""') + '"'
        return self.text[: self.database.start] + name + self.text[self.database.stop :]


def read_script(path: Path) -> Script:
    """Read a SQL file, which must be UTF-8.

    Raises ConfigError when there is no such file, or it is a directory, unreadable or not UTF-8.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_UTF_16):
            raise ConfigError(f"{path} is UTF-16, not UTF-8.", fixes=("save it as UTF-8",))
        text = content.decode()
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a directory, not a SQL file.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: byte {error.start + 1} makes no character.") from None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from None
    if "\0" in text:  # libpg_query and libpq would silently stop reading there
        raise ConfigError(f"{path} is not a SQL file: it has a NUL byte.")
    here = Path.cwd()
    return Script(path=path.relative_to(here) if path.is_relative_to(here) else path, text=text)


@lru_cache(maxsize=32)  # a run applies the same few files over and over
def parse_script(script: Script) -> tuple[Statement, ...]:
    """Split a script into its statements; the whole text as one when pglast cannot parse it.

    The server's own error then decides, since its grammar may be newer or older than pglast's. An empty file,
    or one of nothing but comments, has no statement.
    Raises SchemaError for what only psql understands, and for a byte order mark.
    """
    if script.text.startswith(_MARK):
        raise _mark_error(script)
    try:
        parsed = _parse(script.text)
    except parser.ParseError as error:
        _refuse_psql_syntax(script, error.args[1])
        return (_whole(script),)
    except (
        RecursionError
    ):  # a very deep expression: pglast's Python tree overflows where the server's does not
        return (_whole(script),)
    for node, start, _ in parsed:
        if _talks_to_client(node):
            raise _copy_error(script, start)
    return tuple(
        Statement(
            text=without_version(node, script.text[start:end], start=start),
            offset=start,
            place=script.place(start),
            transactional=not _manages_transactions(node),
            database=_find_database(node, script.text[start:end]),
            emulation=emulated(node),
        )
        for node, start, end in parsed
    )


def _parse(text: str) -> list[tuple[Any, int, int]]:
    """Trees, and where in the text each statement starts and ends."""
    # pglast counts characters where libpg_query counts bytes; length 0 means: to the end of the text.
    raws = parser.parse_sql(text)
    starts = [(raw, raw.stmt_location or 0) for raw in raws]
    return [(raw.stmt, start, start + raw.stmt_len if raw.stmt_len else len(text)) for raw, start in starts]


def _whole(script: Script) -> Statement:
    offset = len(script.text) - len(script.text.lstrip())
    return Statement(
        text=script.text[offset:],
        offset=offset,
        place=script.place(offset),
        transactional=True,
        parsed=False,
    )


_PLATFORMS_DATABASE = "postgres"
_ABOUT_DATABASES = (
    ast.AlterDatabaseStmt,
    ast.AlterDatabaseSetStmt,
    ast.AlterOwnerStmt,
    ast.CommentStmt,
    ast.GrantStmt,
)
_NEVER_IN_TRANSACTION = (
    ast.TransactionStmt,
    ast.CreatedbStmt,
    ast.DropdbStmt,
    ast.AlterSystemStmt,
    ast.CreateTableSpaceStmt,
    ast.DropTableSpaceStmt,
    ast.CreateSubscriptionStmt,
    ast.DropSubscriptionStmt,
    ast.AlterSubscriptionStmt,
)


def _manages_transactions(node: ast.Node) -> bool:
    """Whether PostgreSQL runs this statement outside a transaction block only, or it opens or ends one."""
    match node:
        case ast.VacuumStmt():
            return bool(node.is_vacuumcmd)
        case ast.IndexStmt() | ast.DropStmt():
            return bool(node.concurrent)
        case ast.ReindexStmt():
            single = (ReindexObjectType.REINDEX_OBJECT_INDEX, ReindexObjectType.REINDEX_OBJECT_TABLE)
            return node.kind not in single or any(p.defname == "concurrently" for p in node.params or ())
        case ast.AlterTableStmt():
            return any(_detaches_concurrently(command) for command in node.cmds or ())
        case ast.AlterDatabaseStmt():
            return any(option.defname == "tablespace" for option in node.options or ())
    return isinstance(node, _NEVER_IN_TRANSACTION)


def _detaches_concurrently(command: ast.AlterTableCmd) -> bool:
    detached = command.def_ if command.subtype == AlterTableType.AT_DetachPartition else None
    return isinstance(detached, ast.PartitionCmd) and bool(detached.concurrent)


def _find_database(node: ast.Node, text: str) -> slice | None:
    """Where ALTER, COMMENT, GRANT or REVOKE names the database postgres."""
    if not isinstance(node, _ABOUT_DATABASES):
        return None
    tokens = parser.scan(text)
    for before, token in pairwise(tokens):
        name = text[token.start : token.end + 1].strip('"')
        if before.name == "DATABASE" and name.lower() == _PLATFORMS_DATABASE:
            return slice(token.start, token.end + 1)
    return None


def _talks_to_client(node: ast.Node) -> bool:
    return isinstance(node, ast.CopyStmt) and node.filename is None


def _refuse_psql_syntax(script: Script, offset: int) -> None:
    """Say plainly that psql's own language stopped the parser, if that is what happened."""
    try:
        before = _parse(script.text[:offset])
    except parser.ParseError:
        before = []
    # Rows that follow COPY … FROM STDIN are the first thing that cannot be parsed.
    if before and _talks_to_client(before[-1][0]):
        raise _copy_error(script, before[-1][1])
    if script.text[offset] == "\\":
        command = script.text[offset:].split()[0]
        raise SchemaError(
            f"{script.place(offset)}: {command} is a command of psql, and not SQL.",
            place=script.place(offset),
            why=_without_psql(script, offset),
            fixes=(
                "take it out, as pg_dump's \\restrict and \\unrestrict may be"
                if command in ("\\restrict", "\\unrestrict")
                else "take it out; what it would include can be listed as a file of its own",
            ),
            sqlstate="42601",
        )


def _copy_error(script: Script, offset: int) -> SchemaError:
    return SchemaError(
        f"{script.place(offset)}: COPY from STDIN or to STDOUT needs a client such as psql.",
        place=script.place(offset),
        why=_without_psql(script, offset),
        fixes=("write the rows as INSERT statements",),
        sqlstate="08P01",
    )


def _mark_error(script: Script) -> SchemaError:
    return SchemaError(
        f"{script.place(0)}: the file begins with a byte order mark, which is a syntax error to PostgreSQL.",
        place=script.place(0),
        why=_WITHOUT_PSQL,
        fixes=("save it as UTF-8 without the mark",),
        sqlstate="42601",
    )


def _without_psql(script: Script, offset: int) -> str:
    shown = script.excerpt(script.place(offset), caret=True)
    return f"{shown}\n{_WITHOUT_PSQL}"
