"""What functions take, as the catalog spells it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pglast import parser

from pgassay.catalog.model import Function
from pgassay.solver.scope import write


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """An argument of a function; `default` is parsed, `variadic`: an array of all that follow."""

    name: str
    type: str
    default: Any = None
    variadic: bool = False


def read_parameters(function: Function) -> tuple[Parameter, ...] | None:
    """The input arguments; None where the call is of a kind that nobody inlines, such as a variadic one."""
    found = read_arguments(function.arguments)
    return None if found is None or any(one.variadic for one in found) else found


@cache
def read_arguments(arguments: str) -> tuple[Parameter, ...] | None:
    """The input arguments, as pg_get_function_arguments() spells them; None where that does not read back."""
    try:
        [raw] = parser.parse_sql(f"create function f({arguments}) returns int language sql as ''")
    except parser.ParseError:
        return None
    statement: Any = raw.stmt
    found = []
    for one in statement.parameters or ():
        if one.mode.value in "idbv":
            found.append(
                Parameter(
                    name=one.name or "",
                    type=write(one.argType),
                    default=one.defexpr,
                    variadic=one.mode.value == "v",
                )
            )
    return tuple(found)
