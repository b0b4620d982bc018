"""Views that show too much, or something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from pgassay.mutation import expressions
from pgassay.mutation.operators.base import Change, Example, Operator, change
from pgassay.mutation.things import View
from pgassay.mutation.trees import Rewrite, read

_SALES = """
    create table public.sale (shop int, price int);
    create view public.sales with (security_invoker = true) as
"""
_REPLACED = "create or replace view public.sales with (security_invoker=true) as "


class DropSecurityInvoker(Operator[View]):
    """The view reads with the rights of its owner."""

    kind = View
    examples = (
        Example(
            f"{_SALES} select price from public.sale", ("alter view public.sales reset (security_invoker)",)
        ),
        Example("create view public.one as select 1 as one", ()),
    )

    def changes(self, thing: View) -> Iterator[Change]:
        if any(option in ("security_invoker=true", "security_invoker=on") for option in thing.options):
            yield change("lost its security_invoker", f"alter view {thing.view} reset (security_invoker)")


class _RewriteView(Operator[View]):
    """A part of the query says something else."""

    kind = View
    find: ClassVar[tuple[Callable[..., Iterator[Rewrite]], ...]]

    def changes(self, thing: View) -> Iterator[Change]:
        tree = read(thing.definition)
        options = f" with ({', '.join(thing.options)})" if thing.options else ""
        for find in self.find:
            for rewrite in find(tree):
                query = rewrite.render(tree)
                statement = f"create or replace view {thing.view}{options} as {query}"
                yield change(f"says something else: {rewrite.change}", statement)


class SwapJoin(_RewriteView):
    """An inner join is a left join, or the other way round."""

    find = (expressions.swap_joins,)
    examples = (
        Example(
            f"{_SALES} select a.price from public.sale as a join public.sale as b on a.shop = b.shop",
            (
                f"{_REPLACED}SELECT a.price FROM public.sale AS a"
                " LEFT JOIN public.sale AS b ON a.shop = b.shop",
            ),
        ),
    )


class DropFilter(_RewriteView):
    """A condition of WHERE, HAVING, ON or FILTER is gone."""

    find = (expressions.drop_atoms,)
    examples = (
        Example(
            f"{_SALES} select count(*) filter (where price > 0) as n from public.sale where shop = 1",
            (
                f"{_REPLACED}SELECT count(*) FILTER (WHERE price > 0) AS n FROM public.sale",
                f"{_REPLACED}SELECT count(*) AS n FROM public.sale WHERE shop = 1",
            ),
        ),
    )


class ChangeFilter(_RewriteView):
    """A condition says the opposite, AND is OR, `=` is `<>`."""

    find = (expressions.negate_atoms, expressions.swap_logic, expressions.swap_equality)
    examples = (
        Example(
            f"{_SALES} select price from public.sale where shop = 1 and price > 0",
            (
                f"{_REPLACED}SELECT price FROM public.sale WHERE shop = 1 AND NOT price > 0",
                f"{_REPLACED}SELECT price FROM public.sale WHERE shop = 1 OR price > 0",
                f"{_REPLACED}SELECT price FROM public.sale WHERE shop <> 1 AND price > 0",
            ),
        ),
    )


class SwapAggregate(_RewriteView):
    """A count is a sum, or the other way round."""

    find = (expressions.swap_aggregates,)
    examples = (
        Example(
            f"{_SALES} select count(*) as n, sum(price) as total from public.sale",
            (
                f"{_REPLACED}SELECT sum(1) AS n, sum(price) AS total FROM public.sale",
                f"{_REPLACED}SELECT count(*) AS n, count(price) AS total FROM public.sale",
            ),
        ),
    )


class DropCoalesce(_RewriteView):
    """What has no value has no other instead."""

    find = (expressions.drop_defaults,)
    examples = (
        Example(
            f"{_SALES} select coalesce(price, 0) as price from public.sale",
            (f"{_REPLACED}SELECT price AS price FROM public.sale",),
        ),
    )


class SwapSign(_RewriteView):
    """`+` is `-`, or the other way round."""

    find = (expressions.swap_signs,)
    examples = (
        Example(
            f"{_SALES} select price - shop as rest from public.sale",
            (f"{_REPLACED}SELECT price + shop AS rest FROM public.sale",),
        ),
    )


OPERATORS: tuple[Operator[View], ...] = (
    DropSecurityInvoker(),
    SwapJoin(),
    DropFilter(),
    ChangeFilter(),
    SwapAggregate(),
    DropCoalesce(),
    SwapSign(),
)
