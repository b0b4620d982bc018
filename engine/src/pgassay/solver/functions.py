"""Functions whose answer is an expression: their bodies in place of the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pglast import ast, parser
from pglast.enums import SubLinkType

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function
from pgassay.catalog.names import quoted
from pgassay.plpgsql.rewriting import parse_function
from pgassay.plpgsql.tokens import UnplacedError, read_tokens
from pgassay.solver import bodies
from pgassay.solver.returns import restore_returns
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Bound, BoundRow, Node, Scope, Term, constant, names_of, parse_type, whole_row
from pgassay.solver.signatures import Parameter

DEEPEST = 12
_RESULTS = {"trigger": "trigger", "void": "void"}


def inline(schema: Schema, call: Term) -> Term | None:
    """What a call stands for; None of what cannot be read, and of the server's own functions."""
    qualifier, name = names_of(call.node.funcname)
    arguments = call.node.args or ()
    found = schema.find_function(qualifier, name, len(arguments), call.scope.path)
    if found is None or call.scope.depth >= DEEPEST:
        return None
    function, parameters = found
    values = bind_arguments(call, parameters)
    if values is None:
        return None
    scope = Scope(
        variables=values,
        parent=Scope(rows=_rows(call, parameters)),  # what the body declares hides the columns
        path=path_of(function, call.scope.path),
        role=function.owner if function.definer else call.scope.role,
        depth=call.scope.depth + 1,
    )
    return _body(schema, function, scope)


def result_columns(schema: Schema, call: Term) -> tuple[str, ...]:
    """What the columns of a function in FROM are called; none of one value, which is called as the function.

    Those of a row of a table are the table's.
    """
    qualifier, name = names_of(call.node.funcname)
    found = schema.find_function(qualifier, name, len(call.node.args or ()), call.scope.path)
    return read_result(found[0], schema) if found else ()


def read_result(function: Function, schema: Schema) -> tuple[str, ...]:
    """The names of the columns that a function returns; none of a function that returns one value."""
    statement = _parse_signature(function)
    if statement is None:
        return ()
    named = [one.name for one in statement.parameters or () if one.mode.value in "obt" and one.name]
    if named or statement.returnType is None:
        return tuple(named)
    *_, name = (part.sval for part in statement.returnType.names)
    qualifier = statement.returnType.names[0].sval if len(statement.returnType.names) > 1 else None
    table = schema.find_relation(qualifier, name, schema.path)
    return tuple(schema.columns(table)) if table else ()


def bind_arguments(call: Term, parameters: Sequence[Parameter]) -> dict[str, Term] | None:
    """The arguments by name and as $1, cast to what the function takes."""
    given: dict[str, Node] = {}
    for number, node in enumerate(call.node.args or ()):
        if isinstance(node, ast.NamedArgExpr):
            given[str(node.name)] = node.arg
        else:
            given[parameters[number].name or f"${number + 1}"] = node
    values: dict[str, Term] = {}
    for number, one in enumerate(parameters, start=1):
        node = given.get(one.name or f"${number}", one.default)
        if node is None:
            return None
        term = call.at(ast.TypeCast(arg=node, typeName=parse_type(one.type)))
        values[f"${number}"] = term
        if one.name:
            values[one.name] = term
    return values


def _rows(call: Term, parameters: Sequence[Parameter]) -> dict[str, Bound]:
    """Arguments that are rows, as `t.*`: their columns are read below the parameter's name."""
    found: dict[str, Bound] = {}
    for one, node in zip(parameters, call.node.args or (), strict=False):
        if one.name and (row := whole_row(node, call.scope)):
            found[one.name] = row
    return found


def path_of(function: Function, path: tuple[str, ...]) -> tuple[str, ...]:
    """Where a function's body looks for names: its own setting, else `path`."""
    for setting in function.configuration:
        name, _, value = setting.partition("=")
        if name == "search_path":
            return tuple(part.strip().strip('"') for part in value.split(",") if part.strip().strip('"'))
    return path


def _body(schema: Schema, function: Function, scope: Scope) -> Term | None:
    if function.language == "sql":
        return _sql(_select(function.function, function.definition), _named(scope, function))
    if function.language == "plpgsql":
        block = read_block(function, schema)
        return bodies.read(block, _named(scope, function)) if block is not None else None
    return None


def refusals(schema: Schema, table: str, row: BoundRow) -> Sequence[Term]:
    """Whether each trigger of a table raises an error for a row that is inserted, as terms."""
    return schema.memory.get(("refusals", table, row.ref), lambda: tuple(_refusals(schema, table, row)))


def _refusals(schema: Schema, table: str, row: BoundRow) -> Iterator[Term]:
    names = {"new": row}
    for trigger in schema.user_triggers(table):
        function = schema.catalog.functions.get(trigger.function_oid)
        if function is None or function.language != "plpgsql" or not (block := read_block(function, schema)):
            continue
        constants = {
            "tg_op": "INSERT",
            "tg_table_name": schema.plain_name(table),
            "tg_name": trigger.name,
        }
        scope = Scope(rows=names, path=path_of(function, schema.path), depth=1)
        for name, value in constants.items():
            scope = scope.knowing(name, Term(constant(value, "text"), scope))
        if "INSERT" in trigger.definition and (term := bodies.read_refusal(block, scope)):
            yield term


