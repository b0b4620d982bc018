"""Names inside expressions: what a column, a parameter or a variable stands for. Pure.

A function that is inlined is no substitution of text: its body is read in a scope in which the parameters
stand for the arguments, each in the scope of the call. So no name is ever captured by another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pglast import ast, parser
from pglast.enums import SubLinkType
from pglast.stream import RawStream

from pgassay.solver.model import ArgumentSlot, ColumnSlot, RowRef, Slot, Value

Node = Any  # pglast's attributes are of many types


@dataclass(frozen=True, eq=False)
class Term:
    """An expression where it stands."""

    node: Node
    scope: Scope

    def at(self, node: Node) -> Term:
        """Another expression of the same place."""
        return Term(node, self.scope)


@dataclass(frozen=True, eq=False)
class BoundRow:
    """A row that can be made."""

    ref: RowRef


@dataclass(frozen=True, eq=False)
class Derived:
    """The columns of a subquery, a view or a variable that holds a row."""

    columns: Mapping[str, Term]


@dataclass(frozen=True, eq=False)
class Local:
    """What the server itself will find in FROM; without `columns`, whatever nobody else has."""

    columns: frozenset[str] | None = None


@dataclass(frozen=True, eq=False)
class Query:
    """A query that WITH gives a name."""

    node: Node
    scope: Scope


Bound = BoundRow | Derived | Local | Query


@dataclass(frozen=True, eq=False)
class Scope:
    """The rows of one FROM by alias, and the variables of a function by name and as $1.

    `path`: where names without a schema are looked up; `role`: whose rights the subqueries have, "" for
    those of whoever asks; `depth`: how many functions and views are around it.
    """

    rows: Mapping[str, Bound] = field(default_factory=dict)
    variables: Mapping[str, Term | Slot | None] = field(default_factory=dict)
    parent: Scope | None = None
    path: tuple[str, ...] = ()
    role: str = ""
    depth: int = 0

    def inside(self, rows: Mapping[str, Bound]) -> Scope:
        """The scope of a subquery."""
        return replace(self, rows=rows, variables={}, parent=self)

    def knowing(self, name: str, term: Term | Slot | None) -> Scope:
        """The same place after a variable has got a value."""
        return replace(self, variables={**self.variables, name: term})

    @property
    def chain(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


class UnknownNameError(Exception):
    """A name that nothing known has: a variable that a loop sets, a column of a table function."""


Found = Term | ColumnSlot | ArgumentSlot | Slot | Local


def resolve(node: Node, scope: Scope, columns: Columns) -> Found:
    """What a ColumnRef or ParamRef stands for. Raises UnknownNameError."""
    if isinstance(node, ast.ParamRef):
        return _variable(f"${node.number}", scope)
    names = [str(part.sval) for part in node.fields if isinstance(part, ast.String)]
    if len(names) != len(node.fields):
        raise UnknownNameError("*")
    if len(names) == 1:
        return _alone(names[0], scope, columns)
    return _qualified(names[-2], names[-1], scope, columns)


def whole_row(node: Node, scope: Scope) -> BoundRow | None:
    """The row that `t.*` is as an argument; None for all else."""
    match node:
        case ast.ColumnRef(fields=(ast.String(sval=str(alias)), ast.A_Star())):
            rows = (one.rows[alias] for one in scope.chain if alias in one.rows)
            row = next(rows, None)
            return row if isinstance(row, BoundRow) else None
    return None


Columns = Any  # Schema.columns: a relation's columns by name


def _alone(name: str, scope: Scope, columns: Columns) -> Found:
    unknown = None
    for one in scope.chain:
        for alias, row in one.rows.items():
            if found := _column(row, name, columns):
                return found
            if isinstance(row, Local) and (row.columns is None or alias == name):
                unknown = unknown or row
        if name in one.variables:
            return _variable(name, one)
    if unknown:
        return unknown
    raise UnknownNameError(name)


def _qualified(qualifier: str, name: str, scope: Scope, columns: Columns) -> Found:
    for one in scope.chain:
        if f"{qualifier}.{name}" in one.variables:  # before the row, of which it may be a new value
            return _variable(f"{qualifier}.{name}", one)
        if qualifier in one.rows:
            row = one.rows[qualifier]
            if isinstance(row, Local):
                return row
            if found := _column(row, name, columns):
                return found
            break
        if isinstance(record := one.variables.get(f"{qualifier}.*"), Term):
            return _field(record, name)
    raise UnknownNameError(f"{qualifier}.{name}")


def _field(record: Term, name: str) -> Term:
    """A column of the row that a variable holds, as the query that gives it."""
    select = record.node
    named = [target.val for target in select.targetList or () if target.name == name]
    target = ast.ResTarget(val=named[0] if named else ast.ColumnRef(fields=(ast.String(name),)))
    changed = {part: getattr(select, part) for part in select} | {"targetList": (target,)}
    sublink = ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=ast.SelectStmt(**changed))
    return record.at(sublink)


def _variable(name: str, scope: Scope) -> Found:
    for one in scope.chain:
        if name in one.variables:
            value = one.variables[name]
            if value is None:
                break
            return value
    raise UnknownNameError(name)


def _column(row: Bound, name: str, columns: Columns) -> Found | None:
    if isinstance(row, Derived):
        return row.columns.get(name)
    if isinstance(row, Query):
        return None
    if isinstance(row, Local):
        return row if row.columns is not None and name in row.columns else None
    column = columns(row.ref.table).get(name)
    if column is None:
        return None
    if column.generated and column.default:
        table = row.ref.table.rpartition(".")[2].strip('"')
        return Term(parse_expression(column.default), Scope(rows={table: row}, path=("public",)))
    return ColumnSlot(row.ref, name)


@cache
def parse_expression(text: str) -> Node:
    """An expression as a node. Raises pglast.parser.ParseError."""
    return _selected(text).val


@cache
def parse_type(text: str) -> Node:
    """The node of a type's name."""
    return _selected(f"null::{text}").val.typeName


def _selected(text: str) -> Node:
    [raw] = parser.parse_sql(f"select {text}")
    select: Node = raw.stmt
    return select.targetList[0]


def write(node: Node) -> str:
    """A node as SQL in one line."""
    return str(RawStream()(node))


def constant(value: Value, type_: str = "") -> Node:
    """A literal, of a type where one is named."""
    const = ast.A_Const(isnull=True) if value is None else ast.A_Const(isnull=False, val=ast.String(value))
    return ast.TypeCast(arg=const, typeName=parse_type(type_)) if type_ else const


def names_of(parts: Sequence[Node]) -> tuple[str | None, str]:
    """The schema, where there is one besides pg_catalog, and the name of a function or type."""
    *schema, name = (part.sval for part in parts)
    return (schema[-1] if schema and schema[-1] != "pg_catalog" else None), name


def arguments_of(function: str, parameters: Iterable[tuple[str, str]]) -> dict[str, Term | Slot | None]:
    """Slots for arguments of these names and types: by name, with the function's before it, and as $1."""
    found: dict[str, Term | Slot | None] = {}
    for number, (name, type_) in enumerate(parameters, start=1):
        names = (name, f"{function}.{name}", f"${number}")
        found |= dict.fromkeys(names, ArgumentSlot(name, type_))
    return found
