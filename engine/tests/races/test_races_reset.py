"""Back to where it began, exactly: rows of every kind, and sequences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from pgassay.races.reset import Baseline
from pgassay.workbench import Workbench

LOG = "select * from public.log order by id"
ACCOUNTS = "select * from public.accounts order by id"
NEXT = "select last_value, is_called from public.log_id_seq"


@pytest.fixture
def owner(bank: Workbench) -> Iterator[psycopg.Connection[Any]]:
    with bank.database() as database, closing(database.connect(autocommit=True)) as connection:
        connection.execute("insert into public.log (account_id, note) values (1, 'first'), (2, null)")
        yield connection


def read(owner: psycopg.Connection[Any]) -> list[Any]:
    return [owner.execute(query).fetchall() for query in (LOG, ACCOUNTS, NEXT)]


CHANGES = {
    "insert": "insert into public.log (note) values ('more')",
    "update": "update public.log set note = 'other'",
    "update to the same": "update public.log set note = note",
    "update of what others refer to": "update public.accounts set balance = 0",
    "delete": """
        set session_replication_role = replica;
        delete from public.accounts where id = 1;
        reset session_replication_role
    """,
    "delete and insert": """
        set session_replication_role = replica;
        alter table public.log disable trigger log_is_kept;
        delete from public.log where id = 1;
        insert into public.log (note) values ('in its place');
        alter table public.log enable trigger log_is_kept;
        reset session_replication_role
    """,
    "sequence alone": "select nextval('public.log_id_seq')",
    "sequence set back": "select setval('public.log_id_seq', 1, false)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_undone_whole(owner: psycopg.Connection[Any], change: str) -> None:
    before, baseline = read(owner), Baseline(owner)
    for _ in range(2):
        owner.execute(CHANGES[change].encode())
        baseline.restore()
        assert read(owner) == before


def test_mark_makes_the_present_the_state_to_restore(owner: psycopg.Connection[Any]) -> None:
    first, baseline = read(owner), Baseline(owner)
    owner.execute(CHANGES["insert"].encode())
    baseline.mark()
    marked = read(owner)
    owner.execute(CHANGES["update"].encode())
    baseline.restore()
    assert read(owner) == marked
    owner.execute(CHANGES["update of what others refer to"].encode())
    baseline.restore_first()
    assert read(owner) == first
    owner.execute(CHANGES["insert"].encode())
    baseline.restore()
    assert read(owner) == first


def test_triggers_fire_as_before(owner: psycopg.Connection[Any]) -> None:
    baseline = Baseline(owner)
    owner.execute(CHANGES["insert"].encode())
    baseline.restore()
    with pytest.raises(psycopg.Error) as caught:
        owner.execute("delete from public.log")
    assert caught.value.sqlstate == "PT405"
