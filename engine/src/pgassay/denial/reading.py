"""Read from a parse tree what a statement asks for; generously, since trying weeds out what is in vain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pglast import ast, parser
from pglast.enums import CmdType, OnConflictAction, VariableSetKind
from pglast.visitors import Visitor

from pgassay.errors import CannotJudgeError

Tree: TypeAlias = Any
"""A node of a parse tree. pglast says of every child that it may be missing, of those too that never are."""

# Everything else works on the objects themselves, which takes ownership.
_QUERIES = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.CallStmt)
_MERGE = {CmdType.CMD_INSERT: "insert", CmdType.CMD_UPDATE: "update", CmdType.CMD_DELETE: "delete"}
_SEQUENCE = {"nextval": "usage", "currval": "select", "setval": "update"}
_ACCESS_SHARE = 1  # PostgreSQL's AccessShareLock


@dataclass(frozen=True, kw_only=True, order=True)
class Name:
    """A name as a statement has it; `schema` is "" where the search path decides."""

    schema: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Use:
    """One thing that a statement does to a relation.

    `privilege` is what it takes, in lower case, or "own". `columns` are those that it writes; none where it
    names none. `scans`: reads the relation even where no column of it is mentioned.
    """

    relation: Name
    privilege: str
    columns: tuple[str, ...] = ()
    scans: bool = False


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What statements ask for. `mentioned` are names that may be columns; `whole`: every column is read."""

    uses: tuple[Use, ...]
    mentioned: frozenset[str] = frozenset()
    whole: bool = False
    functions: tuple[Name, ...] = ()
    creates_in: tuple[str, ...] = ()  # schemas; "" is the first of the search path
    roles: tuple[str, ...] = ()  # of SET ROLE
    parameters: tuple[str, ...] = ()  # of SET

    @property
    def names(self) -> tuple[Name, ...]:
        """The relations, each once."""
        return tuple(dict.fromkeys(use.relation for use in self.uses))


def read_statement(text: str) -> Demands:
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
        reader(raw)
    return reader.result()


class _Reader(Visitor):
    """Collects what the nodes of a tree ask for, whichever way they are nested; each before what is in it."""

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

    def result(self) -> Demands:
        uses = list(self._uses)
        if self._locks:
            uses += [Use(relation=use.relation, privilege="update") for use in uses if use.scans]
        return Demands(
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

    def visit_RawStmt(self, _: object, node: Tree) -> None:
        self._utility = not isinstance(node.stmt, _QUERIES)

    # Statements with a target: what is done to it; its columns in WHERE and RETURNING are read as well.

    def visit_InsertStmt(self, _: object, node: Tree) -> None:
        self._target(node.relation, "insert", _columns(node.cols))
        conflict = node.onConflictClause
        if conflict and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
            self._target(node.relation, "update", _columns(conflict.targetList))

    def visit_UpdateStmt(self, _: object, node: Tree) -> None:
        self._target(node.relation, "update", _columns(node.targetList))

    def visit_DeleteStmt(self, _: object, node: Tree) -> None:
        self._target(node.relation, "delete")

    def visit_MergeStmt(self, _: object, node: Tree) -> None:
        for clause in node.mergeWhenClauses:
            if clause.commandType in _MERGE:
                self._target(node.relation, _MERGE[clause.commandType], _columns(clause.targetList))

    def visit_CopyStmt(self, *_: object) -> None:
        # Once it is allowed, the connection speaks another protocol.
        raise CannotJudgeError(
            "Cannot say why COPY was refused: it takes a client of its own.",
            fixes=("ask about the SELECT or INSERT that takes the same privileges",),
        )

    def visit_TruncateStmt(self, _: object, node: Tree) -> None:
        for relation in node.relations:
            self._target(relation, "truncate")

    def visit_LockStmt(self, _: object, node: Tree) -> None:
        for relation in node.relations:
            self._target(relation, "select" if node.mode == _ACCESS_SHARE else "update")

    def visit_CreateTrigStmt(self, _: object, node: Tree) -> None:
        self._target(node.relation, "trigger")
        self._functions.add(_function(node.funcname))

    def visit_Constraint(self, _: object, node: Tree) -> None:
        if node.pktable is not None:
            self._target(node.pktable, "references", [column.sval for column in node.pk_attrs or ()])

    # What is read.

    def visit_RangeVar(self, _: object, node: Tree) -> None:
        self._labels.add(node.alias.aliasname if node.alias else node.relname)
        target = id(node) in self._targets
        self._uses.append(Use(relation=_name(node), privilege="select", scans=not target))
        if self._utility and not target:
            self._uses.append(Use(relation=_name(node), privilege="own"))

    def visit_LockingClause(self, *_: object) -> None:
        self._locks = True

    def visit_ColumnRef(self, _: object, node: Tree) -> None:
        names: list[str] = [field.sval for field in node.fields if not isinstance(field, ast.A_Star)]
        self._mentioned.update(names)
        if len(node.fields) == 1:  # `select t from t` reads the row as a whole
            self._alone.update(names)

    def visit_A_Star(self, *_: object) -> None:
        self._whole = True

    def visit_IndexElem(self, _: object, node: Tree) -> None:
        if node.name:  # ON CONFLICT (column)
            self._mentioned.add(node.name)

    def visit_JoinExpr(self, _: object, node: Tree) -> None:
        self._whole |= bool(node.isNatural)
        self._mentioned.update(column.sval for column in node.usingClause or ())

    def visit_FuncCall(self, _: object, node: Tree) -> None:
        function = _function(node.funcname)
        self._functions.add(function)
        privilege = _SEQUENCE.get(function.name)
        if privilege and (sequence := _literal(node.args)):
            self._uses.append(Use(relation=_sequence(sequence), privilege=privilege))

    # What is made, or become.

    def _create(self, node: Tree) -> None:
        self._targets.add(id(node))
        if node.relpersistence != "t":
            self._creates_in.add(node.schemaname or "")

    def visit_CreateStmt(self, _: object, node: Tree) -> None:
        self._create(node.relation)

    def visit_CreateSeqStmt(self, _: object, node: Tree) -> None:
        self._create(node.sequence)

    def visit_ViewStmt(self, _: object, node: Tree) -> None:
        self._create(node.view)

    def visit_IntoClause(self, _: object, node: Tree) -> None:
        self._create(node.rel)

    def visit_CreateFunctionStmt(self, _: object, node: Tree) -> None:
        self._creates_in.add(_function(node.funcname).schema)

    def visit_DropStmt(self, _: object, node: Tree) -> None:
        for found in node.objects:
            if isinstance(found, tuple):
                self._uses.append(Use(relation=_function(found), privilege="own"))

    def visit_VariableSetStmt(self, _: object, node: Tree) -> None:
        if node.kind != VariableSetKind.VAR_SET_VALUE:
            return
        if node.name in ("role", "session_authorization"):
            self._roles += [argument.val.sval for argument in node.args]
        else:
            self._parameters.append(node.name)


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
