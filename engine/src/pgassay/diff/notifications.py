"""Who tells whoever listens: functions that notify, or send what happens elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast, parser

from pgassay.catalog.literals import find_literals
from pgassay.plpgsql.tokens import UnplacedError, read_tokens

_CALLED = frozenset({"pg_notify", "broadcast_changes", "http_post", "http_get", "http_delete"})
_NOTIFY = "notify"
_BEFORE = frozenset({"", ";", "begin", "then", "else", "loop"})  # a statement of PL/pgSQL


def find_notifying(body: str) -> frozenset[str]:
    """The functions and statements by which a body tells others."""
    literals = find_literals([body])
    is_run = "execute" in literals.words and any(map(_notifies, literals.strings))
    stated = {_NOTIFY} if is_run or _NOTIFY in _first_words(body) else set[str]()
    return literals.words & _CALLED | stated


def _first_words(body: str) -> Iterator[str]:
    """Those with which statements begin."""
    try:
        tokens = read_tokens(body)
    except UnplacedError:
        return
    previous = ""
    for token in tokens:
        word = token.word or body[token.start : token.end]
        if previous in _BEFORE:
            yield word
        previous = word


def _notifies(text: str) -> bool:
    """Whether a text that is run notifies, whatever format() puts in its places."""
    try:
        [raw] = parser.parse_sql(text.replace("%I", "x").replace("%s", "x").replace("%L", "''"))
    except (parser.ParseError, ValueError):
        return False
    return isinstance(raw.stmt, ast.NotifyStmt)
