"""Subqueries: the rows that they would find are rows that can be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from pglast import ast, parser
from pglast.enums import BoolExprType, JoinType, SetOperation, SubLinkType

from pgassay.catalog.model import Policy
from pgassay.solver import arrays, functions, logic
from pgassay.solver.asking import Answer
from pgassay.solver.model import ColumnSlot, RowRef, Truth, Value
from pgassay.solver.scope import (
    Bound,
    BoundRow,
    Derived,
    Node,
    Query,
    Scope,
    Term,
    constant,
    parse_expression,
)

if TYPE_CHECKING:
    from pgassay.solver.search import Search, States
    from pgassay.solver.state import State

DEEPEST = 12
"""How many functions, views and policies may be around an expression."""

_MOST_ROWS = 30
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
        yield target.name or _name_of(node), Term(node, scope)


def _name_of(node: Node) -> str:
    match node:
        case ast.ColumnRef(fields=(*_, last)):
            return str(last.sval)
        case ast.FuncCall(funcname=(*_, last)):
            return str(last.sval)
        case ast.TypeCast(arg=inner):
            return _name_of(inner)
        case ast.CoalesceExpr():
            return "coalesce"
    return "?column?"


# FROM and WHERE


def open_query(search: Search, select: Node, scope: Scope, state: State) -> Iterator[Opened]:
    """The ways to put rows behind a query's FROM; of a union, those of each side."""
    search.step()
    if scope.depth > DEEPEST:
        return
    if select.op != SetOperation.SETOP_NONE:
        for side in (select.larg, select.rarg):
            yield from open_query(search, side, scope, state)
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
        search.name_obstacle(item.relname)
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
    search: Search, select: Node, scope: Scope, state: State, name: Node, *, alias: str = ""
) -> Iterator[_From]:
    alias = name.aliasname if name else alias
    renamed = [column.sval for column in (name.colnames or ())] if name else []
    for opened in open_query(search, select, scope, state):
        columns = _all_columns(search, opened)
        names = [*renamed, *list(columns)[len(renamed) :]]
        derived = Derived(dict(zip(names, columns.values(), strict=False)))
        tests = [_Test(test.node, test.scope) for test in opened.tests]
        yield _From(opened.state, {alias: derived}, tuple(tests))


def _all_columns(search: Search, opened: Opened) -> dict[str, Term]:
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
            yield replace(both, tests=(*both.tests, *_joining(join, left.rows, right.rows)))
        if join.jointype in (JoinType.JOIN_LEFT, JoinType.JOIN_FULL):
            yield left.with_rows(_absent(search, join.rarg, scope, state), (), left.state)


def _joining(join: Node, left: Rows, right: Rows) -> Iterator[_Test]:
    if join.quals is not None:
        yield _Test(join.quals)
    for column in join.usingClause or ():
        one, other = (ast.ColumnRef(fields=(ast.String([*rows][-1]), column)) for rows in (left, right))
        yield _Test(logic.operation("=", one, other))


def _absent(search: Search, item: Node, scope: Scope, state: State) -> Rows:
    """The other side of an outer join that finds nothing: all its columns are null."""
    null = Term(constant(None), Scope())
    absent: dict[str, Bound] = {}
    for one in islice(_from(search, item, scope, state), 1):
        for alias, row in one.rows.items():
            names = (
                search.schema.columns(row.ref.table)
                if isinstance(row, BoundRow)
                else row.columns
                if isinstance(row, Derived)
                else ()
            )
            absent[alias] = Derived(dict.fromkeys(names or (), null))
    return absent


def _from_function(search: Search, item: Node, scope: Scope, state: State) -> Iterator[_From]:
    call = item.functions[0][0]
    if not isinstance(call, ast.FuncCall):
        return
    name = _name_of(call)
    body = functions.inline(search, Term(call, scope))
    if body is not None and isinstance(body.node, ast.SubLink):
        yield from _from_query(search, body.node.subselect, body.scope, state, item.alias, alias=name)
        return
    alias = item.alias.aliasname if item.alias else name
    columns = [column.sval for column in (item.alias.colnames or ())] if item.alias else []
    yield _From(state, {alias: Derived({(columns or [alias])[0]: Term(call, scope)})})


