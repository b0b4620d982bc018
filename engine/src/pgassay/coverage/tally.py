"""The counts of all databases of a run, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg

from pgassay.coverage.counters import install_counters, read_counts
from pgassay.database import Database, Layer
from pgassay.errors import ServerError


class Tally:
    """How often each thing ran, by name; `unread` tells of databases whose counters could not be read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.unread: list[str] = []

    @property
    def layer(self) -> Layer:
        """What makes a database count."""
        return Layer(name="counters", step=install_counters)

    def add(self, database: Database) -> None:
        """Add what was counted in a database, in whatever state a test left it."""
        try:
            with closing(database.connect(autocommit=True)) as connection:
                connection.execute("set lock_timeout = '5s'")
                self.counts.update(read_counts(connection))
        except (psycopg.Error, ServerError) as error:
            self.unread.append(str(error).strip())

    def merge(self, document: Mapping[str, Any]) -> None:
        """Add what another process counted, as its `to_json` has it."""
        self.counts.update(document["counts"])
        self.unread += document["unread"]

    def to_json(self) -> dict[str, Any]:
        return {"counts": dict(sorted(self.counts.items())), "unread": self.unread}
