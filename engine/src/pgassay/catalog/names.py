"""One spelling for each name: qualified, quoted where SQL needs it, and rebuilt from its parsed parts."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pglast import parser
from pglast.keywords import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS
from pglast.stream import RawStream
from psycopg import sql

_KEYWORDS = RESERVED_KEYWORDS | COL_NAME_KEYWORDS | TYPE_FUNC_NAME_KEYWORDS
_PLAIN = re.compile("[a-z_][a-z0-9_]*")


def quoted(name: str) -> str:
    """An identifier from its plain name, with quotes only where SQL needs them."""
    if _PLAIN.fullmatch(name) and name not in _KEYWORDS:
        return name
    return sql.Identifier(name).as_string(None)


@cache
def spell(schema: str, name: str = "") -> str:
    """A name with its schema, or a schema, from plain names."""
    return ".".join(quoted(part) for part in (schema, name) if part)


def without_arguments(signature: str) -> str:
    """The name of a function or operator, spelled as in `signature`; one in quotes may have brackets."""
    is_quoted = False
    for number, character in enumerate(signature):
        if character == '"':
            is_quoted = not is_quoted
        elif character == "(" and not is_quoted:
            return signature[:number]
    return signature


def role_name(name: str) -> str:
    """A role as GRANT spells it; `public` stands for everybody."""
    return name if name == "public" else quoted(name)


def relation_name(text: str) -> str:
    """The one spelling of a relation written as in SQL, such as `public."Order Items"`.

    Raises ValueError for anything but one name with its schema.
    """
    return ".".join(map(quoted, _relation(text)))


def schema_name(relation: str) -> str:
    """The schema of a relation written as in SQL, quoted where it must be."""
    return quoted(_relation(relation)[0])


@cache
def function_name(text: str) -> str:
    """The one spelling of a function written as in SQL, such as `public.pay(uuid, int)`.

    Raises ValueError for anything but one function with its schema and argument types.
    """
    function = _parse(f"comment on function {text} is null", text).object
    if function.args_unspecified or len(function.objname) != 2:
        raise _refusal(
            text, "a function with its schema and argument types, such as public.pay(uuid, integer)"
        )
    schema, name = (quoted(part.sval) for part in function.objname)
    return f"{schema}.{name}({', '.join(RawStream()(argument) for argument in function.objargs or ())})"


def _relation(text: str) -> tuple[str, str]:
    match _parse(f"comment on table {text} is null", text).object:
        case [schema, name]:
            return schema.sval, name.sval
    raise _refusal(text, 'a name with its schema, such as public."Order Items"')


def _parse(statement: str, text: str) -> Any:  # noqa: ANN401 - pglast's trees are untyped
    try:
        [parsed] = parser.parse_sql(statement)
    except (parser.ParseError, ValueError) as error:
        raise _refusal(text, "one name as SQL spells it") from error
    return parsed.stmt


def _refusal(text: str, wanted: str) -> ValueError:
    return ValueError(f"{text!r} is not {wanted}")
