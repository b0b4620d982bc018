"""What there is to try: tables, views, columns, keys, policies, privileges; read as the schema's owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from pgassay.catalog import tables_queries as queries
from pgassay.catalog.names import function_name, quoted
from pgassay.catalog.queries import SIGNATURES
from pgassay.database import Session
from pgassay.errors import CannotJudgeError

_DEFAULT_SCHEMAS = ("public",)
# Bits of pg_relation_is_updatable: 1 << CmdType.
_UPDATABLE = {"update": 4, "insert": 8, "delete": 16}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column; `type` and `category` are those of a domain's base type, `labels` those of an enum."""

    name: str
    type: str
    category: str  # pg_type.typcategory
    length: int | None  # of varchar(n) and char(n)
    nullable: bool
    default: bool
    always: bool  # generated always as identity
    generated: bool
    updatable: bool
    comparable: bool
    labels: tuple[str, ...]

    @property
    def quoted(self) -> str:
        return quoted(self.name)


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """Columns that name a row of the table `target` by its `target_columns`.

    `acts`: changes of that row cascade, or set null.
    """

    columns: tuple[str, ...]
    target: int
    target_columns: tuple[str, ...]
    acts: bool


@dataclass(frozen=True, kw_only=True)
class Unique:
    """A unique index by the columns in it; `whole`: without expressions and predicate."""

    columns: tuple[str, ...]
    primary: bool
    whole: bool

    def names_rows(self, table: Table) -> bool:
        """Whether its columns name every row of its table."""
        return self.whole and not any(table.columns[name].nullable for name in self.columns)

    def is_drawn(self, table: Table) -> bool:
        """Whether its values may be drawn at random, so that no other database has the same."""
        return any(
            table.columns[name].default and table.columns[name].type == "uuid" for name in self.columns
        )


@dataclass(frozen=True, kw_only=True)
class TablePolicy:
    """A policy and those of the personas' roles that it applies to."""

    name: str
    command: str
    permissive: bool
    roles: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Privileges:
    """What a role holds on a table: on each column, on the whole; `filtered`: policies apply to it.

    `reads_all`: none does, or one that lets it see every row and none that restricts it.
    """

    usage: bool  # of the schema
    delete: bool
    truncate: bool
    filtered: bool
    reads_all: bool
    select: frozenset[str]
    insert: frozenset[str]
    update: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table or view. `reachable`: served by the API; the others are only seen in footprints."""

    oid: int
    root: int  # of a partition, the table that it is part of; else its own oid
    schema: str
    name: str
    spelled: str
    kind: str  # pg_class.relkind
    reachable: bool
    writable: frozenset[str]  # commands that it can take at all
    secured: bool
    readable: bool  # by the schema's owner
    invoker: bool  # a view that reads with its reader's rights
    triggers: bool  # or rules
    columns: Mapping[str, Column]
    unique: tuple[Unique, ...]
    foreign_keys: tuple[ForeignKey, ...]
    policies: tuple[TablePolicy, ...]
    privileges: Mapping[str, Privileges]  # by role

    @property
    def stored(self) -> bool:
        """Has rows of its own, with a ctid and xmin, that the owner can see."""
        return self.kind == "r" and self.readable

    @property
    def truncatable(self) -> bool:
        return self.kind in "rp"


@dataclass(frozen=True, kw_only=True)
class Right:
    """A privilege on a function or sequence that a role holds or not; `usage` is that of the schema.

    `arguments`: the names of the types that a call takes.
    """

    object: str
    role: str
    privilege: str
    usage: bool
    held: bool
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The tables and views of the database by oid, and the rights on functions and sequences of the API."""

    tables: Mapping[int, Table]
    rights: tuple[Right, ...]

    @property
    def reachable(self) -> Iterator[Table]:
        """What the API serves, and storage.objects where there is one."""
        return (table for table in self.tables.values() if table.reachable)

    def rights_of(self, role: str) -> Iterator[Right]:
        return (right for right in self.rights if right.role == role)


