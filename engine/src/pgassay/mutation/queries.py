"""Small changes of what a query counts, locks, sorts and takes, found on the parsed tree. Pure.

As in `expressions`, each function takes a tree and gives one rewrite for every place.
"""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast
from pglast.enums import (
    A_Expr_Kind,
    BoolExprType,
    LockClauseStrength,
    LockWaitPolicy,
    SortByDir,
    SortByNulls,
    SQLValueFunctionOp,
)

from pgassay.mutation.expressions import constant
from pgassay.mutation.trees import Node, Rewrite, Slot, copy, is_a, slots, write

_EXTREMES = {
    "sum": "max", "max": "min", "min": "max", "avg": "max", "bool_and": "bool_or", "bool_or": "bool_and",
    "every": "bool_or",
}  # fmt: skip
_STRENGTHS = (
    LockClauseStrength.LCS_FORKEYSHARE,
    LockClauseStrength.LCS_FORSHARE,
    LockClauseStrength.LCS_FORNOKEYUPDATE,
    LockClauseStrength.LCS_FORUPDATE,
)
_WAITS = {
    LockWaitPolicy.LockWaitBlock: (LockWaitPolicy.LockWaitSkip, LockWaitPolicy.LockWaitError),
    LockWaitPolicy.LockWaitSkip: (LockWaitPolicy.LockWaitError,),
    LockWaitPolicy.LockWaitError: (LockWaitPolicy.LockWaitSkip,),
}
_LISTS = (A_Expr_Kind.AEXPR_IN, A_Expr_Kind.AEXPR_OP_ANY, A_Expr_Kind.AEXPR_OP_ALL)
_CLOCKS = {
    "now": "clock_timestamp", "transaction_timestamp": "clock_timestamp",
    "statement_timestamp": "now", "clock_timestamp": "now",
}  # fmt: skip
_DIRECTIONS = {SortByDir.SORTBY_DESC: SortByDir.SORTBY_DEFAULT}
_NULLS = {
    SortByNulls.SORTBY_NULLS_FIRST: SortByNulls.SORTBY_NULLS_LAST,
    SortByNulls.SORTBY_NULLS_LAST: SortByNulls.SORTBY_NULLS_FIRST,
    SortByNulls.SORTBY_NULLS_DEFAULT: SortByNulls.SORTBY_NULLS_DEFAULT,
}


def _named(name: str) -> tuple[Node, ...]:
    return (ast.String(sval=name),)


def swap_aggregates(tree: Node) -> Iterator[Rewrite]:
    """A count becomes a sum and the other way round; of no argument, the sum of ones."""
    for slot in slots(tree):
        match slot.node:
            case ast.FuncCall(funcname=(*_, ast.String(sval="count"))) as call:
                args = call.args or (constant("1"),)
                yield Rewrite(slot, copy(call, funcname=_named("sum"), args=args, agg_star=False))
            case ast.FuncCall(funcname=(*_, ast.String(sval="sum"))) as call:
                yield Rewrite(slot, copy(call, funcname=_named("count")))


def swap_extremes(tree: Node) -> Iterator[Rewrite]:
    """A sum becomes a maximum, a maximum a minimum …; what is counted once is counted each time.

    The other aggregate stands inside COALESCE with the first, which gives it its type.
    """
    for slot in slots(tree):
        match slot.node:
            case ast.FuncCall(funcname=(*_, ast.String(sval="count")), agg_distinct=True) as call:
                yield Rewrite(slot, copy(call, agg_distinct=False))
            case ast.FuncCall(funcname=(*_, ast.String(sval=str(name)))) as call if name in _EXTREMES:
                other = copy(call, funcname=_named(_EXTREMES[name]))
                new = ast.CoalesceExpr(args=(other, call)) if name in ("sum", "avg") else other
                yield Rewrite(slot, new, f"{write(call)} became {write(other)}")


def drop_locks(tree: Node) -> Iterator[Rewrite]:
    """A query takes no row locks; or waits for them where it did not."""
    for slot in slots(tree):
        match slot.node:
            case ast.LockingClause(waitPolicy=policy) as clause:
                yield Rewrite(slot, None)
                if policy != LockWaitPolicy.LockWaitBlock:
                    yield Rewrite(slot, copy(clause, waitPolicy=LockWaitPolicy.LockWaitBlock))


def shift_locks(tree: Node) -> Iterator[Rewrite]:
    """A row lock is one degree weaker, and one stronger."""
    for slot in slots(tree):
        if is_a(slot.node, ast.LockingClause):
            at = _STRENGTHS.index(slot.node.strength)
            for strength in (*_STRENGTHS[:at][-1:], *_STRENGTHS[at + 1 :][:1]):
                yield Rewrite(slot, copy(slot.node, strength=strength))


def change_waits(tree: Node) -> Iterator[Rewrite]:
    """A query that locks skips rows that others hold, or fails on them. `drop_locks` makes it wait."""
    for slot in slots(tree):
        if is_a(slot.node, ast.LockingClause):
            for policy in _WAITS[slot.node.waitPolicy]:
                yield Rewrite(slot, copy(slot.node, waitPolicy=policy))


