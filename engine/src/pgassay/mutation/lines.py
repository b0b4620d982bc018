"""Which lines of functions a test runs: it will hardly notice a mutant of another line."""

from __future__ import annotations

from contextlib import closing
from functools import partial

from pgassay.coverage.counters import install_counters
from pgassay.coverage.inventory import take_inventory
from pgassay.database import Database, Layer
from pgassay.mutation.things import bare_name
from pgassay.workbench import Workbench


class LineCounters:
    """Makes the functions of databases count (see `pgassay.workbench.Observer`); the recorder reads it.

    `lines`: function and line, by the name of the counter.
    """

    layer = Layer(name="counters of functions", step=partial(install_counters, policies=False))

    def __init__(self, bench: Workbench) -> None:
        with bench.database() as database, closing(database.connect()) as connection:
            functions = take_inventory(connection).functions
        self.lines = {
            item.name: (bare_name(counted.function.function), item.line)
            for counted in functions
            for item in (*counted.points, *counted.branches)
        }

    def add(self, database: Database) -> None:
        """Nothing is left to read: the recorder did, before the database went."""
