"""Count how often each statement, branch and atom ran, by sequences: these survive a rollback."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from pgassay.coverage.inventory import CoverageInventory, rewrite_policy, take_inventory
from pgassay.database import Database, Layer
from pgassay.errors import ServerError
from pgassay.plpgsql.model import TRUTHS, Atom, Branch, Point, Truth
from pgassay.plpgsql.rewriting import rewrite

_COUNTERS: LiteralString = """
    select pg_catalog.obj_description(c.oid, 'pg_class'), c.oid, pg_catalog.pg_sequence_last_value(c.oid)
    from pg_catalog.pg_class as c
    where c.relnamespace = 'pgassay_coverage'::pg_catalog.regnamespace and c.relkind = 'S'
"""


def install_counters(connection: psycopg.Connection[Any], *, policies: bool = True) -> None:
    """Rewrite every function of the connection's role so that it counts, and every policy if `policies`.

    What `take_inventory` lists as refused stays as it is.
    """
    inventory = take_inventory(connection)
    if not policies:
        inventory = replace(inventory, policies=())
    with connection.transaction():
        oids = _create_sequences(connection, tuple(_names(inventory)))

        def count(item: Point | Branch) -> str:
            return _count(oids[item.name])

        def count_truth(atom: Atom, truth: Truth) -> str:
            return _count(oids[f"{atom.name} {truth}"])

        for plan in inventory.functions:
            connection.execute(rewrite(plan.function, count, branch_probe=count).encode())
        for policy_plan in inventory.policies:
            connection.execute(rewrite_policy(policy_plan.policy, count_truth).encode())


def has_counters(connection: psycopg.Connection[Any]) -> bool:
    """Whether anything counts in a database."""
    found = connection.execute("select pg_catalog.to_regnamespace('pgassay_coverage') is not null").fetchone()
    return found == (True,)


def read_counts(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """How often each thing ran in a database, by its name (an atom's with its truth), if it ever did.

    Raises psycopg.Error where there are no counters.
    """
    return {name: value for name, _, value in connection.execute(_COUNTERS) if value is not None}


def _names(inventory: CoverageInventory) -> Iterator[str]:
    for plan in inventory.functions:
        yield from (item.name for item in plan.points)
        yield from (item.name for item in plan.branches)
    for policy_plan in inventory.policies:
        yield from (f"{atom.name} {truth}" for atom in policy_plan.atoms for truth in TRUTHS)


def _create_sequences(connection: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, int]:
    """One sequence for each name, which is its comment; their OIDs by name."""
    # Unlogged: nextval of a logged one would give a transaction that only reads an id.
    create = sql.SQL(
        "create unlogged sequence pgassay_coverage.{}; comment on sequence pgassay_coverage.{} is {}"
    )
    statements = [
        create.format(sql.Identifier(f"s{k}"), sql.Identifier(f"s{k}"), sql.Literal(name))
        for k, name in enumerate(names)
    ]
    connection.execute("create schema pgassay_coverage")
    connection.execute(sql.SQL("; ").join(statements))
    connection.execute("grant usage on all sequences in schema pgassay_coverage to public")
    return {name: oid for name, oid, _ in connection.execute(_COUNTERS)}


def _count(sequence: int) -> str:
    """Count, as whoever runs the statement: by its OID, a sequence needs no USAGE on its schema."""
    return (
        # nextval is refused in a read-only transaction; what runs there is not counted.
        "case when pg_catalog.current_setting('transaction_read_only') = 'off'"
        f" then pg_catalog.nextval({sequence}::pg_catalog.oid::pg_catalog.regclass) is null end"
    )


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


_OUTPUT = "pgassay_coverage"


class CoverageRecord:
    """A pytest plugin: writes a run's tally at its end; the workers of pytest-xdist hand theirs over."""

    def __init__(self, path: Path, tally: Tally) -> None:
        self._path = path
        self._tally = tally

    @pytest.hookimpl(trylast=True)  # the fixtures of the session have ended, and with them their databases
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is None:
            self._path.write_text(json.dumps(self._tally.to_json()), encoding="utf-8")
        else:
            output[_OUTPUT] = self._tally.to_json()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 - pytest-xdist's
        """Take over what a worker counted."""
        output = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if output is None:
            self._tally.unread.append(f"worker {node.gateway.id} was lost with its counts: {error}")
        else:
            self._tally.merge(output)
