"""Which columns the schema compares with a claim of the token, in policies and in functions of SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from pglast import ast, parser
from pglast.visitors import Visitor

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Function, Policy
from pgassay.catalog.names import spell
from pgassay.catalog.tables import Table

Claims = Mapping[tuple[str, str], str]
"""By a table, as SQL spells it, and a column: the claim."""

_FUNCTIONS = {"uid": "sub", "email": "email"}
_CLAIMS = ("sub", "email")
_ARROWS = ("->", "->>", "#>>")
_EQUALS = ("=", "@>", "<@", "&&")


def find_consulted(policies: Iterable[Policy], functions: Iterable[Function]) -> frozenset[str]:
    """The tables that subqueries of policies and functions of SQL read."""
    return frozenset(name for reader in _read(policies, functions) for name in reader.tables)


def find_asked(texts: Iterable[str], functions: Iterable[Function]) -> Mapping[str, frozenset[str]]:
    """The tables that expressions read in subqueries, themselves or by functions of SQL.

    With each, all names of columns beside which it is read.
    """
    bodies = {function.name: function.text for function in functions if function.language == "sql"}
    found: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        reader = _Reader("")
        for part in (
            f"select {text}",
            *(bodies[name] for name in bodies if name in find_literals([text]).words),
        ):
            with suppress(parser.ParseError):
                for statement in parser.parse_sql(part):
                    reader(statement)
        for table in reader.tables:
            found[table].update(column[-1] for column in reader.columns if column)
    return {table: frozenset(columns) for table, columns in found.items()}


def reads_row(text: str, relation: str) -> bool:
    """Whether an expression of a policy depends on the row: PostgreSQL names it, or it stands alone."""
    reader = _Reader("")
    reader(parser.parse_sql(f"select {text}"))
    own = (column for column in reader.columns if column)
    return any(len(column) == 1 or column[-2] == relation for column in own)


def find_claims(policies: Iterable[Policy], functions: Iterable[Function]) -> Claims:
    """By the text alone, generously: a value that is none costs a statement."""
    found: dict[tuple[str, str], str] = {}
    for reader in _read(policies, functions):
        for key, claim in reader.pairs():
            found.setdefault(key, claim)
    return found


def hold(claims: Claims, tables: Mapping[str, Table]) -> Claims:
    """Those of columns that can hold one, and of what these refer to: a profile's id is a user's, too."""
    found = {
        (table, name): claim
        for (table, name), claim in claims.items()
        if table not in tables or _can_hold(tables[table].columns.get(name), claim)
    }
    keys = {
        (table.name, key.columns[0]): (key.target, key.target_columns[0])
        for table in tables.values()
        for key in table.foreign_keys
        if len(key.columns) == 1 and key.target is not None and key.target in tables
    }
    while more := {keys[one]: claim for one, claim in found.items() if keys.get(one, one) not in found}:
        found |= more
    return found


def _can_hold(column: Column | None, claim: str) -> bool:
    is_text = column is not None and column.category in ("S", "A")
    return is_text or (column is not None and column.base == "uuid" and claim == "sub")


def _read(policies: Iterable[Policy], functions: Iterable[Function]) -> Iterator[_Reader]:
    texts = [
        *((policy.table, f"select {text}") for policy in policies for _, text in policy.clauses),
        *(("", function.text) for function in functions if function.language == "sql"),
    ]
    for table, text in texts:
        try:
            tree = parser.parse_sql(text)
        except parser.ParseError:  # a body of PostgreSQL 14's kind begins with BEGIN ATOMIC
            continue
        reader = _Reader(table)
        for statement in tree:
            reader(statement)
        yield reader


class _Reader(Visitor):
    """Collects comparisons, and what each alias stands for."""

    def __init__(self, table: str) -> None:
        self._own = table
        self._tables: dict[str, list[str]] = defaultdict(list)
        self._compared: list[tuple[tuple[str, ...], str]] = []
        self.columns: list[tuple[str, ...]] = []

    def visit_RangeVar(self, _: object, node: Any) -> None:  # noqa: ANN401 - pglast's names and trees
        name = spell(node.schemaname or "public", node.relname)
        self._tables[node.alias.aliasname if node.alias else node.relname].append(name)

    def visit_ColumnRef(self, _: object, node: Any) -> None:  # noqa: ANN401
        self.columns.append(_column(node))

    def visit_A_Expr(self, _: object, node: Any) -> None:  # noqa: ANN401
        if node.name and node.name[-1].sval in _EQUALS:
            for one, other in ((node.lexpr, node.rexpr), (node.rexpr, node.lexpr)):
                claim, column = _claim(one), _column(other)
                if claim and column:
                    self._compared.append((column, claim))

    @property
    def tables(self) -> set[str]:
        return {name for names in self._tables.values() for name in names}

    def pairs(self) -> Iterator[tuple[tuple[str, str], str]]:
        """Unqualified, a column may be of any table at hand."""
        for column, claim in self._compared:
            named = self._tables.get(column[-2], []) if len(column) > 1 else []
            every = [name for names in self._tables.values() for name in names]
            for table in named or ([self._own] if len(column) > 1 else [self._own, *every]):
                yield (table, column[-1]), claim


def _bare(node: Any) -> Any:  # noqa: ANN401
    """Without casts, and without the SELECT around a single expression."""
    while True:
        if isinstance(node, ast.TypeCast):
            node = node.arg
        elif isinstance(node, ast.SubLink) and _is_plain(node.subselect):
            node = _target(node.subselect)
        elif isinstance(node, ast.A_ArrayExpr) and len(node.elements or ()) == 1:
            node = (node.elements or ())[0]
        else:
            return node


def _is_plain(select: Any) -> bool:  # noqa: ANN401
    return not select.fromClause and not select.whereClause and len(select.targetList or ()) == 1


def _target(select: Any) -> Any:  # noqa: ANN401
    return select.targetList[0].val


def _claim(expression: Any) -> str:  # noqa: ANN401
    node = _bare(expression)
    if isinstance(node, ast.FuncCall):
        first, *_, last = (*_names(node.funcname)[:1], *_names(node.funcname))
        return _FUNCTIONS.get(last, "") if first == "auth" else ""
    if isinstance(node, ast.A_Expr) and _names(node.name)[-1] in _ARROWS:
        key = _bare(node.rexpr)
        text = key.val.sval if isinstance(key, ast.A_Const) and isinstance(key.val, ast.String) else ""
        return text if text in _CLAIMS else ""
    return ""


def _names(parts: Any) -> list[str]:  # noqa: ANN401
    return [part.sval for part in parts]


def _column(node: Any) -> tuple[str, ...]:  # noqa: ANN401
    node = _bare(node)
    parts = getattr(node, "fields", None) if isinstance(node, ast.ColumnRef) else None
    return tuple(part.sval for part in parts) if parts and isinstance(parts[-1], ast.String) else ()
