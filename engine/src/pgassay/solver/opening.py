"""FROM and WHERE of a query: the rows behind it, each of which is one that can be made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from pglast import ast, parser
from pglast.enums import JoinType, SetOperation

from pgassay.solver import elements, functions
from pgassay.solver.model import Reason
from pgassay.solver.scope import Bound, BoundRow, Derived, Node, Query, Scope, Term, constant
from pgassay.solver.syntax import operation
from pgassay.solver.visibility import is_hidden, visibility

if TYPE_CHECKING:
    from pgassay.solver.search import Search
    from pgassay.solver.state import State

DEEPEST = 12
"""How many functions, views and policies may be around an expression."""

_SEEN = 3  # how deep policies of tables are asked for that other policies read

Rows = Mapping[str, Bound]


@dataclass(frozen=True)
class Opened:
    """A query with its rows in place: what must be true of them, and what it selects."""

    state: State
    scope: Scope
    tests: tuple[Term, ...]
    select: Node

    @property
    def targets(self) -> list[tuple[str, Term]]:
        """What it selects, by the names that the columns get; stars are all columns."""
        return [one for target in self.select.targetList or () for one in _target(target, self.scope)]


def _target(target: Node, scope: Scope) -> Iterator[tuple[str, Term]]:
    node = target.val
    fields: list[Node] = [*(node.fields or ())] if isinstance(node, ast.ColumnRef) else [None]
    if isinstance(fields[-1], ast.A_Star):
        qualifier = fields[0].sval if len(fields) > 1 else None
        for alias, row in scope.rows.items():
            if qualifier in (None, alias) and isinstance(row, Derived):
                yield from row.columns.items()
            elif qualifier in (None, alias) and isinstance(row, BoundRow):
                yield f"{alias}.*", Term(node, scope)
    else:
        yield target.name or name_of(node), Term(node, scope)


def name_of(node: Node) -> str:
    """What a column is called that an expression gives."""
    match node:
        case ast.ColumnRef(fields=(*_, last)):
            return str(last.sval)
        case ast.FuncCall(funcname=(*_, last)):
            return str(last.sval)
        case ast.TypeCast(arg=inner):
            return name_of(inner)
        case ast.CoalesceExpr():
            return "coalesce"
    return "?column?"


# FROM and WHERE


def open_query(search: Search, select: Node, scope: Scope, state: State) -> Iterator[Opened]:
    """The ways to put rows behind a query's FROM; of a union, those of each side."""
    search.steps.take()
    if scope.depth > DEEPEST:
        return
    if select.op != SetOperation.SETOP_NONE:
        for side in (select.larg, select.rarg):
            yield from open_query(search, side, scope, state)
        return
    if select.valuesLists:
        for values in select.valuesLists:
            targets = tuple(
                ast.ResTarget(name=f"column{number}", val=value) for number, value in enumerate(values, 1)
            )
            yield Opened(state, scope, (), ast.SelectStmt(targetList=targets))
        return
    named = {
        f"with {one.ctename}": Query(one.ctequery, scope)
        for one in (select.withClause.ctes if select.withClause else ())
    }
    outer = scope.inside(named) if named else scope
    for opened in _from_all(search, select.fromClause or (), outer, state):
        inner = outer.inside(opened.rows)
        where = [Term(select.whereClause, inner)] if select.whereClause is not None else []
        tests = [*(Term(test.node, test.scope or inner) for test in opened.tests), *where]
        yield Opened(opened.state, inner, tuple(tests), select)


@dataclass(frozen=True)
class _Test:
    """A condition of FROM; without a scope, one of the query's own."""

    node: Node
    scope: Scope | None = None


@dataclass(frozen=True)
class _From:
    state: State
    rows: Rows
    tests: tuple[_Test, ...] = ()

    def with_rows(self, rows: Rows, tests: Sequence[_Test], state: State) -> _From:
        return _From(state, {**self.rows, **rows}, (*self.tests, *tests))


def _from_all(search: Search, items: Sequence[Node], scope: Scope, state: State) -> Iterator[_From]:
    if not items:
        yield _From(state, {})
        return
    *before, last = items
    for former in _from_all(search, before, scope, state):
        for one in _from(search, last, scope.inside(former.rows), former.state):
            yield former.with_rows(one.rows, one.tests, one.state)


def _from(search: Search, item: Node, scope: Scope, state: State) -> Iterator[_From]:
    match item:
        case ast.RangeVar():
            yield from _from_name(search, item, scope, state)
        case ast.RangeSubselect():
            yield from _from_query(search, item.subquery, scope, state, item.alias)
        case ast.JoinExpr():
            yield from _from_join(search, item, scope, state)
        case ast.RangeFunction():
            yield from _from_function(search, item, scope, state)


def _from_name(search: Search, item: Node, scope: Scope, state: State) -> Iterator[_From]:
    alias = item.alias.aliasname if item.alias else item.relname
    for one in scope.chain:
        if not item.schemaname and isinstance(query := one.rows.get(f"with {item.relname}"), Query):
            yield from _from_query(search, query.node, query.scope, state, item.alias, alias=item.relname)
            return
    table = search.schema.find_relation(item.schemaname, item.relname, scope.path)
    if table is None:
        search.obstacles.meet_name(item.relname)
        return
    relation = search.schema.relations[table]
    if relation.definition is not None:
        role = scope.role if relation.invoker else relation.owner
        [view] = parser.parse_sql(relation.definition)
        within = Scope(path=search.schema.path, role=role, depth=scope.depth + 1)
        yield from _from_query(search, view.stmt, within, state, item.alias, alias=alias)
        return
    for following, row in _row_of(table, state):
        yield _From(following, {alias: row}, _visible(search, table, row, scope))


