"""Every operator on its own examples: exactly these mutants, which a server takes or refuses as they say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from pgassay.catalog.model import Thing
from pgassay.database import Layer, Recipe, clone, ensure_template
from pgassay.mutation.operators import OPERATORS
from pgassay.mutation.operators.base import Example, Operator
from pgassay.mutation.things import list_things
from pgassay.server import Server

pytestmark = pytest.mark.slow

EXAMPLES = [(operator, example) for operator in OPERATORS for example in operator.examples]


@pytest.fixture(scope="module")
def connection(server: Server, owner: str, environment: Layer) -> Iterator[psycopg.Connection[Any]]:
    """A project without a schema; whatever is done in it is rolled back."""
    template = ensure_template(server, Recipe(owner=owner, layers=(environment,)))
    with (
        clone(server, template, owner=owner) as database,
        closing(database.connect()) as connection,
    ):
        yield connection


@pytest.fixture(scope="module")
def known(connection: psycopg.Connection[Any]) -> frozenset[Thing]:
    """What the project has without a schema."""
    return frozenset(list_things(connection, roles=["anon"]))


@pytest.mark.parametrize(
    ("operator", "example"),
    EXAMPLES,
    ids=[f"{one.name}-{n}" for n, (one, _) in enumerate(EXAMPLES)],
)
def test_operator_makes_the_mutants_of_its_example_and_no_others(
    connection: psycopg.Connection[Any], known: frozenset[Thing], operator: Operator[Any], example: Example
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(example.schema.encode())
        things = [thing for thing in list_things(connection, roles=["anon"]) if thing not in known]
        changes = [
            change
            for thing in things
            if isinstance(thing, operator.kind)
            for change in operator.changes(thing)
        ]
        assert ["; ".join(one.statements) for one in changes] == list(example.mutants)
        for change in changes:
            assert refusal(connection, change.statements) == example.invalid


def test_what_a_migration_does_to_the_notes_of_the_cli_is_not_the_projects(
    connection: psycopg.Connection[Any], known: frozenset[Thing]
) -> None:
    with connection.transaction(force_rollback=True):
        for table in ("supabase_migrations.schema_migrations", "public.people"):
            connection.execute(
                f"create table if not exists {table} ();"
                f"alter table {table} add column n integer not null check (n > 1) default 7;"
                f"grant select on {table} to anon".encode()
            )
        found = {str(thing) for thing in list_things(connection, roles=["anon"]) if thing not in known}
    assert any("public.people" in one for one in found)
    assert [one for one in found if "schema_migrations" in one] == []


def refusal(connection: psycopg.Connection[Any], statements: tuple[str, ...]) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            for statement in statements:
                connection.execute(statement.encode())
    except psycopg.Error:
        return True
    return False
