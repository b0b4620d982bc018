"""What SQL says about extensions: which it creates, and in which version. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from pglast import ast, parser

_STRINGS = ("SCONST", "USCONST")
_VERBS = ("CREATE", "ALTER", "DROP", "ON")
_CHANGES = {"create": "CREATE", "alter": "ALTER", "drop": "DROP"}
_NO_NAMES = ("IF_P", "NOT", "EXISTS")


def requested(text: str) -> frozenset[str]:
    """The names of the extensions that SQL creates, in bodies and strings too; none of what is no SQL at all.

    Of names that are put together at run time nothing is known.
    """
    return frozenset(name for verb, name in _mentions(text) if verb == "CREATE")


def presumed(texts: Iterable[str]) -> frozenset[str]:
    """The names of the extensions that files drop, alter or comment on, and that none created before.

    `drop extension if exists` presumes nothing.
    """
    created: set[str] = set()
    names: set[str] = set()
    for text in texts:
        for verb, name in _mentions(text):
            (created if verb == "CREATE" or name in created else names).add(name)
    return frozenset(names)


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


def mentions_xml(text: str) -> bool:
    """Whether SQL has the type xml in it, or its functions, in bodies too; other strings may be prose."""
    if not any(word in text.lower() for word in ("xml", "xpath")):  # to read all tokens takes long
        return False
    return any(
        token.name.startswith("XML") or (token.name == "IDENT" and "xpath" in source.lower())
        for tokens in _token_lists(text, quotes="$")
        for token, source in tokens
    )


def changes_roles(text: str) -> bool:
    """Whether SQL creates, alters or drops roles, in bodies too."""
    words = " ".join(text.lower().split())
    if not any(f"{verb} {noun}" in words for verb in _CHANGES for noun in ("role", "user", "group")):
        return False
    return any(
        first.name in _CHANGES.values() and second.name in ("ROLE", "USER", "GROUP_P")
        for tokens in _token_lists(text, quotes="$")
        for (first, _), (second, _) in pairwise(tokens)
    )


def _mentions(text: str) -> Iterator[tuple[str, str]]:
    """The statements about extensions: their first word, or ON of a comment, and the extension's name."""
    if "extension" not in text.lower():
        return
    for tokens in _token_lists(text, quotes="$'eE"):
        for place, ((first, _), (second, _)) in enumerate(pairwise(tokens)):
            if second.name != "EXTENSION" or first.name not in _VERBS:
                continue
            following = tokens[place + 2 : place + 6]
            if first.name == "DROP" and following[:1] and following[0][0].name == "IF_P":
                continue
            names = [source for token, source in following if token.name not in _NO_NAMES]
            yield from ((first.name, _identifier(name)) for name in names[:1])


def _token_lists(text: str, *, quotes: str) -> Iterator[list[tuple[Any, str]]]:
    """The tokens of SQL, each with its text; then of what is in strings that begin with one of `quotes`."""
    try:
        tokens = [(token, text[token.start : token.end + 1]) for token in parser.scan(text)]
    except parser.ParseError:
        return
    yield tokens
    for token, source in tokens:
        if token.name in _STRINGS and source[0] in quotes:
            yield from _token_lists(_content(source), quotes=quotes)


def _content(literal: str) -> str:
    """What a string constant holds, dollar-quoted or not; of one without a blank, nothing: it is no SQL."""
    if " " not in literal:
        return ""
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        return literal[len(tag) : -len(tag)]
    return literal.partition("'")[2].rstrip("'").replace("''", "'")


def _identifier(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()
