"""What SQL says about extensions: which it creates, and in which version. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pglast import ast, parser

_STRINGS = ("SCONST", "USCONST")
_NO_NAMES = ("IF_P", "NOT", "EXISTS")


def requested(text: str) -> frozenset[str]:
    """The names of the extensions that SQL creates, in bodies and strings too; none of what is no SQL at all.

    Of names that are put together at run time nothing is known.
    """
    return frozenset(_names(text))


def without_version(node: ast.Node, text: str, *, start: int) -> str:
    """The text of CREATE or ALTER EXTENSION with blanks for its version, of other statements as it is.

    `start` is where the text begins in what `node` was parsed from.
    The platform ignores versions, with a warning: every extension is there in one version.
    """
    if not isinstance(node, ast.CreateExtensionStmt | ast.AlterExtensionStmt):
        return text
    for option in node.options or ():
        if option.defname == "new_version":
            place = option.location - start
            introduction, version = parser.scan(text[place:])[:2]  # VERSION or TO, and a string or a name
            length = version.end + 1 - introduction.start
            return text[:place] + " " * length + text[place + length :]
    return text


def _names(text: str) -> Iterator[str]:
    try:
        tokens = parser.scan(text)
    except parser.ParseError:
        return
    for place, (first, second) in enumerate(pairwise(tokens)):
        if (first.name, second.name) == ("CREATE", "EXTENSION"):
            following = [token for token in tokens[place + 2 : place + 6] if token.name not in _NO_NAMES]
            if following:
                yield _identifier(text[following[0].start : following[0].end + 1])
    for token in tokens:
        if token.name in _STRINGS:
            yield from _names_within(text[token.start : token.end + 1])


def _names_within(literal: str) -> Iterator[str]:
    """As `_names`, in what a string constant holds, dollar-quoted or not."""
    if "extension" not in literal.lower():
        return
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        yield from _names(literal[len(tag) : -len(tag)])
    else:
        yield from _names(literal.partition("'")[2].rstrip("'").replace("''", "'"))


def _identifier(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()
