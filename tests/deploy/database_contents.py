"""What is in a database, as far as a copy of it must be equal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg

from pgassay.catalog.compare import compare_inventories
from pgassay.catalog.inventory import Inventory, read_inventory
from pgassay.database import Database, Session
from pgassay.matrix.baseline import render_baseline
from pgassay.matrix.survey import survey
from pgassay.observation import Persona

_TABLES = """
    select format('%I.%I', n.nspname, c.relname)
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relkind = 'r' and n.nspname in ('public', 'private', 'auth', 'storage', 'realtime')
    order by 1
"""
_WRONG_BOOKS = """
    select u.id from public.users as u
    where u.credits <> (
        select coalesce(sum(t.amount), 0) from public.credit_transactions as t where t.user_id = u.id
    ) or u.credits <> coalesce((
        select t.balance_after from public.credit_transactions as t
        where t.user_id = u.id order by t.id desc limit 1
    ), 0)
"""


def read_contents(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """The rows of every table, sorted, as text; in the connection's own transaction and snapshot."""
    connection.execute("set local timezone = 'UTC'")
    tables = [name for (name,) in connection.execute(_TABLES).fetchall()]
    return {
        name: [row for (row,) in connection.execute(f"select t::text from {name} as t order by 1".encode())]
        for name in tables
    }


def contents_of(database: Database) -> dict[str, list[str]]:
    with closing(database.connect()) as connection:
        return read_contents(connection)


def wrong_books(database: Database) -> list[Any]:
    """Users whose balance is not what their ledger says."""
    with closing(database.connect()) as connection:
        return connection.execute(_WRONG_BOOKS).fetchall()


def catalog_of(database: Database) -> Inventory:
    with (
        closing(database.connect()) as connection,
        Session(connection, owner=database.owner).transaction() as session,
    ):
        return read_inventory(session, besides=True)


def differences(one: Database, other: Database) -> list[str]:
    """What the catalogs of two databases do not agree on, a sentence each; roles belong to their clusters."""
    changes = compare_inventories(catalog_of(one), catalog_of(other))
    return [str(change) for change in changes if change.key.kind != "role"]


def matrix_of(database: Database, personas: Mapping[str, Persona]) -> str:
    """The executed access matrix as the baseline spells it."""
    with (
        closing(database.connect()) as connection,
        Session(connection, owner=database.owner).transaction() as session,
    ):
        return render_baseline(survey(session, personas.values()))
