"""Ids that a trigger or a default draws are others at the next load: such rows get a name that stays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

from pgassay.catalog.model import Column
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.database import Session
from pgassay.observation import Outcome
from pgassay.world.model import MadeRow
from pgassay.world.sign_ups import USERS
from pgassay.world.statements import literal

_KEYS = ("uuid", "text", "varchar")
_DRAWN = ("uuid", "timestamptz", "timestamp", "time", "timetz", "date", "bytea")
_COLUMNS = 3  # that name a row at most
_NEW = "is it new?"  # no column is called so
_LONGEST = 200  # characters of a value that names a row


def name_drawn(
    session: Session, tables: Iterable[Table], made: Sequence[MadeRow], *, known: Collection[str]
) -> tuple[MadeRow, ...]:
    """The same rows, with a query in place of each id that no statement gave; `known` ids stay."""
    statements = list(dict.fromkeys(text for row in made for text in row.statements))
    drawn = dict(_drawn(session, tables, statements, known))
    if not drawn:
        return tuple(made)
    return tuple(
        replace(row, statements=tuple(_renamed(text, drawn) for text in row.statements)) for row in made
    )


def _renamed(statement: str, drawn: Mapping[str, str]) -> str:
    """A query may name its row by another one."""
    for _ in range(_COLUMNS):
        found = [id_ for id_ in drawn if f"'{id_}'" in statement]
        for id_ in found:
            statement = statement.replace(f"'{id_}'", drawn[id_])
        if not found:
            break
    return statement


def _drawn(
    session: Session, tables: Iterable[Table], statements: Sequence[str], known: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Ids that statements use, and that none of them inserted, each with a query."""
    used = "\n".join(statements)
    accounts = "\n".join(text for text in statements if text.startswith(f"insert into {USERS} "))
    given = set(known)
    unknown: list[tuple[str, _Rows, Mapping[str, str | None]]] = []
    for table in tables:
        for key in _drawn_keys(table):
            inserting = "\n".join(
                text for text in statements if text.startswith(f"insert into {table.name} ")
            )
            rows = _Rows(session, table, key)
            for shown in rows.drawn:
                id_ = shown[key.name] or ""
                if f"'{id_}'" in inserting or f"'{id_}'" in accounts:
                    given.add(id_)
                elif id_ and f"'{id_}'" in used:
                    unknown.append((id_, rows, shown))
    for id_, rows, row in unknown:
        if id_ not in given and (query := rows.name(row)):
            yield id_, query


def _drawn_keys(table: Table) -> list[Column]:
    """What others may refer to and a default or a trigger may draw: not what refers to others itself.

    A text that is a key only together with others is a word, such as the kind of a row.
    """
    referring = {name for key in table.foreign_keys for name in key.columns}
    names = dict.fromkeys(
        name
        for index in table.unique
        for name in index.columns
        if name not in referring and (len(index.columns) == 1 or table.columns[name].base == "uuid")
    )
    return [table.columns[name] for name in names if table.columns[name].base in _KEYS]


@dataclass(frozen=True)
class _Rows:
    session: Session
    table: Table
    key: Column

    @cached_property
    def drawn(self) -> list[dict[str, str | None]]:
        """Those whose key was drawn: a text that no default gives was, if at all, by a trigger just now."""
        is_any = self.key.base == "uuid" or self.key.default
        return [row for row in self.all if is_any or row[_NEW] == "true"]

    @cached_property
    def all(self) -> list[dict[str, str | None]]:
        """Some rows, and of each whether the present transaction wrote it."""
        is_new = "(t.xmin::text::bigint >= pg_catalog.pg_current_xact_id()::xid::text::bigint)::text"
        shown = [f"t.{c.quoted}::text as {c.quoted}" for c in self.table.columns.values()]
        attempt = self.session.attempt(
            f"select {', '.join([f'{is_new} as {quoted(_NEW)}', *shown])} from {self.table.name} as t"
            " order by t.tableoid, t.ctid limit 500"
        )
        return attempt.rows if attempt.outcome is Outcome.ALLOWED else []

    def name(self, row: Mapping[str, str | None]) -> str:
        """A query for the row's id by as few columns as tell it from all others; "" where none do."""
        referring = {name for key in self.table.foreign_keys for name in key.columns}
        columns = [
            column
            for column in self.table.columns.values()
            if column.comparable
            and column.name != self.key.name
            and (column.base not in _DRAWN or column.name in referring)
            and len(row[column.name] or "") <= _LONGEST
        ]
        columns.sort(key=lambda column: column.name not in referring)
        rows = self.all
        for size in range(1, _COLUMNS + 1):
            for some in combinations(columns, size):
                if sum(all(other[c.name] == row[c.name] for c in some) for other in rows) == 1:
                    where = " and ".join(
                        f"{c.quoted} is not distinct from {literal(row[c.name])}" for c in some
                    )
                    return f"(select {self.key.quoted} from {self.table.name} where {where})"
        return ""
