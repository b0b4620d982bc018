"""Indexes that are not there, or are others."""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast
from pglast.enums import SortByDir, SortByNulls

from pgassay.catalog.model import Index
from pgassay.mutation.operators.base import Edit, change, example
from pgassay.mutation.trees import Rewrite, Slot, copy, read, write

_SHOP = "create table public.shop (id int, price int, note text);"
_IDX = f"{_SHOP} create index shop_idx on public.shop (price, id desc) include (note) where price > 0;"
_DROP = "drop index public.shop_idx"
_CREATE = "CREATE INDEX shop_idx ON public.shop"


def _replaced(index: Index, what: str, rewrite: Rewrite, tree: ast.Node) -> Edit:
    return change(what, f"drop index {index.index}", rewrite.render(tree))


@example(_IDX, _DROP)
def drop_index(thing: Index) -> Iterator[Edit]:
    """The index is gone."""
    yield change("was dropped", f"drop index {thing.index}")


@example(
    _IDX,
    f"{_DROP}; {_CREATE} (id DESC) INCLUDE (note) WHERE price > 0",
    f"{_DROP}; {_CREATE} (price) INCLUDE (note) WHERE price > 0",
    f"{_DROP}; {_CREATE} (price, id DESC) WHERE price > 0",
)
@example(f"{_SHOP} create index shop_idx on public.shop (price);")
def drop_index_column(thing: Index) -> Iterator[Edit]:
    """The index lacks one of its columns."""
    tree = read(thing.definition)
    for attribute in ("indexParams", "indexIncludingParams"):
        elements = getattr(tree, attribute) or ()
        for number, element in enumerate(elements):
            if len(elements) > 1 or attribute == "indexIncludingParams":
                rewrite = Rewrite(Slot(tree, attribute, (number,)), None)
                yield _replaced(thing, f"lost its column {write(element)}", rewrite, tree)


@example(_IDX, f"{_DROP}; {_CREATE} (price, id DESC) INCLUDE (note)")
@example(f"{_SHOP} create index shop_idx on public.shop (price);")
def drop_index_predicate(thing: Index) -> Iterator[Edit]:
    """A partial index holds every row."""
    tree = read(thing.definition)
    if tree.whereClause is not None:
        what = f"lost its predicate: {write(tree.whereClause)}"
        yield _replaced(thing, what, Rewrite(Slot(tree, "whereClause"), None), tree)


@example(
    _IDX,
    f"{_DROP}; {_CREATE} (price DESC, id DESC) INCLUDE (note) WHERE price > 0",
    f"{_DROP}; {_CREATE} (price, id) INCLUDE (note) WHERE price > 0",
)
# An index of one column is read backwards just as well.
@example(f"{_SHOP} create index shop_idx on public.shop (price);")
def reverse_order(thing: Index) -> Iterator[Edit]:
    """One column of an index of several is in the other order."""
    tree = read(thing.definition)
    if tree.accessMethod != "btree" or len(tree.indexParams) < 2:
        return
    for number, element in enumerate(tree.indexParams):
        down = element.ordering == SortByDir.SORTBY_DESC
        ordering = SortByDir.SORTBY_DEFAULT if down else SortByDir.SORTBY_DESC
        new = copy(element, ordering=ordering, nulls_ordering=SortByNulls.SORTBY_NULLS_DEFAULT)
        what = f"has {write(element)} the other way round"
        yield _replaced(thing, what, Rewrite(Slot(tree, "indexParams", (number,)), new), tree)