def reverse_orders(tree: Node) -> Iterator[Rewrite]:
    """A query gives its rows, and locks them, in the opposite order."""
    for query in (tree, *(slot.node for slot in slots(tree))):
        if is_a(query, ast.SelectStmt) and query.sortClause:
            keys = tuple(
                copy(
                    key,
                    sortby_dir=_DIRECTIONS.get(key.sortby_dir, SortByDir.SORTBY_DESC),
                    sortby_nulls=_NULLS[key.sortby_nulls],
                )
                for key in query.sortClause
            )
            told = f"ORDER BY {', '.join(map(write, query.sortClause))} is the other way round"
            yield Rewrite(Slot(query, "sortClause"), keys, told)


def limit_first(tree: Node) -> Iterator[Rewrite]:
    """LIMIT counts rows of a table that one condition then throws away."""
    for query in (tree, *(slot.node for slot in slots(tree))):
        if is_a(query, ast.SelectStmt) and query.limitCount and query.whereClause:
            match query.fromClause:
                case (ast.RangeVar() as table,):
                    yield from _limited(query, table)


def _limited(query: Node, table: Node) -> Iterator[Rewrite]:
    """The table's place takes a subquery with the limit, and all conditions but one; that stays outside.

    Not where the rows are sorted by what that one bounds: the first of them are the same.
    """
    where = query.whereClause
    is_several = is_a(where, ast.BoolExpr) and where.boolop == BoolExprType.AND_EXPR
    members = where.args if is_several else (where,)
    alias = table.alias.aliasname if table.alias else table.relname
    columns = [ast.ColumnRef(fields=(*_named(alias), ast.A_Star()))]
    if any(is_a(slot.node, ast.String) and slot.node.sval == "ctid" for slot in slots(query)):
        columns.insert(0, ast.ColumnRef(fields=(*_named(alias), *_named("ctid"))))
    for number, member in enumerate(members):
        if _is_sorted_by(query, member):
            continue
        rest = (*members[:number], *members[number + 1 :])
        inner = copy(
            query,
            targetList=tuple(ast.ResTarget(val=column) for column in columns),
            whereClause=ast.BoolExpr(boolop=BoolExprType.AND_EXPR, args=rest) if len(rest) > 1 else
            next(iter(rest), None),
            sortClause=tuple(_sorted_alone(key, query.targetList) for key in query.sortClause or ()) or None,
            intoClause=None,
        )  # fmt: skip
        new = ast.RangeSubselect(subquery=inner, alias=ast.Alias(aliasname=alias))
        told = f"LIMIT {write(query.limitCount)} comes before {write(member)}"
        yield Rewrite(Slot(query, "fromClause", (0,)), new, told)


def _is_sorted_by(query: Node, condition: Node) -> bool:
    """Whether the condition holds for the first rows, up to some point."""
    match query.sortClause, condition:
        case (key, *_), ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(ast.String(sval=str(sign)),)):
            first = write(_sorted_alone(key, query.targetList).node)
            downwards = key.sortby_dir == SortByDir.SORTBY_DESC
            return write(condition.lexpr) == first and sign in ((">", ">=") if downwards else ("<", "<="))
    return False


def _sorted_alone(key: Node, targets: Node) -> Node:
    """A key that names a column of the result says what that column is."""
    match key.node:
        case ast.ColumnRef(fields=(ast.String(sval=str(name)),)):
            values = [target.val for target in targets or () if target.name == name]
        case ast.A_Const(val=ast.Integer(ival=int(number))):
            values = [target.val for target in (targets or ())[number - 1 : number]]
        case _:
            values = []
    return copy(key, node=values[0]) if values else key


def shorten_lists(tree: Node) -> Iterator[Rewrite]:
    """A list of two or more values lacks one: of IN, and of ANY and ALL with an array that is written out."""
    for slot in slots(tree):
        node = slot.node
        if is_a(node, ast.A_Expr) and node.kind in _LISTS:
            for items, number, value in _items(node):
                told = f"the list of {write(node.lexpr)} lost {write(_bare(value))}"
                yield Rewrite(Slot(items.holder, items.attribute, (number,)), None, told)


def _items(node: Node) -> Iterator[tuple[Slot, int, Node]]:
    """Where the list is, and each of its values with its number; nothing of a list of one."""
    array = _bare(node.rexpr)
    if is_a(array, tuple):
        items = Slot(node, "rexpr")
    elif is_a(array, ast.A_ArrayExpr) and array.elements:
        items = Slot(array, "elements")
    else:
        return
    if len(items.node) > 1:
        yield from ((items, number, value) for number, value in enumerate(items.node))


def _bare(node: Node) -> Node:
    """Without casts around it."""
    while is_a(node, ast.TypeCast):
        node = node.arg
    return node


def drop_arms(tree: Node) -> Iterator[Rewrite]:
    """A CASE of one value knows one case less: it goes where all others go."""
    for slot in slots(tree):
        case = slot.node
        if is_a(case, ast.CaseExpr) and case.arg is not None and len(case.args) > 1:
            for number, arm in enumerate(case.args):
                told = f"CASE {write(case.arg)} lost WHEN {write(arm.expr)}"
                yield Rewrite(Slot(case, "args", (number,)), None, told)


def swap_clocks(tree: Node) -> Iterator[Rewrite]:
    """A time is that of the transaction's beginning; that of the moment, where it was this."""
    for slot in slots(tree):
        match slot.node:
            case ast.FuncCall(funcname=(*_, ast.String(sval=str(name))), args=None) if name in _CLOCKS:
                yield Rewrite(slot, constant(f"{_CLOCKS[name]}()"))
            case ast.SQLValueFunction(op=SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP):
                yield Rewrite(slot, constant("clock_timestamp()"))
