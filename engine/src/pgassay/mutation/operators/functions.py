"""Functions that do less, or something else, or with other rights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pgassay.catalog.model import Function
from pgassay.mutation import expressions, queries
from pgassay.mutation.operators.base import Edit, change, example
from pgassay.mutation.operators.bodies import (
    edit_body,
    list_statements,
    mutant,
    plpgsql,
    rewrite_body,
    sql,
)  # fmt: skip

_VOLATILITY = {"v": "volatile", "s": "stable", "i": "immutable"}
_SHOWN = 60  # characters of a statement


@example(
    plpgsql("begin a := a + 1; return a; end"),
    mutant("begin null; return a; end"),
    mutant("begin a := a + 1; null; end"),
)
@example(sql("select a"))
def delete_statement(thing: Function) -> Iterator[Edit]:
    """One statement of a PL/pgSQL function does nothing."""
    for statement in list_statements(thing):
        text = thing.body[statement.start : statement.end]
        lines = "\n" * text.count("\n")
        body = f"{thing.body[: statement.start]}null;{lines}{thing.body[statement.end :]}"
        what = f"lacks: {' '.join(text.split())[:_SHOWN]}"
        yield edit_body(thing, what, body, at=statement.keyword)


@example(
    plpgsql("begin if a > 0 then return 1; end if; return 2; end"),
    mutant("begin if NOT a > 0 then return 1; end if; return 2; end"),
)
@example(
    sql("select case when a is null then 1 else 2 end"),
    mutant("SELECT CASE WHEN NOT a IS NULL THEN 1 ELSE 2 END", language="sql"),
)
def negate_condition(thing: Function) -> Iterator[Edit]:
    """One condition says the opposite."""
    return rewrite_body(thing, expressions.negate_atoms, whole=True)


@example(
    plpgsql("begin if a > 0 and a < 9 then return 1; end if; return 2; end"),
    mutant("begin if a < 9 then return 1; end if; return 2; end"),
    mutant("begin if a > 0 then return 1; end if; return 2; end"),
)
@example(
    plpgsql("declare b int; begin select a into b from pg_class where oid = a; return b; end"),
    mutant("declare b int; begin SELECT a FROM pg_class into b; return b; end"),
)
def drop_condition(thing: Function) -> Iterator[Edit]:
    """One condition of several, or of a query, is gone."""
    return rewrite_body(thing, expressions.drop_atoms, whole=True)


@example(
    plpgsql("declare b bool := a > 0 or a < 9; begin return b::int; end"),
    mutant("declare b bool := a > 0 AND a < 9; begin return b::int; end"),
)
def swap_logic(thing: Function) -> Iterator[Edit]:
    """AND is OR, or the other way round."""
    return rewrite_body(thing, expressions.swap_logic)


@example(
    plpgsql("begin perform 1 where a = 2; return 1; end"),
    mutant("begin perform 1 WHERE a <> 2; return 1; end"),
)
def swap_equality(thing: Function) -> Iterator[Edit]:
    """`=` is `<>`, or the other way round."""
    return rewrite_body(thing, expressions.swap_equality)


@example(
    plpgsql("begin return a + -a; end"),
    mutant("begin return a - - a; end"),
    mutant("begin return a + a; end"),
)
def swap_signs(thing: Function) -> Iterator[Edit]:
    """`+` is `-`, or the other way round; a single minus is gone."""
    return rewrite_body(thing, expressions.swap_signs)


@example(
    plpgsql("begin raise exception 'no' using errcode = 'PT409', hint = 2; return 1; end"),
    mutant("begin raise exception 'no' using errcode = 'PT409', hint = 3; return 1; end"),
    mutant("begin raise exception 'no' using errcode = 'PT409', hint = 2; return 2; end"),
)
def shift_number(thing: Function) -> Iterator[Edit]:
    """A number is higher by one."""
    return rewrite_body(thing, partial(expressions.shift_numbers, by=1))


@example(
    "create function public.f() returns trigger language plpgsql as $$ begin return new; end $$;",
    "CREATE OR REPLACE FUNCTION public.f()\n RETURNS trigger\n LANGUAGE plpgsql\n"
    "AS $pgassay$ begin return old; end $pgassay$",
)
def swap_old_and_new(thing: Function) -> Iterator[Edit]:
    """OLD is NEW, or the other way round."""
    return rewrite_body(thing, expressions.swap_rows)


@example(
    sql("select oid::int from pg_class for update nowait"),
    mutant("SELECT CAST(oid AS integer) FROM pg_class", language="sql"),
    mutant("SELECT CAST(oid AS integer) FROM pg_class FOR UPDATE", language="sql"),
)
def drop_lock(thing: Function) -> Iterator[Edit]:
    """A query takes no row locks; or waits for them where it did not."""
    return rewrite_body(thing, queries.drop_locks)


@example(plpgsql("begin return coalesce(a, 0); end"), mutant("begin return a; end"))
def drop_coalesce_in_body(thing: Function) -> Iterator[Edit]:
    """What has no value has no other instead."""
    return rewrite_body(thing, expressions.drop_defaults)


def _alter(function: Function, what: str) -> str:
    return f"alter routine {function.function} {what}"


@example(
    plpgsql("begin return 1; end", options="set search_path = ''"),
    "alter routine public.f(integer) reset search_path",
)
def drop_setting(thing: Function) -> Iterator[Edit]:
    """A function runs with a setting of its caller's, such as search_path."""
    for name in thing.settings:
        yield change(f"does not set {name}", _alter(thing, f"reset {name}"))


@example(plpgsql("begin return 1; end"), "alter routine public.f(integer) security definer")
def swap_security(thing: Function) -> Iterator[Edit]:
    """A function runs with its caller's rights instead of its owner's, or the other way round."""
    new = "invoker" if thing.definer else "definer"
    yield change(f"is now SECURITY {new.upper()}", _alter(thing, f"security {new}"))


@example(
    plpgsql("begin return 1; end"),
    "alter routine public.f(integer) stable",
    "alter routine public.f(integer) immutable",
)
def change_volatility(thing: Function) -> Iterator[Edit]:
    """The planner believes something else about a function."""
    for letter, word in _VOLATILITY.items():
        if letter != thing.volatility:
            yield change(f"is now {word.upper()}", _alter(thing, word))
