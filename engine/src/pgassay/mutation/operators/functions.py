"""Functions that do less, or something else, or with other rights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pglast import parser

from pgassay.catalog.model import Function
from pgassay.mutation import expressions
from pgassay.mutation.bodies import Piece, find_pieces, find_statements
from pgassay.mutation.operators.base import Edit, Find, change, example
from pgassay.plpgsql.grammar import BodyStatement
from pgassay.plpgsql.rewriting import replace_body
from pgassay.plpgsql.tokens import UnplacedError

_VOLATILITY = {"v": "volatile", "s": "stable", "i": "immutable"}
_SHOWN = 60  # characters of a statement


def _plpgsql(body: str, *, options: str = "") -> str:
    return f"create function public.f(a int) returns int language plpgsql {options} as $$ {body} $$;"


def _sql(body: str) -> str:
    return f"create function public.f(a int) returns int language sql as $$ {body} $$;"


def _mutant(body: str, *, language: str = "plpgsql") -> str:
    end = " " if language == "plpgsql" else ""  # a query takes the blanks around it along
    return (
        "CREATE OR REPLACE FUNCTION public.f(a integer)\n RETURNS integer\n"
        f" LANGUAGE {language}\nAS $pgassay$ {body}{end}$pgassay$"
    )


@example(
    _plpgsql("begin a := a + 1; return a; end"),
    _mutant("begin null; return a; end"),
    _mutant("begin a := a + 1; null; end"),
)
@example(_sql("select a"))
def delete_statement(thing: Function) -> Iterator[Edit]:
    """One statement of a PL/pgSQL function does nothing."""
    for statement in _statements(thing):
        text = thing.body[statement.start : statement.end]
        lines = "\n" * text.count("\n")
        body = f"{thing.body[: statement.start]}null;{lines}{thing.body[statement.end :]}"
        what = f"lacks: {' '.join(text.split())[:_SHOWN]}"
        yield Edit(what, (replace_body(thing.definition, body),), _line(thing, statement.keyword))


def _line(function: Function, offset: int) -> int:
    return function.body.count("\n", 0, offset) + 1


def _statements(function: Function) -> list[BodyStatement]:
    if function.language != "plpgsql":
        return []
    try:
        return find_statements(function.body)
    except UnplacedError:
        return []


def _rewrite(function: Function, find: Find, *, whole: bool = False) -> Iterator[Edit]:
    """A part of the body says something else; `whole`: a condition as such, too."""
    for piece in _pieces(function):
        tree, line = piece.parse(), _line(function, piece.start)
        for rewrite in find(tree, *(piece.top(tree) if whole else ())):
            body = piece.replace(function.body, rewrite.render(tree))
            yield Edit(f"says: {rewrite.change}", (replace_body(function.definition, body),), line)


def _pieces(function: Function) -> list[Piece]:
    try:
        return find_pieces(function.body, function.language)
    except (UnplacedError, parser.ParseError):
        return []


@example(
    _plpgsql("begin if a > 0 then return 1; end if; return 2; end"),
    _mutant("begin if NOT a > 0 then return 1; end if; return 2; end"),
)
@example(
    _sql("select case when a is null then 1 else 2 end"),
    _mutant("SELECT CASE WHEN NOT a IS NULL THEN 1 ELSE 2 END", language="sql"),
)
def negate_condition(thing: Function) -> Iterator[Edit]:
    """One condition says the opposite."""
    return _rewrite(thing, expressions.negate_atoms, whole=True)


@example(
    _plpgsql("begin if a > 0 and a < 9 then return 1; end if; return 2; end"),
    _mutant("begin if a < 9 then return 1; end if; return 2; end"),
    _mutant("begin if a > 0 then return 1; end if; return 2; end"),
)
@example(
    _plpgsql("declare b int; begin select a into b from pg_class where oid = a; return b; end"),
    _mutant("declare b int; begin SELECT a FROM pg_class into b; return b; end"),
)
def drop_condition(thing: Function) -> Iterator[Edit]:
    """One condition of several, or of a query, is gone."""
    return _rewrite(thing, expressions.drop_atoms, whole=True)


@example(
    _plpgsql("declare b bool := a > 0 or a < 9; begin return b::int; end"),
    _mutant("declare b bool := a > 0 AND a < 9; begin return b::int; end"),
)
def swap_logic(thing: Function) -> Iterator[Edit]:
    """AND is OR, or the other way round."""
    return _rewrite(thing, expressions.swap_logic)


@example(
    _plpgsql("begin perform 1 where a = 2; return 1; end"),
    _mutant("begin perform 1 WHERE a <> 2; return 1; end"),
)
def swap_equality(thing: Function) -> Iterator[Edit]:
    """`=` is `<>`, or the other way round."""
    return _rewrite(thing, expressions.swap_equality)


@example(
    _plpgsql("begin return a + -a; end"),
    _mutant("begin return a - - a; end"),
    _mutant("begin return a + a; end"),
)
def swap_signs(thing: Function) -> Iterator[Edit]:
    """`+` is `-`, or the other way round; a single minus is gone."""
    return _rewrite(thing, expressions.swap_signs)


@example(
    _plpgsql("begin raise exception 'no' using errcode = 'PT409', hint = 2; return 1; end"),
    _mutant("begin raise exception 'no' using errcode = 'PT409', hint = 3; return 1; end"),
    _mutant("begin raise exception 'no' using errcode = 'PT409', hint = 2; return 2; end"),
)
def shift_number(thing: Function) -> Iterator[Edit]:
    """A number is higher by one."""
    return _rewrite(thing, partial(expressions.shift_numbers, by=1))


@example(
    "create function public.f() returns trigger language plpgsql as $$ begin return new; end $$;",
    "CREATE OR REPLACE FUNCTION public.f()\n RETURNS trigger\n LANGUAGE plpgsql\n"
    "AS $pgassay$ begin return old; end $pgassay$",
)
def swap_old_and_new(thing: Function) -> Iterator[Edit]:
    """OLD is NEW, or the other way round."""
    return _rewrite(thing, expressions.swap_rows)


@example(
    _sql("select oid::int from pg_class for update nowait"),
    _mutant("SELECT CAST(oid AS integer) FROM pg_class", language="sql"),
    _mutant("SELECT CAST(oid AS integer) FROM pg_class FOR UPDATE", language="sql"),
)
def drop_lock(thing: Function) -> Iterator[Edit]:
    """A query takes no row locks; or waits for them where it did not."""
    return _rewrite(thing, expressions.drop_locks)


@example(_plpgsql("begin return coalesce(a, 0); end"), _mutant("begin return a; end"))
def drop_coalesce_in_body(thing: Function) -> Iterator[Edit]:
    """What has no value has no other instead."""
    return _rewrite(thing, expressions.drop_defaults)


def _alter(function: Function, what: str) -> str:
    return f"alter routine {function.function} {what}"


@example(
    _plpgsql("begin return 1; end", options="set search_path = ''"),
    "alter routine public.f(integer) reset search_path",
)
def drop_setting(thing: Function) -> Iterator[Edit]:
    """A function runs with a setting of its caller's, such as search_path."""
    for name in thing.settings:
        yield change(f"does not set {name}", _alter(thing, f"reset {name}"))


@example(_plpgsql("begin return 1; end"), "alter routine public.f(integer) security definer")
def swap_security(thing: Function) -> Iterator[Edit]:
    """A function runs with its caller's rights instead of its owner's, or the other way round."""
    new = "invoker" if thing.definer else "definer"
    yield change(f"is now SECURITY {new.upper()}", _alter(thing, f"security {new}"))


@example(
    _plpgsql("begin return 1; end"),
    "alter routine public.f(integer) stable",
    "alter routine public.f(integer) immutable",
)
def change_volatility(thing: Function) -> Iterator[Edit]:
    """The planner believes something else about a function."""
    for letter, word in _VOLATILITY.items():
        if letter != thing.volatility:
            yield change(f"is now {word.upper()}", _alter(thing, word))