def _visible(search: Search, table: str, row: BoundRow, scope: Scope) -> tuple[_Test, ...]:
    """What the policies ask of a row that whoever sends the request reads in a subquery."""
    role = scope.role or (search.persona.role if search.persona else "")
    if not role or search.schema.bypasses(role, table):
        return ()
    inner = Scope(
        rows={search.schema.plain_name(table): row},
        path=search.schema.path,
        role=scope.role,
        depth=scope.depth + DEEPEST // _SEEN,
    )
    node = visibility(search, table, role)
    return (_Test(node, inner),)


def visibility(search: Search, table: str, role: str) -> Node:
    """The policies for reading a table as one condition."""
    policies = [
        one
        for one in search.schema.policies(table)
        if one.command in ("select", "all") and search.schema.access.applies(role, one)
    ]
    permissive = [_using(one) for one in policies if one.permissive]
    restrictive = [_using(one) for one in policies if not one.permissive]
    some = logic.junction(BoolExprType.OR_EXPR, *permissive) if permissive else parse_expression("false")
    return logic.junction(BoolExprType.AND_EXPR, *restrictive, some)


def _using(policy: Policy) -> Node:
    return parse_expression(policy.using or "true")


# What is wanted of them


def exists(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """EXISTS: never null."""
    if Truth.TRUE in wanted:
        for opened in open_query(search, term.node.subselect, term.scope, state):
            yield from logic.every(search, opened.tests, Truth.TRUE, opened.state)
    if Truth.FALSE in wanted:
        yield from _none(search, term, Truth.FALSE, state)


def _none(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """Nothing is found: what it looks for is of values that nothing has yet."""
    for following in search.settle(search.read(term, state).free, state):
        answer = search.evaluate(term, following)
        if answer and answer.truth & wanted and following is not state:
            yield following
    if search.may_change and wanted & Truth.FALSE:
        yield from _change(search, term, state)


def _change(search: Search, term: Term, state: State) -> States:
    """A row that is found is changed such that it is not any more."""
    for opened in open_query(search, term.node.subselect, term.scope, state):
        new = opened.state.rows[len(state.rows) :]
        if len(new) == 1:
            for keyed in _matched(search, term, opened, new[0]):
                for test in opened.tests:
                    yield from search.make(test, Truth.NOT_TRUE, keyed)


def _matched(search: Search, term: Term, opened: Opened, ref: RowRef) -> States:
    """With the key of the first row that the query finds now."""
    keys = search.schema.key(ref.table)
    rows = opened.scope.rows.items()
    alias = next((name for name, row in rows if isinstance(row, BoundRow) and row.ref == ref), "")
    state: State | None = opened.state
    for name in keys if alias else ():
        column = ast.ResTarget(val=ast.ColumnRef(fields=(ast.String(alias), ast.String(name))))
        select = term.node.subselect
        changed = {part: getattr(select, part) for part in select} | {"targetList": (column,)}
        sublink = ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=ast.SelectStmt(**changed))
        found = search.evaluate(term.at(sublink), opened.state)
        if found is None or found.value is None or state is None:
            return
        state = state.assign(ColumnSlot(ref, name), found.value)
    if keys and alias and state is not None:
        yield state


def member(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """`x IN (SELECT …)`, `x op ANY (SELECT …)`, and ALL."""
    node = term.node
    every = node.subLinkType == SubLinkType.ALL_SUBLINK
    name = node.operName[-1].sval if node.operName else "="
    if Truth.TRUE in wanted and not every:
        for opened in open_query(search, node.subselect, term.scope, state):
            yield from _found(search, term.at(node.testexpr), name, opened)
    rest = wanted if every else wanted & ~Truth.TRUE
    if rest:
        yield from _none(search, term, rest, state)


def _found(search: Search, test: Term, name: str, opened: Opened) -> States:
    """The row that is found is the one that is compared with."""
    targets = list(_all_columns(search, opened).values())
    tests = [test.at(one) for one in test.node.args or ()] if isinstance(test.node, ast.RowExpr) else [test]
    for following in logic.every(search, opened.tests, Truth.TRUE, opened.state):
        yield from _compare_all(search, list(zip(tests, targets, strict=False)), name, following)


def _compare_all(search: Search, pairs: Sequence[tuple[Term, Term]], name: str, state: State) -> States:
    if not pairs:
        yield state
        return
    (test, target), *rest = pairs
    if _is_array_of(target):
        compared = arrays.contain_compared(search, test, target, state)
    else:
        compared = logic.compare(search, test, name, target, Truth.TRUE, state)
    for following in compared:
        yield from _compare_all(search, rest, name, following)


def _is_array_of(target: Term) -> bool:
    return isinstance(target.node, ast.FuncCall) and _name_of(target.node) in arrays.SETS


def push(
    search: Search,
    term: Term,
    value: Value,
    state: State,
    path: tuple[str, ...] = (),
    *,
    element: bool = False,
) -> States:
    """A scalar subquery has a value, or its array has an element."""
    node = term.node
    if value is None and not path:
        yield from _nothing(search, term, state)
    listed = element and node.subLinkType == SubLinkType.ARRAY_SUBLINK
    for opened in open_query(search, node.subselect, term.scope, state):
        for target in islice(_all_columns(search, opened).values(), 1):
            if _aggregate(target.node) == "count":
                yield from _count(search, term, value, opened)
                continue
            for following in logic.every(search, opened.tests, Truth.TRUE, opened.state):
                inner = _argument(target)
                if element and not listed:
                    yield from arrays.contain(search, target, value, following)
                else:
                    yield from search.push(inner, value, following, path)


def _nothing(search: Search, term: Term, state: State) -> States:
    for following in search.settle(search.read(term, state).free, state):
        answer = search.evaluate(term, following)
        if answer and answer.value is None and not answer.error:
            yield following


_AGGREGATES = ("count", "max", "min", "sum", "bool_or", "bool_and", "every", "avg")


def _aggregate(node: Node) -> str:
    match node:
        case ast.CoalesceExpr(args=(inner, *_)) | ast.TypeCast(arg=inner):
            return _aggregate(inner)
        case ast.FuncCall() if (name := _name_of(node)) in _AGGREGATES:
            return name
    return ""


def _argument(target: Term) -> Term:
    """What is aggregated over the one row that there is."""
    match target.node:
        case ast.CoalesceExpr(args=(inner, *_)) | ast.TypeCast(arg=inner) if _aggregate(inner):
            return _argument(target.at(inner))
        case ast.FuncCall(args=(inner, *_)) if _aggregate(target.node):
            return target.at(inner)
    return target


def _count(search: Search, term: Term, value: Value, opened: Opened) -> States:
    """So many rows: those that there are, and new ones."""
    try:
        wanted = int(value or "0")
    except ValueError:
        return
    now = search.evaluate(term, opened.state)
    there = int(now.value or "0") if now and not now.error else 0
    states: States = iter([opened.state])
    if not there < wanted <= there + _MOST_ROWS:
        if wanted == 0:
            yield from _nothing_counted(search, term, opened.state)
        return
    for number in range(wanted - there):
        states = _one_more(search, term, states, number)
    yield from islice(states, 3)


def _nothing_counted(search: Search, term: Term, state: State) -> States:
    for following in search.settle(search.read(term, state).free, state):
        answer = search.evaluate(term, following)
        if answer and answer.value == "0":
            yield following


def _one_more(search: Search, term: Term, states: States, number: int) -> States:
    for state in states:
        for opened in open_query(search, term.node.subselect, term.scope, state):
            if number and len(opened.state.rows) == len(state.rows):
                continue  # a row that counted already
            yield from logic.every(search, opened.tests, Truth.TRUE, opened.state)


def pick(search: Search, term: Term, state: State) -> Iterator[tuple[State, Answer]]:
    """The value of the row that a scalar subquery shall find."""
    for opened in open_query(search, term.node.subselect, term.scope, state):
        for following in logic.every(search, opened.tests, Truth.TRUE, opened.state):
            for target in islice(_all_columns(search, opened).values(), 1):
                yield from search.pick(_argument(target), following)
