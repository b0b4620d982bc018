"""Functions in FROM that return the elements of something: their row stands for the first element. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pglast import ast
from pglast.enums import NullTestType

from pgassay.catalog.model import Column
from pgassay.solver.jsonpaths import UnreadableError, read_path
from pgassay.solver.model import KeySlot
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Node, Term, names_of, parse_type
from pgassay.solver.syntax import call, operation

_DOCUMENTS = {
    **dict.fromkeys(("jsonb_array_elements", "json_array_elements"), "->"),
    **dict.fromkeys(("jsonb_array_elements_text", "json_array_elements_text"), "->>"),
}
_POPULATED = tuple(
    f"{kind}_populate_{what}" for kind in ("json", "jsonb") for what in ("record", "recordset")
)
_RECORDS = ("jsonb_to_recordset", "json_to_recordset")
_ENTRIES = {
    **dict.fromkeys(("jsonb_each", "json_each"), "->"),
    **dict.fromkeys(("jsonb_each_text", "json_each_text"), "->>"),
}
KEYS = ("jsonb_object_keys", "json_object_keys")
_EMPTY = {
    **dict.fromkeys(_DOCUMENTS, "[]"),
    **dict.fromkeys((*_ENTRIES, *KEYS, "unnest"), "{}"),
}
_FIRST = ast.A_Const(isnull=False, val=ast.Integer(0))


def columns(function: Term, item: Node, alias: str) -> Mapping[str, Term]:
    """What a function in FROM gives, by name; `item` is the RangeFunction around it."""
    name = names_of(function.node.funcname)[1]
    arguments: list[Node] = [*(function.node.args or ())]
    if name in _RECORDS and arguments:
        record = operation("->", arguments[0], _FIRST)
        return {one.colname: function.at(_field(record, one)) for one in item.coldeflist or ()}
    named = _named(item)
    if name in _DOCUMENTS:
        element = function.at(operation(_DOCUMENTS[name], arguments[0], _FIRST))
        return {(named or ["value"])[0]: element, alias: element}
    one = ast.A_Const(isnull=False, val=ast.Integer(1))
    if name == "unnest" and len(arguments) == 1:
        first = ast.A_Indirection(arg=arguments[0], indirection=(ast.A_Indices(is_slice=False, uidx=one),))
        return {(named or [alias])[0]: function.at(first), alias: function.at(first)}
    if name == "jsonb_path_query" and (found := _on_path(arguments)) is not None:
        return {(named or [alias])[0]: function.at(found)}
    if name == "string_to_table":
        return {(named or [alias])[0]: function.at(call("split_part", *arguments[:2], one))}
    return {(named or [alias])[0]: function}


def _named(item: Node) -> list[str]:
    return [column.sval for column in (item.alias.colnames or ())] if item.alias else []


def goes_through(function: Node) -> bool:
    """Whether a function gives the entries of a document, or their keys."""
    return names_of(function.funcname)[1] in (*_ENTRIES, *KEYS) and len(function.args or ()) == 1


def entry(function: Term, item: Node, alias: str, number: int) -> tuple[Mapping[str, Term], Term]:
    """The columns of one entry of a document, and that it is there. `number` tells its key from others."""
    name = names_of(function.node.funcname)[1]
    slot = f"key {number}"
    place = Term(function.node.args[0], function.scope.knowing(slot, KeySlot(slot)))
    key = place.at(ast.ColumnRef(fields=(ast.String(slot),)))
    there = place.at(
        ast.NullTest(arg=operation("->", place.node, key.node), nulltesttype=NullTestType.IS_NOT_NULL)
    )
    named = _named(item)
    if name in KEYS:
        return {(named or [alias])[0]: key, alias: key}, there
    names = [*named, *["key", "value"][len(named) :]]
    value = place.at(operation(_ENTRIES[name], place.node, key.node))
    return dict(zip(names, (key, value), strict=False)), there


def emptied(select: Node) -> Iterator[tuple[Node, str]]:
    """What the functions of a query go through, each with what has no element."""
    items: list[Node] = [item for item in select.fromClause or () if isinstance(item, ast.RangeFunction)]
    calls = [item.functions[0][0] for item in items]
    calls += [target.val for target in select.targetList or () if isinstance(target.val, ast.FuncCall)]
    for one in calls:
        if isinstance(one, ast.FuncCall) and (empty := _EMPTY.get(names_of(one.funcname or ())[1])):
            yield (one.args or ())[0], empty


def _on_path(arguments: list[Node]) -> Node | None:
    """What a path leads to that is written there, and asks nothing on its way."""
    document, path, *_ = arguments
    path = path.arg if isinstance(path, ast.TypeCast) else path
    match path:
        case ast.A_Const(val=ast.String(sval=str(text))):
            try:
                found = read_path(text, document)
            except UnreadableError:
                return None
            return None if found.conditions or found.predicate else found.node
    return None


def populated(schema: Schema, function: Node) -> Mapping[str, Node]:
    """What jsonb_populate_record(null::t, document) reads, by column; of a set, of its first element."""
    match function:
        case ast.FuncCall(
            funcname=(*_, ast.String(sval=name)),
            args=(ast.TypeCast(typeName=ast.TypeName(names=tuple(parts))), document),
        ) if name in _POPULATED:
            table = schema.find_relation(*names_of(parts), schema.path)
            record = operation("->", document, _FIRST) if str(name).endswith("set") else document
            return {one.name: _column(record, one) for one in schema.columns(table or "").values()}
    return {}


def _column(record: Node, column: Column) -> Node:
    key = ast.A_Const(isnull=False, val=ast.String(column.name))
    return ast.TypeCast(arg=operation("->>", record, key), typeName=parse_type(column.type))


def _field(record: Node, column: Node) -> Node:
    """A column of the record, cast as it is defined."""
    key = ast.A_Const(isnull=False, val=ast.String(column.colname))
    return ast.TypeCast(arg=operation("->>", record, key), typeName=column.typeName)
