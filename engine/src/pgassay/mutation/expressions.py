"""Small changes of SQL expressions and queries, found on the parsed tree. Pure.

Each function takes a tree and gives one rewrite for every place where the change is possible.
"""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, JoinType

from pgassay.mutation.trees import (
    Node,
    Rewrite,
    Slot,
    copy,
    expression_slot,
    is_a,
    read_expression,
    slots,
    write,
)  # fmt: skip

_OPERATOR = A_Expr_Kind.AEXPR_OP
_EQUALITY = {"=": "<>", "<>": "="}
_DISTINCT = {
    A_Expr_Kind.AEXPR_DISTINCT: A_Expr_Kind.AEXPR_NOT_DISTINCT,
    A_Expr_Kind.AEXPR_NOT_DISTINCT: A_Expr_Kind.AEXPR_DISTINCT,
}
_SIGNS = {"+": "-", "-": "+"}
_ORDER = ("<", "<=", ">", ">=")
_RANGES = (A_Expr_Kind.AEXPR_BETWEEN, A_Expr_Kind.AEXPR_NOT_BETWEEN)
_ROWS = {"old": "new", "new": "old"}
_JOINS = {
    JoinType.JOIN_INNER: (JoinType.JOIN_LEFT, "a left join"),
    JoinType.JOIN_LEFT: (JoinType.JOIN_INNER, "an inner join"),
}
_CONDITIONS = {
    ast.SelectStmt: ("whereClause", "havingClause"),
    ast.UpdateStmt: ("whereClause",),
    ast.DeleteStmt: ("whereClause",),
    ast.JoinExpr: ("quals",),
    ast.FuncCall: ("agg_filter",),
    ast.OnConflictClause: ("whereClause",),
}


def constant(text: str) -> Node:
    """A node from the SQL of an expression."""
    return expression_slot(read_expression(text)).node


def find_conditions(tree: Node, *top: Slot) -> Iterator[Slot]:
    """Where conditions are: in `top`, and in WHERE, HAVING, ON, FILTER and CASE WHEN below `tree`."""
    yield from top
    for holder in (tree, *(slot.node for slot in slots(tree))):
        for attribute in _CONDITIONS.get(type(holder), ()):
            if getattr(holder, attribute) is not None:
                yield Slot(holder, attribute)
        if is_a(holder, ast.CaseExpr) and holder.arg is None:
            yield from (Slot(when, "expr") for when in holder.args)


def find_atoms(condition: Slot) -> Iterator[Slot]:
    """The parts of a condition that AND, OR and NOT put together."""
    node = condition.node
    if is_a(node, ast.BoolExpr):
        for index in range(len(node.args)):
            yield from find_atoms(Slot(node, "args", (index,)))
    else:
        yield condition


def negate_atoms(tree: Node, *top: Slot) -> Iterator[Rewrite]:
    """Each atom says the opposite. `=` and `<>` are left to `swap_equality`."""
    for condition in find_conditions(tree, *top):
        for atom in find_atoms(condition):
            if not _is_equality(atom.node):
                yield Rewrite(atom, negated(atom.node))


def negated(node: Node) -> Node:
    """NOT of a condition; without its NOT where it has one."""
    if is_a(node, ast.BoolExpr) and node.boolop == BoolExprType.NOT_EXPR:
        return node.args[0]
    return ast.BoolExpr(boolop=BoolExprType.NOT_EXPR, args=(node,))


def drop_atoms(tree: Node, *top: Slot) -> Iterator[Rewrite]:
    """Each atom is gone; a condition of a single atom goes whole, where there may be none."""
    for condition in find_conditions(tree, *top):
        if is_a(condition.node, ast.BoolExpr):
            yield from _drop_members(condition)
        elif condition not in top and not is_a(condition.holder, ast.CaseWhen):
            if not is_a(condition.holder, ast.JoinExpr):
                yield Rewrite(condition, None)
            elif write(condition.node) != "TRUE":
                yield Rewrite(condition, constant("true"))


def _drop_members(condition: Slot) -> Iterator[Rewrite]:
    node = condition.node
    if node.boolop == BoolExprType.NOT_EXPR:
        inner = Slot(node, "args", (0,))
        if is_a(inner.node, ast.BoolExpr):
            yield from _drop_members(inner)
        return
    for index, member in enumerate(node.args):
        rest = (*node.args[:index], *node.args[index + 1 :])
        new = rest[0] if len(rest) == 1 else copy(node, args=rest)
        yield Rewrite(condition, new, f"{write(member)} is gone")
        if is_a(member, ast.BoolExpr):
            yield from _drop_members(Slot(node, "args", (index,)))


