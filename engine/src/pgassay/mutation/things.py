"""What there is to break: objects of the catalog, facts about them, rows; what a schema brought of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from typing import Any

import psycopg
from pglast import parser

from pgassay.catalog.model import (
    Column,
    Constraint,
    Function,
    Grant,
    Index,
    ObjectKey,
    Policy,
    Relation,
    Role,
    Thing,
    Trigger,
    Type,
)  # fmt: skip
from pgassay.catalog.names import quoted
from pgassay.catalog.read import HISTORY, Access, Catalog, read_catalog
from pgassay.matrix.statements import literal
from pgassay.workbench import Workbench


@dataclass(frozen=True, kw_only=True)
class TableSecurity(Thing):
    """A table and its row level security."""

    table: str
    secured: bool
    forced: bool

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="table", object=self.table, name="")

    def __str__(self) -> str:
        return f"table {self.table}"


@dataclass(frozen=True, kw_only=True)
class View(Thing):
    """A view. `options` as in pg_class.reloptions."""

    view: str
    definition: str
    options: tuple[str, ...]

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="view", object=self.view, name="")

    def __str__(self) -> str:
        return f"view {self.view}"


@dataclass(frozen=True, kw_only=True)
class Privilege(Thing):
    """A privilege that `role` was granted, or one that it lacks. `kind` is as GRANT spells it.

    `column` is "" for the whole object. A function's `object` has its arguments.
    """

    kind: str
    object: str
    column: str
    role: str
    privilege: str
    granted: bool

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind=f"grant on {self.kind}", object=self.object, name=self.role)

    @property
    def what(self) -> str:
        """The privilege as GRANT and REVOKE spell it, up to the role."""
        column = f" ({quoted(self.column)})" if self.column else ""
        return f"{self.privilege}{column} on {self.kind} {self.object}"

    def __str__(self) -> str:
        return f"{self.what} for {self.role}"


@dataclass(frozen=True, kw_only=True)
class Seed(Thing):
    """A number that the schema itself puts into a table. `row`: a condition that names the row."""

    table: str
    row: str
    column: str
    value: str

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="seed", object=self.table, name=self.row)

    def __str__(self) -> str:
        return f"{quoted(self.column)} of the row of {self.table} where {self.row}"


_KINDS = (Relation, Column, Constraint, Index, Policy, Trigger, Function, Type, Grant, Role)

Connection = psycopg.Connection[Any]


def read_things(bench: Workbench) -> tuple[Thing, ...]:
    """All that schema and companions bring with them, beside what the environment has."""
    roles = sorted({persona.role for persona in bench.personas.values()})
    found: dict[str, tuple[Thing, ...]] = {}
    for depth in ("environment", "schema"):
        with bench.database(depth=depth) as database, closing(database.connect()) as connection:
            found[depth] = list_things(connection, roles=roles)
    known = set(found["environment"])
    return tuple(thing for thing in found["schema"] if thing not in known)


def unbound_roles(bench: Workbench) -> list[str]:
    """The roles that no policy binds: the schema's owner, and those with BYPASSRLS."""
    server = bench.server
    with closing(psycopg.connect(server.conninfo(server.maintenance))) as connection:
        roles = connection.execute(
            "select rolname from pg_catalog.pg_roles where rolbypassrls or rolsuper or rolname = %s",
            [bench.owner],
        )
        return [name for (name,) in roles]


def list_things(connection: Connection, *, roles: Iterable[str]) -> tuple[Thing, ...]:
    """All objects but the server's own and those of extensions; rights of `roles`; numbers in rows."""
    catalog = read_catalog(connection, *_KINDS)
    things = [*_relations(catalog), *_parts(catalog), *_functions(catalog)]
    things += [type for type in catalog.of(Type) if type.kind == "e"]
    rights = sorted(_rights(catalog, list(roles)), key=lambda right: (not right.granted, *astuple(right)))
    return (*sorted(things, key=lambda thing: thing.key), *rights, *_read_cells(connection, catalog))


def _tables(catalog: Catalog) -> list[Relation]:
    tables = (table for table in catalog.of(Relation) if table.kind in ("r", "p"))
    return [table for table in tables if not table.is_of_extension and table.schema != HISTORY]


def _relations(catalog: Catalog) -> Iterator[Thing]:
    for table in _tables(catalog):
        yield TableSecurity(table=table.name, secured=table.secured, forced=table.forced)
    for view in catalog.of(Relation):
        if view.kind == "v":
            yield View(view=view.name, definition=view.definition or "", options=view.options)


