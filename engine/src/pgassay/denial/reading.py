"""Read from a parse tree what a statement asks for; generously, since trying weeds out what is in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from pglast import ast, parser
from pglast.enums import CmdType, OnConflictAction, VariableSetKind

from pgassay.denial.statement import Name, Statement, Use
from pgassay.errors import CannotJudgeError

Tree: TypeAlias = Any
"""A node of a parse tree. pglast says of every child that it may be missing, of those too that never are."""

# Everything else works on the objects themselves, which takes ownership.
_QUERIES = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.CallStmt)
_MERGE = {CmdType.CMD_INSERT: "insert", CmdType.CMD_UPDATE: "update", CmdType.CMD_DELETE: "delete"}
_SEQUENCE = {"nextval": "usage", "currval": "select", "setval": "update"}
_ACCESS_SHARE = 1  # PostgreSQL's AccessShareLock


def read_statement(text: str) -> Statement:
    """Read SQL without placeholders. Raises CannotJudgeError when pglast cannot parse it."""
    try:
        statements = parser.parse_sql(text)
    except (parser.ParseError, RecursionError) as error:
        raise CannotJudgeError(
            "Cannot say why a statement was refused: pglast cannot parse it.",
            why=f"{text}\n{error}",
            fixes=("write it in the grammar of PostgreSQL 17",),
        ) from error
    reader = _Reader()
    for raw in statements:
        reader.read(raw.stmt)
    return reader.result()


class _Reader:
    """Collects what the nodes of a tree ask for, whichever way they are nested."""

    def __init__(self) -> None:
        self._uses: list[Use] = []
        self._targets: set[int] = set()
        self._labels: set[str] = set()
        self._alone: set[str] = set()
        self._mentioned: set[str] = set()
        self._functions: set[Name] = set()
        self._creates_in: set[str] = set()
        self._roles: list[str] = []
        self._parameters: list[str] = []
        self._whole = False
        self._locks = False
        self._utility = False

    def read(self, node: Tree) -> None:
        self._utility = not isinstance(node, _QUERIES)
        for found in _walk(node):
            if visit := _VISITS.get(type(found)):
                visit(self, found)

    def result(self) -> Statement:
        uses = list(self._uses)
        if self._locks:
            uses += [Use(relation=use.relation, privilege="update") for use in uses if use.scans]
        return Statement(
            uses=tuple(dict.fromkeys(uses)),
            mentioned=frozenset(self._mentioned),
            whole=self._whole or bool(self._alone & self._labels),
            functions=tuple(sorted(self._functions)),
            creates_in=tuple(sorted(self._creates_in)),
            roles=tuple(self._roles),
            parameters=tuple(self._parameters),
        )

    def _target(self, node: Tree, privilege: str, columns: Iterable[str] = ()) -> None:
        self._targets.add(id(node))
        self._uses.append(Use(relation=_name(node), privilege=privilege, columns=tuple(columns)))

    # Statements with a target: what is done to it; its columns in WHERE and RETURNING are read as well.

    def visit_insert(self, node: Tree) -> None:
        self._target(node.relation, "insert", _columns(node.cols))
        conflict = node.onConflictClause
        if conflict and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
            self._target(node.relation, "update", _columns(conflict.targetList))

    def visit_update(self, node: Tree) -> None:
        self._target(node.relation, "update", _columns(node.targetList))

    def visit_delete(self, node: Tree) -> None:
        self._target(node.relation, "delete")

    def visit_merge(self, node: Tree) -> None:
        for clause in node.mergeWhenClauses:
            if clause.commandType in _MERGE:
                self._target(node.relation, _MERGE[clause.commandType], _columns(clause.targetList))

    def visit_copy(self, _: Tree) -> None:
        # Once it is allowed, the connection speaks another protocol.
        raise CannotJudgeError(
            "Cannot say why COPY was refused: it takes a client of its own.",
            fixes=("ask about the SELECT or INSERT that takes the same privileges",),
        )

    def visit_truncate(self, node: Tree) -> None:
        for relation in node.relations:
            self._target(relation, "truncate")

    def visit_lock(self, node: Tree) -> None:
        for relation in node.relations:
            self._target(relation, "select" if node.mode == _ACCESS_SHARE else "update")

    def visit_create_trigger(self, node: Tree) -> None:
        self._target(node.relation, "trigger")
        self._functions.add(_function(node.funcname))

    def visit_constraint(self, node: Tree) -> None:
        if node.pktable is not None:
            self._target(node.pktable, "references", [column.sval for column in node.pk_attrs or ()])

    # What is read.

    def visit_relation(self, node: Tree) -> None:
        self._labels.add(node.alias.aliasname if node.alias else node.relname)
        target = id(node) in self._targets
        self._uses.append(Use(relation=_name(node), privilege="select", scans=not target))
        if self._utility and not target:
            self._uses.append(Use(relation=_name(node), privilege="own"))

    def visit_locking(self, _: Tree) -> None:
        self._locks = True

    def visit_column(self, node: Tree) -> None:
        names: list[str] = [field.sval for field in node.fields if not isinstance(field, ast.A_Star)]
        self._mentioned.update(names)
        if len(node.fields) == 1:  # `select t from t` reads the row as a whole
            self._alone.update(names)

    def visit_star(self, _: Tree) -> None:
        self._whole = True

    def visit_index_element(self, node: Tree) -> None:
        if node.name:  # ON CONFLICT (column)
            self._mentioned.add(node.name)

    def visit_join(self, node: Tree) -> None:
        self._whole |= bool(node.isNatural)
        self._mentioned.update(column.sval for column in node.usingClause or ())

    def visit_call(self, node: Tree) -> None:
        function = _function(node.funcname)
        self._functions.add(function)
        privilege = _SEQUENCE.get(function.name)
        if privilege and (sequence := _literal(node.args)):
            self._uses.append(Use(relation=_sequence(sequence), privilege=privilege))

    # What is made, or become.

    def visit_create_table(self, node: Tree) -> None:
        self._create(node.relation)

    def visit_create_sequence(self, node: Tree) -> None:
        self._create(node.sequence)

    def visit_create_view(self, node: Tree) -> None:
        self._create(node.view)

    def visit_into(self, node: Tree) -> None:
        self._create(node.rel)

    def visit_create_function(self, node: Tree) -> None:
        self._creates_in.add(_function(node.funcname).schema)

    def visit_drop(self, node: Tree) -> None:
        for found in node.objects:
            if isinstance(found, tuple):
                self._uses.append(Use(relation=_function(found), privilege="own"))

    def visit_set(self, node: Tree) -> None:
        if node.kind != VariableSetKind.VAR_SET_VALUE:
            return
        if node.name in ("role", "session_authorization"):
            self._roles += [argument.val.sval for argument in node.args]
        else:
            self._parameters.append(node.name)

    def _create(self, node: Tree) -> None:
        self._targets.add(id(node))
        if node.relpersistence != "t":
            self._creates_in.add(node.schemaname or "")


_VISITS: dict[type, Callable[[_Reader, Tree], None]] = {
    ast.InsertStmt: _Reader.visit_insert,
    ast.UpdateStmt: _Reader.visit_update,
    ast.DeleteStmt: _Reader.visit_delete,
    ast.MergeStmt: _Reader.visit_merge,
    ast.CopyStmt: _Reader.visit_copy,
    ast.TruncateStmt: _Reader.visit_truncate,
    ast.LockStmt: _Reader.visit_lock,
    ast.CreateTrigStmt: _Reader.visit_create_trigger,
    ast.Constraint: _Reader.visit_constraint,
    ast.RangeVar: _Reader.visit_relation,
    ast.LockingClause: _Reader.visit_locking,
    ast.ColumnRef: _Reader.visit_column,
    ast.A_Star: _Reader.visit_star,
    ast.IndexElem: _Reader.visit_index_element,
    ast.JoinExpr: _Reader.visit_join,
    ast.FuncCall: _Reader.visit_call,
    ast.CreateStmt: _Reader.visit_create_table,
    ast.CreateSeqStmt: _Reader.visit_create_sequence,
    ast.ViewStmt: _Reader.visit_create_view,
    ast.IntoClause: _Reader.visit_into,
    ast.CreateFunctionStmt: _Reader.visit_create_function,
    ast.DropStmt: _Reader.visit_drop,
    ast.VariableSetStmt: _Reader.visit_set,
}


def _walk(root: Tree) -> Iterator[Tree]:
    """All nodes of a tree, each before what it contains."""
    pending: list[Tree] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Node):
            yield node
            pending.extend(getattr(node, member) for member in node)
        elif isinstance(node, tuple):
            pending.extend(reversed(node))


def _name(node: Tree) -> Name:
    return Name(schema=node.schemaname or "", name=node.relname)


def _function(parts: Iterable[Tree]) -> Name:
    *schema, name = (part.sval for part in parts)
    return Name(schema=schema[-1] if schema else "", name=name)


def _columns(targets: Iterable[Tree] | None) -> list[str]:
    return [target.name for target in targets or ()]


def _literal(arguments: Iterable[Tree] | None) -> str:
    """The text of a first argument that is a plain string, cast or not."""
    argument = next(iter(arguments or ()), None)
    if isinstance(argument, ast.TypeCast):
        argument = argument.arg
    value = argument.val if isinstance(argument, ast.A_Const) else None
    return str(value.sval) if isinstance(value, ast.String) else ""


def _sequence(text: str) -> Name:
    drop: Tree = parser.parse_sql(f"drop sequence {text}")[0].stmt
    return _function(drop.objects[0])
