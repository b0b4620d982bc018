"""Rows that the schema brings with it, and that say something else."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.catalog.names import quoted
from pgassay.mutation.operators.base import Change, Operator, change, example
from pgassay.mutation.things import Cell

_SHOP = """
    create table public.shop (name text primary key, price int, id int generated always as identity);
    insert into public.shop values ('a', 3), ('b', null);
"""


@example(_SHOP, "update public.shop set price = price + 1 where name = 'a'")
class ShiftSeed(Operator[Cell]):
    """A number is higher by one."""

    def changes(self, thing: Cell) -> Iterator[Change]:
        column = quoted(thing.column)
        yield change(
            f"is higher by one than {thing.value}",
            f"update {thing.table} set {column} = {column} + 1 where {thing.row}",
        )
