"""Which statements may be planned once: what is called immutable, and is not, would be asked only once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, Relation
from pgassay.catalog.read import Catalog
from pgassay.plpgsql.tokens import Token, UnplacedError, read_tokens

# Of the server's own; the time is the same in a whole transaction.
_OF_REQUESTS = frozenset({"current_setting", "current_user", "session_user", "current_role", "user"})
_READABLE = ("sql", "plpgsql")
_OF_SETS = ("SETOF ", "TABLE(")  # as pg_get_function_result spells them
_MODES = ("in", "out", "inout", "variadic")


def find_misdeclared(catalog: Catalog) -> frozenset[str]:
    """The immutable functions that may read a table, a setting, or call what is not immutable.

    The planner computes their calls with constants, but of none that returns a set (evaluate_function in
    the server's clauses.c). By their words: one that only seems to is enough.
    """
    changing = {relation.relation for relation in catalog.of(Relation)} | _OF_REQUESTS
    changing |= {function.name for function in catalog.of(Function) if function.volatility != "i"}
    immutable = [f for f in catalog.of(Function) if f.volatility == "i" and f.language in _READABLE]
    sets = [f for f in immutable if (f.returns or "").startswith(_OF_SETS)]
    while new := {f.name for f in sets if not changing.isdisjoint(_words(f))} - changing:
        changing |= new  # a function that is computed may ask them
    immutable = [f for f in immutable if f not in sets]
    return frozenset(f.function for f in immutable if not changing.isdisjoint(_words(f)))


def _words(function: Function) -> frozenset[str]:
    """Those of a body, without its arguments, which may be called as a table or a function is."""
    words = find_literals([function.text]).words
    try:
        arguments = frozenset(_names(read_tokens(function.arguments)))
        body = read_tokens(function.text) if arguments & words else ()
    except UnplacedError:
        return words
    called = {one.word for one, after in pairwise(body) if after.word == "("}
    return words - (arguments - called)


def _names(tokens: tuple[Token, ...]) -> Iterator[str]:
    """The names of arguments: what begins one, and is not all of it."""
    depth, begins = 0, True
    for one, after in pairwise(tokens):
        if begins and one.word not in _MODES:
            begins = False
            if after.word not in (".", ",", "[", "("):
                yield one.word
        depth += (one.word in ("(", "[")) - (one.word in (")", "]"))
        begins = begins or (one.word == "," and not depth)