def _parts(catalog: Catalog) -> Iterator[Thing]:
    """What tables have. A constraint's index is the constraint's, and a partition's trigger its parent's."""
    tables = {table.oid for table in _tables(catalog)}
    triggers = (trigger for trigger in catalog.of(Trigger) if not trigger.is_of_parent)
    indexes = (index for index in catalog.of(Index) if not index.constraint)
    constraints = (constraint for constraint in catalog.of(Constraint) if constraint.type != "t")
    for parts in (catalog.of(Column), constraints, indexes, catalog.of(Policy), triggers):
        yield from (part for part in parts if part.relation_oid in tables)


def _functions(catalog: Catalog) -> Iterator[Function]:
    return (
        function
        for function in catalog.of(Function)
        if function.kind in ("f", "p") and not function.is_of_extension
    )


def _rights(catalog: Catalog, roles: Sequence[str]) -> Iterator[Privilege]:
    """What was granted to the roles or everybody, and what the roles lack."""
    granted = [grant for grant in catalog.of(Grant) if grant.kind != "type" and not grant.is_of_owner]
    for grant in granted:
        if grant.role in (*roles, "public") and not _is_passed_over(catalog, grant.oid):
            yield Privilege(
                kind=grant.kind, object=grant.object, column=grant.column,
                role=grant.role, privilege=grant.privilege, granted=True,
            )  # fmt: skip
    access = Access(catalog)
    columns = catalog.parts(Column)
    for oid, (kind, name) in {grant.oid: (grant.kind, grant.object) for grant in catalog.of(Grant)}.items():
        if kind != "type" and not _is_passed_over(catalog, oid):
            for column, privilege in _grantable(catalog, access, kind, oid, columns.get(oid, ())):
                for role in roles:
                    if not access.holds(role, privilege, oid, column):
                        yield Privilege(
                            kind=kind, object=name, column=column, role=role, privilege=privilege,
                            granted=False,
                        )  # fmt: skip


def _grantable(
    catalog: Catalog, access: Access, kind: str, oid: int, columns: Iterable[Column]
) -> Iterator[tuple[str, str]]:
    """The columns ("" for the whole) and privileges that can be granted on an object."""
    yield from (("", privilege) for privilege in access.privileges(kind))
    if kind == "table":
        is_view = catalog.relations[oid].kind == "v"
        for privilege in ("select",) if is_view else ("select", "insert", "update"):
            yield from ((column.name, privilege) for column in columns)


def _is_passed_over(catalog: Catalog, oid: int) -> bool:
    relation = catalog.relations.get(oid)
    return relation is not None and (relation.kind == "f" or relation.schema == HISTORY)


def _read_cells(connection: Connection, catalog: Catalog) -> Iterator[Seed]:
    """The numbers in rows whose key a person gave: unique, never null, without a default."""
    indexes, columns = catalog.parts(Index), catalog.parts(Column)
    for table in _tables(catalog):
        by_name = {column.name: column for column in columns[table.oid]}
        keys = [
            index
            for index in sorted(indexes[table.oid], key=lambda index: (not index.primary, index.oid))
            if index.unique and index.whole and not any(_is_made(by_name[name]) for name in index.columns)
        ]
        if keys:
            numbers = [
                name
                for name, column in by_name.items()
                if column.category == "N" and name not in keys[0].columns
                and not (column.generated or column.identity)
            ]  # fmt: skip
            key = [name for name in by_name if name in keys[0].columns]
            yield from _cells(connection, table=table.name, key=key, numbers=numbers) if numbers else ()


def _is_made(column: Column) -> bool:
    return column.default is not None or bool(column.identity) or not column.not_null


def _cells(connection: Connection, *, table: str, key: list[str], numbers: list[str]) -> Iterator[Seed]:
    columns = ", ".join(f"{quoted(name)}::text" for name in (*key, *numbers))
    try:
        with connection.transaction():
            rows = connection.execute(f"select {columns} from {table} order by 1".encode()).fetchall()
    except psycopg.errors.InsufficientPrivilege:  # the service's own, such as auth.users
        return
    for row in rows:
        named = zip(key, row, strict=False)
        condition = " and ".join(f"{quoted(name)} = {literal(value)}" for name, value in named)
        for column, value in zip(numbers, row[len(key) :], strict=True):
            if value is not None:
                yield Seed(table=table, row=condition, column=column, value=value)


def bare_name(name: str) -> str:
    """The last part of an object's name, without schema, quotes and arguments."""
    parts = [part for part in scan(name.partition("(")[0]) if part != "."]
    return parts[-1] if parts else name


def scan(text: str) -> list[str]:
    """The tokens of SQL, quotes taken off; of what is no SQL at all, its words."""
    try:
        tokens = parser.scan(text)
    except parser.ParseError:
        return text.split()
    return [_unquote(text[token.start : token.end + 1]) for token in tokens]


def _unquote(token: str) -> str:
    if len(token) > 3 and token[0] == token[-1] == "$":  # $$text$$ or $tag$text$tag$
        tag = token[: token.index("$", 1) + 1]
        return token[len(tag) : -len(tag)]
    return token.strip("\"'")
