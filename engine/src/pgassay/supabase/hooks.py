"""The functions that Auth calls by a project's configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pglast import ast, parser

CLAIMS_HOOK = "custom_access_token"


def missing_hook(function: str, texts: Iterable[str]) -> str:
    """A note about the hook for tokens where no CREATE FUNCTION of the files makes `function`; "" else."""
    if not function or any(_creates(text, function) for text in texts):
        return ""
    return (
        f"The hook for access tokens is {function}, which the files do not create. Tokens stay as Auth writes"
        " them; on the platform nobody could sign in."
    )


def _creates(text: str, function: str) -> bool:
    """Whether SQL creates `schema.name`; what only psql or the server can read may."""
    schema, _, name = function.rpartition(".")
    if name not in text:
        return False
    try:
        statements = parser.parse_sql(text)
    except parser.ParseError:
        return True
    created = (raw.stmt.funcname for raw in statements if isinstance(raw.stmt, ast.CreateFunctionStmt))
    return any([part.sval for part in parts or ()] in ([schema, name], [name]) for parts in created)