def _row_of(table: str, state: State) -> Iterator[tuple[State, BoundRow]]:
    """A row that is needed anyway, other than the row in question; else one more."""
    yield from ((state, BoundRow(ref)) for ref in state.rows[1:] if ref.table == table)
    following, ref = state.add_row(table)
    yield following, BoundRow(ref)


def _from_query(
    search: Search,
    select: Node,
    scope: Scope,
    state: State,
    name: Node,
    *,
    alias: str = "",
    columns: Sequence[str] = (),
) -> Iterator[_From]:
    """`columns`: what they are called where the query does not say it, as those of a function."""
    alias = name.aliasname if name else alias
    renamed = [column.sval for column in (name.colnames or ())] if name else []
    renamed += columns[len(renamed) :]
    for opened in open_query(search, select, scope, state):
        found = all_columns(search, opened)
        names = [*renamed, *list(found)[len(renamed) :]]
        derived = Derived(dict(zip(names, found.values(), strict=False)))
        tests = [_Test(test.node, test.scope) for test in opened.tests]
        yield _From(opened.state, {alias: derived}, tuple(tests))


def all_columns(search: Search, opened: Opened) -> dict[str, Term]:
    """What a query selects, stars as columns."""
    columns: dict[str, Term] = {}
    for name, term in opened.targets:
        if name.endswith(".*"):
            row = term.scope.rows[name[:-2]]
            assert isinstance(row, BoundRow)
            for column in search.schema.columns(row.ref.table):
                fields = (ast.String(name[:-2]), ast.String(column))
                columns[column] = term.at(ast.ColumnRef(fields=fields))
        else:
            columns[name] = term
    return columns


def _from_join(search: Search, join: Node, scope: Scope, state: State) -> Iterator[_From]:
    for left in _from(search, join.larg, scope, state):
        for right in _from(search, join.rarg, scope.inside(left.rows), left.state):
            both = left.with_rows(right.rows, right.tests, right.state)
            yield replace(both, tests=(*both.tests, *_joining(search, join, left.rows, right.rows)))
        if join.jointype in (JoinType.JOIN_LEFT, JoinType.JOIN_FULL):
            yield left.with_rows(_absent(search, join.rarg, scope, state), (), left.state)


def _joining(search: Search, join: Node, left: Rows, right: Rows) -> Iterator[_Test]:
    if join.quals is not None:
        yield _Test(join.quals)
    for column in join.usingClause or ():
        one, other = (
            ast.ColumnRef(fields=(ast.String(_having(search, rows, column.sval)), column))
            for rows in (left, right)
        )
        yield _Test(operation("=", one, other))


def _having(search: Search, rows: Rows, column: str) -> str:
    """Which of the rows has a column of this name."""
    return next((alias for alias, row in rows.items() if column in _names(search, row)), [*rows][-1])


def _names(search: Search, row: Bound) -> Iterable[str]:
    if isinstance(row, BoundRow):
        return search.schema.columns(row.ref.table)
    return row.columns if isinstance(row, Derived) else ()


def _absent(search: Search, item: Node, scope: Scope, state: State) -> Rows:
    """The other side of an outer join that finds nothing: all its columns are null."""
    null = Term(constant(None), Scope())
    absent: dict[str, Bound] = {}
    for one in islice(_from(search, item, scope, state), 1):
        for alias, row in one.rows.items():
            absent[alias] = Derived(dict.fromkeys(_names(search, row), null))
    return absent


def _from_function(search: Search, item: Node, scope: Scope, state: State) -> Iterator[_From]:
    call = item.functions[0][0]
    if not isinstance(call, ast.FuncCall):
        return
    name = name_of(call)
    body = search.terms.inline(Term(call, scope))
    if body is not None and isinstance(body.node, ast.SubLink):
        named = functions.result_columns(search.schema, Term(call, scope)) or (
            (item.alias.aliasname if item.alias else name,)
        )
        yield from _from_query(
            search, body.node.subselect, body.scope, state, item.alias, alias=name, columns=named
        )
        return
    alias = item.alias.aliasname if item.alias else name
    if elements.goes_through(call):
        following, ref = state.add_row("")
        found, there = elements.entry(Term(call, scope), item, alias, ref.number)
        yield _From(following, {alias: Derived(found)}, (_Test(there.node, there.scope),))
        return
    yield _From(state, {alias: Derived(elements.columns(Term(call, scope), item, alias))})


def _visible(search: Search, table: str, row: BoundRow, scope: Scope) -> tuple[_Test, ...]:
    """What the policies ask of a row that whoever sends the request reads in a subquery."""
    role = scope.role or (search.persona.role if search.persona else "")
    if not role or search.schema.bypasses(role, table):
        return ()
    if is_hidden(search.schema, table, role):
        search.obstacles.meet(f"no policy lets {role} read {table}", Reason.HIDDEN)
    inner = Scope(
        rows={search.schema.plain_name(table): row},
        path=search.schema.path,
        role=scope.role,
        depth=scope.depth + DEEPEST // _SEEN,
    )
    node = visibility(search.schema, table, role)
    return (_Test(node, inner),)
