"""The guide's monitoring queries run as they stand, and show what they are for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.config import Config
from pgassay.database import Database
from pgassay.server import Server
from pgassay.workbench import Workbench
from tests.deploy.guide import EXTENSIONS, ask

UNPAID = "update public.users set credits = credits + 7 where full_name = 'Alice'"


@pytest.fixture(scope="module")
def live(listening: Server, config: Config) -> Iterator[Database]:
    """A deployed database with rows in it."""
    with Workbench(config, listening).database(starting_point=EXTENSIONS) as database:
        yield database


def test_slow_queries_are_listed_slowest_first(live: Database) -> None:
    listed = ask(live, "Monitor", "slowest queries").splitlines()
    means = [float(line.split("|")[1]) for line in listed]
    assert means == sorted(means, reverse=True)
    assert len(means) == 10


def test_tables_are_listed_by_size(live: Database) -> None:
    tables = [line.split("|")[0] for line in ask(live, "Monitor", "tables by size").splitlines()]
    assert len(tables) == 8
    assert tables[0] == "jobs"


def test_unused_indexes_are_listed(live: Database) -> None:
    listed = ask(live, "Monitor", "no query has used")
    assert "api_usage_logs|api_usage_logs_cost_idx|" in listed


def test_balances_are_listed_that_the_ledger_does_not_explain(live: Database) -> None:
    assert ask(live, "Monitor", "Balances") == ""
    with live.connect(autocommit=True) as connection:
        connection.execute(f"begin; set local session_replication_role = replica; {UNPAID}; commit")
        listed = ask(live, "Monitor", "Balances")
    assert listed.startswith("a11ce000-0000-4000-8000-000000000001|")
    assert listed.count("\n") == 1
