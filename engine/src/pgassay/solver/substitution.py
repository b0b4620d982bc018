"""An expression in which each slot that is decided has become a literal: SQL that the server can answer."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any

from pglast import ast
from pglast.enums import CoercionForm

from pgassay.solver.model import ArgumentSlot, ColumnSlot, Slot
from pgassay.solver.schema import Schema
from pgassay.solver.scope import (
    BoundRow,
    Derived,
    Local,
    Node,
    Scope,
    Term,
    UnknownNameError,
    constant,
    names_of,
    parse_type,
    resolve,
    whole_row,
    write,
)
from pgassay.solver.state import State
from pgassay.solver.syntax import with_parts

# Who sends a request is nothing to set.
_FIXED = (("auth", "uid"), ("auth", "role"))
# Of a body that was inlined, each branch holds what follows it: its length doubles with each IF.
_LONGEST = 20_000


class Readings:
    """All readings of one term, one for each set of values that it may find decided.

    `slots`: all that can be set in it; `unknown`: names that nothing known has. `can_change`: it depends on
    rows or settings, so that its value may yet be another. `size`: how many nodes were read; what is left of
    a longer one is `unknown`.
    """

    def __init__(self, schema: Schema, term: Term) -> None:
        self._schema = schema
        self._term = term
        walk = _Walk(schema, State())
        walk.go(term.node, term.scope)
        self._in_order = tuple(walk.slots)
        self.slots = frozenset(walk.slots)
        self.unknown = walk.unknown
        self.can_change = walk.can_change
        self.size = walk.size
        self._found: dict[Hashable, Substitution] = {}

    def at(self, state: State) -> Substitution:
        """With what is decided in a state."""
        key = frozenset(
            (slot, state.is_final(slot), state.value(slot)) for slot in self.slots if state.known(slot)
        )
        if key not in self._found:
            self._found[key] = Substitution(self, state, self._in_order)
        return self._found[key]

    def write(self, state: State) -> Node:
        """The expression with what is decided as literals, and null for the rest."""
        return _Walk(self._schema, state).go(self._term.node, self._term.scope)


class Substitution:
    """One reading of a term: its `text`, and what stands in the way of evaluating it.

    `free`: slots without a value; `partial`: documents to which something may be added.
    """

    def __init__(self, readings: Readings, state: State, slots: Sequence[Slot]) -> None:
        self._readings = readings
        self._state = state
        self.free = [slot for slot in slots if not state.known(slot)]
        self.partial = [slot for slot in slots if state.known(slot) and not state.is_final(slot)]
        self.unknown = readings.unknown
        self.can_change = readings.can_change
        self.size = readings.size

    @property
    def is_ground(self) -> bool:
        return not self.free and not self.unknown

    @property
    def is_final(self) -> bool:
        """Whether nothing can make it another value."""
        return self.is_ground and not self.can_change and not self.partial

    @cached_property
    def node(self) -> Node:
        return self._readings.write(self._state)

    @cached_property
    def text(self) -> str:
        return write(self.node)


class _Walk:
    """Through an expression and what its names stand for."""

    def __init__(self, schema: Schema, state: State) -> None:
        self._schema = schema
        self._state = state
        self.slots: list[Slot] = []
        self.unknown: list[str] = []
        self.can_change = False
        self.size = 0

    def go(self, node: Node, scope: Scope) -> Node:
        """The node with what is decided as literals."""
        self.size += 1
        if self.size > _LONGEST:
            self.unknown = [f"an expression of more than {_LONGEST} nodes"]
            return node
        match node:
            case tuple():
                items = tuple(self.go(item, scope) for item in node)
                return items if any(new is not old for new, old in zip(items, node, strict=True)) else node
            case ast.ColumnRef() | ast.ParamRef():
                return self._name(node, scope)
            case ast.SelectStmt():
                return self._select(node, scope)
            case ast.RangeVar():
                return self._table(node, scope)
            case ast.FuncCall():
                return self._call(node, scope)
            case ast.A_Const() | ast.TypeName() | ast.String():
                return node
            case ast.Node():
                return with_parts(node, self._parts(node, scope))
        return node

    def _parts(self, node: Node, scope: Scope) -> dict[str, Any]:
        """What a node consists of, without flags and numbers, which stay."""
        found: dict[str, Any] = {}
        for name in node:
            value = getattr(node, name)
            if isinstance(value, ast.Node | tuple):
                found[name] = self.go(value, scope)
            else:
                self.size += 1
        return found

    def _name(self, node: Node, scope: Scope) -> Node:
        try:
            found = resolve(node, scope, self._schema.columns)
        except UnknownNameError as error:
            self.unknown.append(str(error))
            return node
        match found:
            case Local():
                return node
            case Term():
                return self.go(found.node, found.scope)
        return self._literal(found)

    def _literal(self, slot: Slot) -> Node:
        self.slots.append(slot)
        value = self._state.value(slot) if self._state.known(slot) else None
        return constant(value, self._type(slot))

    def _type(self, slot: Slot) -> str:
        if isinstance(slot, ColumnSlot):
            return self._schema.columns(slot.row.table)[slot.column].type
        return slot.type if isinstance(slot, ArgumentSlot) else "text"

    def _select(self, node: Node, scope: Scope) -> Node:
        names: dict[str, BoundRow | Derived | Local] = {}
        for cte in node.withClause.ctes if node.withClause else ():
            names[f"with {cte.ctename}"] = Local(frozenset())
        names.update(self._locals(node.fromClause or (), scope))
        inner = scope.inside(names)
        return with_parts(node, self._parts(node, inner))

    def _locals(self, items: tuple[Node, ...], scope: Scope) -> Iterator[tuple[str, Local]]:
        for item in items:
            match item:
                case ast.RangeVar(schemaname=schema, relname=str(name)):
                    alias = item.alias.aliasname if item.alias else name
                    table = self._schema.find_relation(schema, name, scope.path)
                    yield str(alias), Local(frozenset(self._schema.columns(table)) if table else None)
                case ast.JoinExpr():
                    yield from self._locals((item.larg, item.rarg), scope)
                case _:
                    alias = item.alias.aliasname if item.alias else ""
                    yield alias, Local(None)

    def _table(self, node: Node, scope: Scope) -> Node:
        """With its schema: the server looks names up in another path than a function's body."""
        if not node.schemaname and any(f"with {node.relname}" in one.rows for one in scope.chain):
            return node
        self.can_change = True
        if node.schemaname:
            return node
        table = self._schema.find_relation(None, node.relname, scope.path)
        schema = self._schema.relations[table].schema if table else None
        return with_parts(node, {"schemaname": schema})

    def _argument(self, node: Node, scope: Scope) -> Node:
        """A whole row as its columns, of the table's type."""
        row = whole_row(node, scope)
        if row is None:
            return node
        alias = node.fields[0]
        columns = (ast.String(name) for name in self._schema.columns(row.ref.table))
        values = tuple(ast.ColumnRef(fields=(alias, name)) for name in columns)
        record = ast.RowExpr(args=values, row_format=CoercionForm.COERCE_EXPLICIT_CALL)
        return ast.TypeCast(arg=record, typeName=parse_type(row.ref.table))

    def _call(self, node: Node, scope: Scope) -> Node:
        args = tuple(self._argument(one, scope) for one in node.args or ())
        if any(new is not old for new, old in zip(args, node.args or (), strict=True)):
            node = with_parts(node, {"args": args})
        changed = self._parts(node, scope)
        schema, name = names_of(node.funcname)
        found = self._schema.find_function(schema, name, len(node.args or ()), scope.path)
        fixed = (schema, name) in _FIXED
        self.can_change |= (found is not None and not fixed) or name == "current_setting"
        if found and not schema and len(node.funcname) == 1:
            changed["funcname"] = (ast.String(found[0].schema), ast.String(name))
        return with_parts(node, changed)