def swap_logic(tree: Node) -> Iterator[Rewrite]:
    """AND becomes OR and the other way round."""
    swapped = {BoolExprType.AND_EXPR: BoolExprType.OR_EXPR, BoolExprType.OR_EXPR: BoolExprType.AND_EXPR}
    for slot in slots(tree):
        if is_a(slot.node, ast.BoolExpr) and slot.node.boolop in swapped:
            new = copy(slot.node, boolop=swapped[slot.node.boolop])
            yield Rewrite(slot, new, f"a condition became {write(new)}")


def swap_equality(tree: Node) -> Iterator[Rewrite]:
    """`=` becomes `<>`, IS DISTINCT FROM loses or gets its NOT, and the other way round."""
    for slot in slots(tree):
        node = slot.node
        if _is_equality(node):
            yield Rewrite(slot, copy(node, name=(ast.String(sval=_EQUALITY[node.name[-1].sval]),)))
        elif is_a(node, ast.A_Expr) and node.kind in _DISTINCT:
            yield Rewrite(slot, copy(node, kind=_DISTINCT[node.kind]))


def _is_equality(node: Node) -> bool:
    return _is_operator(node) and node.name[-1].sval in _EQUALITY


def _is_operator(node: Node) -> bool:
    return is_a(node, ast.A_Expr) and node.kind == _OPERATOR and node.lexpr is not None


def swap_signs(tree: Node) -> Iterator[Rewrite]:
    """`+` becomes `-` and the other way round; a single minus goes."""
    for slot in slots(tree):
        node = slot.node
        if is_a(node, ast.A_Expr) and node.kind == _OPERATOR and node.name[-1].sval in _SIGNS:
            if node.lexpr is not None:
                yield Rewrite(slot, copy(node, name=(ast.String(sval=_SIGNS[node.name[-1].sval]),)))
            elif node.name[-1].sval == "-":
                yield Rewrite(slot, node.rexpr)


def shift_numbers(tree: Node, *, by: int) -> Iterator[Rewrite]:
    """Each whole number is another one."""
    for slot in slots(tree):
        yield from _shifted(slot, by)


def shift_bounds(tree: Node, *, by: int) -> Iterator[Rewrite]:
    """Each whole number that something is compared with by order is another one."""
    for slot in slots(tree):
        node = slot.node
        if _is_operator(node) and node.name[-1].sval in _ORDER:
            yield from _shifted_bound(node, Slot(node, "lexpr"), by)
            yield from _shifted_bound(node, Slot(node, "rexpr"), by)
        elif is_a(node, ast.A_Expr) and node.kind in _RANGES:
            for index in (0, 1):
                yield from _shifted_bound(node, Slot(node, "rexpr", (index,)), by)


def _shifted_bound(comparison: Node, slot: Slot, by: int) -> Iterator[Rewrite]:
    while is_a(slot.node, ast.TypeCast):
        slot = Slot(slot.node, "arg")
    for rewrite in _shifted(slot, by):
        told = f"{write(comparison)} became {rewrite.render(comparison)}"
        yield Rewrite(slot, rewrite.new, told)


def _shifted(slot: Slot, by: int) -> Iterator[Rewrite]:
    """The server writes negative numbers as strings: '-100'::integer."""
    match slot.node:
        case ast.A_Const(val=ast.Integer(ival=int(number))):
            yield Rewrite(slot, ast.A_Const(val=ast.Integer(ival=number + by)))
        case ast.A_Const(val=ast.String(sval=str(text))) if text.startswith("-") and text[1:].isdecimal():
            yield Rewrite(slot, ast.A_Const(val=ast.String(sval=str(int(text) + by))))


def swap_rows(tree: Node) -> Iterator[Rewrite]:
    """OLD becomes NEW and the other way round."""
    for slot in slots(tree):
        match slot.node:
            case ast.ColumnRef(fields=(ast.String(sval=str(row)), *rest)) if row in _ROWS:
                yield Rewrite(slot, copy(slot.node, fields=(ast.String(sval=_ROWS[row]), *rest)))


def drop_defaults(tree: Node) -> Iterator[Rewrite]:
    """COALESCE gives its first argument, whatever it is."""
    for slot in slots(tree):
        if is_a(slot.node, ast.CoalesceExpr):
            yield Rewrite(slot, slot.node.args[0])


def swap_joins(tree: Node) -> Iterator[Rewrite]:
    """An inner join becomes a left join and the other way round."""
    for slot in slots(tree):
        join = slot.node
        if not is_a(join, ast.JoinExpr) or join.jointype not in _JOINS:
            continue
        jointype, word = _JOINS[join.jointype]
        is_bare = join.quals is None and not join.isNatural and not join.usingClause
        new = copy(join, jointype=jointype, quals=constant("true") if is_bare else join.quals)
        alias = getattr(join.rarg, "alias", None)
        yield Rewrite(slot, new, f"the join with {alias.aliasname if alias else write(join.rarg)} is {word}")
