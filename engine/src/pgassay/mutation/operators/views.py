"""Views that show too much, or something else."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.mutation import expressions, queries
from pgassay.mutation.operators.base import Edit, Find, change, example
from pgassay.mutation.things import View
from pgassay.mutation.trees import read

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
def drop_security_invoker(thing: View) -> Iterator[Edit]:
    """The view reads with the rights of its owner."""
    if any(option in ("security_invoker=true", "security_invoker=on") for option in thing.options):
        yield change("lost its security_invoker", f"alter view {thing.view} reset (security_invoker)")


def _rewrite(view: View, *finds: Find) -> Iterator[Edit]:
    """A part of the query says something else."""
    tree = read(view.definition)
    options = f" with ({', '.join(view.options)})" if view.options else ""
    for rewrite in (rewrite for find in finds for rewrite in find(tree)):
        statement = f"create or replace view {view.view}{options} as {rewrite.render(tree)}"
        yield change(f"says something else: {rewrite.change}", statement)


@example(
    f"{_SALES} select s.price from public.sale as s join public.shop as h on s.shop = h.id",
    f"{_REPLACED}SELECT s.price FROM public.sale AS s LEFT JOIN public.shop AS h ON s.shop = h.id",
)
@example(
    f"{_SALES} select s.price {_BOTH}",
    f"{_REPLACED}SELECT s.price {_WRITTEN.replace('CROSS', 'LEFT')} ON TRUE",
)
def swap_join(thing: View) -> Iterator[Edit]:
    """An inner join is a left join, or the other way round."""
    return _rewrite(thing, expressions.swap_joins)


@example(
    f"{_SALES} select count(*) filter (where s.price > 0) as n {_BOTH} where h.id = 1",
    f"{_REPLACED}SELECT count(*) FILTER (WHERE s.price > 0) AS n {_WRITTEN}",
    f"{_REPLACED}SELECT count(*) AS n {_WRITTEN} WHERE h.id = 1",
)
@example(f"{_SALES} select s.price from public.sale as s join public.shop as h on true")
def drop_filter(thing: View) -> Iterator[Edit]:
    """A condition of WHERE, HAVING, ON or FILTER is gone."""
    return _rewrite(thing, expressions.drop_atoms)


@example(
    f"{_SALES} select s.price {_BOTH} where h.id = 1 and s.price > 0",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id = 1 AND NOT s.price > 0",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id = 1 OR s.price > 0",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id <> 1 AND s.price > 0",
)
def change_filter(thing: View) -> Iterator[Edit]:
    """A condition says the opposite, AND is OR, `=` is `<>`."""
    return _rewrite(thing, expressions.negate_atoms, expressions.swap_logic, expressions.swap_equality)


@example(
    f"{_SALES} select count(*) as n, sum(s.price) as total {_BOTH}",
    f"{_REPLACED}SELECT sum(1) AS n, sum(s.price) AS total {_WRITTEN}",
    f"{_REPLACED}SELECT count(*) AS n, count(s.price) AS total {_WRITTEN}",
    f"{_REPLACED}SELECT count(*) AS n, COALESCE(max(s.price), sum(s.price)) AS total {_WRITTEN}",
)
def swap_aggregate(thing: View) -> Iterator[Edit]:
    """A count is a sum, or the other way round; a sum is a maximum, a maximum a minimum."""
    return _rewrite(thing, queries.swap_aggregates, queries.swap_extremes)


@example(
    f"{_SALES} select s.price {_BOTH} where h.id in (1, 2)",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id = ANY(ARRAY[2])",
    f"{_REPLACED}SELECT s.price {_WRITTEN} WHERE h.id = ANY(ARRAY[1])",
)
@example(f"{_SALES} select s.price {_BOTH} where h.id in (1)")
def shorten_view_list(thing: View) -> Iterator[Edit]:
    """A list of values lacks one, such as a state."""
    return _rewrite(thing, queries.shorten_lists)


@example(
    f"{_SALES} select s.price from public.sale as s cross join lateral"
    " (select o.id as shop from public.shop as o where o.id = s.shop limit 2) as h",
    f"{_REPLACED}SELECT s.price FROM public.sale AS s CROSS JOIN LATERAL (SELECT o.id AS shop FROM"
    " (SELECT o.* FROM public.shop AS o LIMIT 2) AS o WHERE o.id = s.shop LIMIT 2) AS h",
)
def limit_before_filter_in_view(thing: View) -> Iterator[Edit]:
    """LIMIT takes rows that a condition then throws away."""
    return _rewrite(thing, queries.limit_first)


@example(
    f"{_SALES} select coalesce(s.price, 0) as price {_BOTH}", f"{_REPLACED}SELECT s.price AS price {_WRITTEN}"
)
def drop_coalesce(thing: View) -> Iterator[Edit]:
    """What has no value has no other instead."""
    return _rewrite(thing, expressions.drop_defaults)


@example(
    f"{_SALES} select s.price - h.id as rest {_BOTH}", f"{_REPLACED}SELECT s.price + h.id AS rest {_WRITTEN}"
)
def swap_sign(thing: View) -> Iterator[Edit]:
    """`+` is `-`, or the other way round."""
    return _rewrite(thing, expressions.swap_signs)