def read_catalog(session: Session, *, roles: Iterable[str]) -> Catalog:
    """Read what the matrix for these roles needs, as the schema's owner.

    Raises CannotJudgeError where there is a foreign table, or a view of one, that nothing can be asked of.
    """
    try:
        with session.as_owner():
            reader = _Reader(session, roles=sorted(set(roles)))
            return Catalog(tables=reader.tables(), rights=tuple(reader.rights()))
    except psycopg.errors.ObjectNotInPrerequisiteState as error:  # by pg_relation_is_updatable()
        raise CannotJudgeError(
            "What the schema's tables can do cannot be read.",
            why=f"PostgreSQL says: {error.diag.message_primary}",
            fixes=("give the foreign tables a wrapper with a handler", "leave them out of the schema"),
        ) from error


class _Reader:
    def __init__(self, session: Session, *, roles: list[str]) -> None:
        self._session = session
        self._roles = roles
        self._schemas = self._api_schemas()

    def _api_schemas(self) -> list[str]:
        rows = self._rows(queries.SCHEMAS, {})
        named = next(iter(rows[0].values())) if rows else ""
        return [name.strip() for name in named.split(",") if name.strip()] or list(_DEFAULT_SCHEMAS)

    def tables(self) -> dict[int, Table]:
        found = self._rows(queries.TABLES, {"schemas": self._schemas})
        params = {"tables": [row["oid"] for row in found], "roles": self._roles}
        columns = _by_table(self._rows(queries.COLUMNS, params))
        unique = _by_table(self._rows(queries.UNIQUE, params))
        foreign = _by_table(self._rows(queries.FOREIGN_KEYS, params))
        policies = _by_table(self._rows(queries.POLICIES, params))
        reached = params | {"tables": [row["oid"] for row in found if row["reachable"]]}
        held = _by_table(self._rows(queries.COLUMN_PRIVILEGES, reached))
        whole = _by_table(self._rows(queries.TABLE_PRIVILEGES, reached))
        return {
            (oid := row["oid"]): Table(
                **{key: value for key, value in row.items() if key != "updatable"},
                # Not the server's own spelling: which words need quotes depends on its version.
                spelled=f"{quoted(row['schema'])}.{quoted(row['name'])}",
                writable=frozenset(name for name, bit in _UPDATABLE.items() if row["updatable"] & bit),
                columns={column["name"]: _column(column) for column in columns[oid]},
                unique=tuple(Unique(**_tupled(index)) for index in unique[oid]),
                foreign_keys=tuple(ForeignKey(**_tupled(key)) for key in foreign[oid]),
                policies=tuple(
                    TablePolicy(**policy | {"roles": frozenset(policy["roles"])}) for policy in policies[oid]
                ),
                privileges=_privileges(whole[oid], held[oid]),
            )
            for row in found
        }

    def rights(self) -> Iterator[Right]:
        params = {"schemas": self._schemas, "roles": self._roles}
        functions = self._rows(queries.FUNCTIONS, params)
        oids = sorted({row["oid"] for row in functions})
        signatures = self._rows(SIGNATURES, {"functions": oids})
        spelled = {row["oid"]: function_name(row["name"]) for row in signatures}
        for row in functions:
            yield Right(object=spelled[row.pop("oid")], privilege="execute", **_tupled(row))
        for row in self._rows(queries.SEQUENCES, params):
            sequence = f"{quoted(row.pop('schema'))}.{quoted(row.pop('name'))}"
            yield Right(object=sequence, **row)

    def _rows(self, query: LiteralString, params: dict[str, Any]) -> list[dict[str, Any]]:
        return self._session.connection.cursor(row_factory=dict_row).execute(query, params).fetchall()


def _by_table(rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.pop("table")].append(row)
    return grouped


def _column(row: dict[str, Any]) -> Column:
    values = {key: value for key, value in row.items() if key != "number"}
    return Column(**values | {"labels": tuple(row["labels"])})


def _tupled(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def _privileges(whole: Sequence[dict[str, Any]], columns: Sequence[dict[str, Any]]) -> dict[str, Privileges]:
    of_role = itemgetter("role")
    held: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for column in columns:
        for privilege in ("select", "insert", "update"):
            if column[privilege]:
                held[column["role"]][privilege].add(column["name"])
    return {
        of_role(row): Privileges(
            **{key: value for key, value in row.items() if key != "role"},
            select=frozenset(held[of_role(row)]["select"]),
            insert=frozenset(held[of_role(row)]["insert"]),
            update=frozenset(held[of_role(row)]["update"]),
        )
        for row in whole
    }