def documents(schema: Schema, table: str) -> dict[str, tuple[str, ...]]:
    """The keys that triggers of a table read in its documents, by column."""
    found: dict[str, tuple[str, ...]] = {}
    for trigger in schema.user_triggers(table):
        function = schema.catalog.functions.get(trigger.function_oid)
        literals = find_literals([function.text]) if function else None
        if literals and (keys := tuple(dict.fromkeys(path[0] for path in literals.paths))):
            names = [one.name for one in schema.columns(table).values() if one.base in ("json", "jsonb")]
            found |= {name: keys for name in names if name in literals.words}
    return found


def _named(scope: Scope, function: Function) -> Scope:
    """Variables may be qualified with the function's name."""
    qualified = {f"{function.name}.{name}": value for name, value in scope.variables.items()}
    return replace(scope, variables={**qualified, **scope.variables})


@cache
def _select(_: str, definition: str) -> Node:
    """The one query of a function in SQL; None where there are more."""
    try:
        [raw] = parser.parse_sql(definition)
        statement: Node = raw.stmt
        if statement.sql_body is not None:
            return _atomic(statement.sql_body)
        [text] = [option.arg[0].sval for option in statement.options if option.defname == "as"]
        statements = parser.parse_sql(text)
    except (parser.ParseError, ValueError):
        return None
    return statements[0].stmt if len(statements) == 1 else None


def _atomic(body: Node) -> Node:
    if isinstance(body, ast.ReturnStmt):
        return ast.SelectStmt(targetList=(ast.ResTarget(val=body.returnval),), op=0)
    statements = [one for group in body for one in group]
    return statements[0] if len(statements) == 1 else None


def _sql(select: Node, scope: Scope) -> Term | None:
    if not isinstance(select, ast.SelectStmt) or select.valuesLists:
        return None
    return as_expression(select, scope)


def as_expression(select: Node, scope: Scope) -> Term:
    """A query as the value that it gives; of one without FROM, what it selects."""
    plain = not (select.fromClause or select.whereClause or select.withClause or select.op)
    if plain and len(select.targetList or ()) == 1:
        return Term(select.targetList[0].val, scope)
    return Term(ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=select), scope)


_blocks: dict[str, Any] = {}


def _with_plain_types(function: Function, schema: Schema) -> Function:
    """With text for enums and domains in DECLARE: libpg_query takes what it does not know for records."""
    names = {name.rpartition(".")[2] for name in (*schema.labels, *schema.domains)}
    tokens = read_tokens(function.body)
    body, named = function.body, False
    for number, token in enumerate(tokens):
        if token.word == "begin":
            break
        if token.word in names and named:
            first = tokens[number - 2] if tokens[number - 1].word == "." else token
            width = token.end - first.start  # so that the others stay where they are
            body = f"{body[: first.start]}{'text'.ljust(width)[:width]}{body[token.end :]}"
        named = token.word not in (";", "declare")
    definition = f"create function f{_plain_signature(function)} language plpgsql as ''"
    return replace(function, body=body, definition=definition)


_MODES = {"o": "out ", "b": "inout "}


def _plain_signature(function: Function) -> str:
    """Arguments and result, with text for every type; what a body assigns to is among them.

    A single OUT argument makes the result one of its type, several make it a record.
    """
    statement = _parse_signature(function)
    parameters = (statement.parameters if statement else None) or ()
    columns = [f"{quoted(one.name)} text" for one in parameters if one.mode.value == "t"]
    given = [one for one in parameters if one.mode.value != "t"]
    named = ((_MODES.get(one.mode.value, ""), f"{quoted(one.name)} " if one.name else "") for one in given)
    arguments = ", ".join(f"{mode}{name}text" for mode, name in named)
    outs = sum(one.mode.value in _MODES for one in given)
    single = "text" if outs or function.returns else "void"  # a procedure
    kind = _RESULTS.get(function.result, "record" if outs > 1 else single)
    if columns:
        kind = f"table({', '.join(columns)})"
    elif statement and statement.returnType and statement.returnType.setof:
        kind = f"setof {kind}"
    return f"({arguments}) returns {kind}"


def _parse_signature(function: Function) -> Any:  # noqa: ANN401 - of pglast
    """Its arguments and result as pglast's CREATE FUNCTION; None where they do not read back."""
    returns = f" returns {function.returns}" if function.returns else ""
    try:
        [raw] = parser.parse_sql(f"create function f({function.arguments}){returns} language sql as ''")
    except parser.ParseError:
        return None
    return raw.stmt


def read_block(function: Function, schema: Schema) -> Mapping[str, Any] | None:
    """The body of a PL/pgSQL function as libpg_query reads it."""
    if function.definition not in _blocks:
        try:
            [document] = parse_function(_with_plain_types(function, schema))
            restore_returns(document, function.body)
            _blocks[function.definition] = document["PLpgSQL_function"]
        except UnplacedError:
            _blocks[function.definition] = None
    block: Mapping[str, Any] | None = _blocks[function.definition]
    return block
