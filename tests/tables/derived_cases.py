"""Cases of CHECK constraints that follow from their definition: limits of length, and ranges of numbers.

pgTAP states the bounds. What such a check refuses and admits follows from them: nobody has to write it.
"""

from __future__ import annotations

from decimal import Decimal

from pglast import ast, enums, parser

from tests.tables.check_kinds import Case, number, text


def derive_case(table: str, definition: str) -> Case | None:
    """The case of `CHECK (length(a) <= 9)` or `CHECK (a >= 0 AND a <= 9)`; None of any other check."""
    match read_condition(definition):
        case ast.A_Expr(
            name=(ast.String(sval="<="),),
            lexpr=ast.FuncCall(funcname=(ast.String(sval="length"),), args=(ast.ColumnRef() as column,)),
            rexpr=ast.A_Const(val=ast.Integer(ival=int(limit))),
        ):
            return text(table, name_of(column), at_most=limit)
        case ast.BoolExpr(
            boolop=enums.BoolExprType.AND_EXPR,
            args=(
                ast.A_Expr(name=(ast.String(sval=">="),), lexpr=ast.ColumnRef() as column, rexpr=low),
                ast.A_Expr(name=(ast.String(sval="<="),), lexpr=ast.ColumnRef() as other, rexpr=high),
            ),
        ) if name_of(column) == name_of(other):
            return _range(table, name_of(column), read_number(low), read_number(high))
    return None


def read_condition(definition: str) -> ast.Node:
    """The expression of a constraint as PostgreSQL writes it."""
    statement = parser.parse_sql(f"alter table t add {definition}")[0].stmt
    assert isinstance(statement, ast.AlterTableStmt)
    [command] = statement.cmds or ()
    expression: ast.Node = command.def_.raw_expr
    return expression


def name_of(column: ast.ColumnRef) -> str:
    [field] = column.fields or ()
    return str(field.sval)


def read_number(node: object) -> int | Decimal | None:
    """A whole number, as Decimal where it is written `9::numeric`; None of anything else."""
    match node:
        case ast.A_Const(val=ast.Integer(ival=int(value))):
            return value
        case ast.TypeCast(arg=ast.A_Const(val=ast.Integer(ival=int(value)))):
            return Decimal(value)
    return None


def _range(table: str, column: str, low: int | Decimal | None, high: int | Decimal | None) -> Case | None:
    if low is None or high is None:
        return None
    step = Decimal("0.01") if isinstance(low, Decimal) else 1
    return number(table, column, low=low, high=high, step=step)
