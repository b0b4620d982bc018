"""Views that show too much, or something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from pgassay.mutation import expressions
from pgassay.mutation.operators.base import Edit, Operator, change, example
from pgassay.mutation.things import View
from pgassay.mutation.trees import Rewrite, read

_SALES = """
    create table public.sale (shop int, price int);
    create table public.shop (id int);
    create view public.sales with (security_invoker = true) as
"""
# Of two tables, since before PostgreSQL 16 the server wrote the columns of one table with its name.
_BOTH = "from public.sale as s cross join public.shop as h"
_REPLACED = "create or replace view public.sales with (security_invoker=true) as "
_WRITTEN = "FROM public.sale AS s CROSS JOIN public.shop AS h"


@example(f"{_SALES} select price from public.sale", "alter view public.sales reset (security_invoker)")
@example("create view public.one as select 1 as one")
class DropSecurityInvoker(Operator[View]):
    """The view reads with the rights of its owner."""

    def changes(self, thing: View) -> Iterator[Edit]:
        if any(option in ("security_invoker=true", "security_invoker=on") for option in thing.options):
            yield change("lost its security_invoker", f"alter view {thing.view} reset (security_invoker)")


class _RewriteView(Operator[View]):
    """A part of the query says something else."""

    find: ClassVar[tuple[Callable[..., Iterator[Rewrite]], ...]]

    def changes(self, thing: View) -> Iterator[Edit]:
        tree = read(thing.definition)
        options = f" with ({', '.join(thing.options)})" if thing.options else ""
        for find in self.find:
            for rewrite in find(tree):
                query = rewrite.render(tree)
                statement = f"create or replace view {thing.view}{options} as {query}"
                yield change(f"says something else: {rewrite.change}", statement)


@example(
    f"{_SALES} select s.price from public.sale as s join public.shop as h on s.shop = h.id",
    f"{_REPLACED}SELECT s.price FROM public.sale AS s LEFT JOIN public.shop AS h ON s.shop = h.id",
)
@example(
    f"{_SALES} select s.price {_BOTH}",
    f"{_REPLACED}SELECT s.price {_WRITTEN.replace('CROSS', 'LEFT')} ON TRUE",
)
class SwapJoin(_RewriteView):
    """An inner join is a left join, or the other way round."""

    find = (expressions.swap_joins,)


@example(
    f"{_SALES} select count(*) filter (where s.price > 0) as n {_BOTH} where h.id = 1",
    f"{_REPLACED}SELECT count(*) FILTER (WHERE s.price > 0) AS n {_WRITTEN}",
    f"{_REPLACED}SELECT count(*) AS n {_WRITTEN} WHERE h.id = 1",
)
@example(f"{_SALES} select s.price from public.sale as s join public.shop as h on true")
class DropFilter(_RewriteView):
    """A condition of WHERE, HAVING, ON or FILTER is gone."""

    find = (expressions.drop_atoms,)


@example(
    f"{_SALES} select s.price {_BOTH} where h.id = 1 and s.price > 0",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id = 1 AND NOT s.price > 0",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id = 1 OR s.price > 0",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id <> 1 AND s.price > 0",
)
class ChangeFilter(_RewriteView):
    """A condition says the opposite, AND is OR, `=` is `<>`."""

    find = (expressions.negate_atoms, expressions.swap_logic, expressions.swap_equality)


@example(
    f"{_SALES} select count(*) as n, sum(s.price) as total {_BOTH}",
    f"{_REPLACED}SELECT sum(1) AS n, sum(s.price) AS total {_WRITTEN}",
    f"{_REPLACED}SELECT count(*) AS n, count(s.price) AS total {_WRITTEN}",
)
class SwapAggregate(_RewriteView):
    """A count is a sum, or the other way round."""

    find = (expressions.swap_aggregates,)


@example(
    f"{_SALES} select coalesce(s.price, 0) as price {_BOTH}", f"{_REPLACED}SELECT s.price AS price {_WRITTEN}"
)
class DropCoalesce(_RewriteView):
    """What has no value has no other instead."""

    find = (expressions.drop_defaults,)


@example(
    f"{_SALES} select s.price - h.id as rest {_BOTH}", f"{_REPLACED}SELECT s.price + h.id AS rest {_WRITTEN}"
)
class SwapSign(_RewriteView):
    """`+` is `-`, or the other way round."""

    find = (expressions.swap_signs,)
