"""Counters are exact, survive rollbacks, need no privilege, and agree with plpgsql_check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pgassay.coverage.counters import Tally, read_counts
from pgassay.coverage.inventory import CoverageInventory, take_inventory
from pgassay.database import Database, Layer, request
from pgassay.observation import Persona
from pgassay.server import Server
from tests.plpgsql.plpgsql_support import (
    COUNTERS,
    FILES,
    NASTY,
    Connection,
    observe,
    open_connection,
    read_calls,
)

INSERT = "insert into public.notes values (%s, %s, %s, false)"
BOB = "b0b00000-0000-4000-8000-000000000002"


def test_every_statement_branch_and_atom_is_counted_exactly(tiny: Database, alice: Persona) -> None:
    with request(tiny, alice) as client:
        client.execute(INSERT, [1, alice.id, "long enough"])
        client.execute(INSERT, [2, alice.id, "no"])
        assert client.attempt(INSERT, [-1, alice.id, None]).sqlstate == "PT409"
        assert client.attempt(INSERT, [3, BOB, "no"]).sqlstate == "42501"
        assert client.value("select count(*) from public.notes") == 2
    with closing(tiny.connect(autocommit=True)) as connection:
        connection.execute("update public.notes set hidden = true where id = 1")
        connection.execute("update public.notes set owner = null where id = 2")
    with request(tiny, alice) as client:
        assert client.value("select count(*) from public.notes") == 0
    tally = Tally()
    tally.add(tiny)
    assert tally.to_json() == {
        "counts": {
            '"own" on public.notes@1 null': 1,
            '"own" on public.notes@1 true': 2,
            '"own" on public.notes@2 false': 3,
            '"own" on public.notes@2 true': 1,
            '"own" on public.notes@3 false': 3,
            '"own" on public.notes@4 false': 1,
            '"own" on public.notes@4 true': 2,
            "public.shorten(text)#1": 4,
            "public.shorten(text)#2": 1,
            "public.shorten(text)#3": 3,
            "public.shorten(text)~1": 1,
            "public.shorten(text)~2": 3,
            "public.stamp()#1": 4,
            "public.stamp()#2": 4,
            "public.stamp()#3": 1,
            "public.stamp()#4": 3,
            "public.stamp()~1": 1,
            "public.stamp()~2": 3,
        },
        "unread": [],
    }


def test_counts_survive_a_rollback(counted: Connection) -> None:
    with counted.transaction(force_rollback=True):
        assert counted.execute("select kinds_recursive(3)").fetchone() == (6,)
    assert {name: n for name, n in read_counts(counted).items() if "#" in name} == {
        "public.kinds_recursive(integer)#1": 3,
        "public.kinds_recursive(integer)#2": 1,
        "public.kinds_recursive(integer)#3": 2,
    }


def test_read_only_transaction_runs_as_ever_and_is_not_counted(counted: Connection) -> None:
    counted.execute("set default_transaction_read_only = on")
    assert counted.execute("select kinds_recursive(3)").fetchone() == (6,)
    assert read_counts(counted) == {}


def test_counting_gives_a_reading_transaction_no_id(counted: Connection) -> None:
    with counted.transaction():
        assert counted.execute("select kinds_recursive(3)").fetchone() == (6,)
        assert counted.execute("select pg_current_xact_id_if_assigned()").fetchone() == (None,)


def test_inventory_names_what_is_beyond_counting(tiny: Database) -> None:
    with closing(tiny.connect()) as connection:
        inventory = take_inventory(connection)
    assert [(beyond.subject, beyond.reason) for beyond in inventory.beyond] == [
        ("public.bodies", "is a view"),
        ("public.twice(integer)", "is in sql, not in plpgsql"),
    ]
    assert inventory.refused == ()


def test_function_that_cannot_be_placed_stays_as_it_is_and_is_named(
    server: Server, owner: str, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.sql"
    odd.write_text("""
        create type pair as (a int, b int);
        create function odd() returns int language plpgsql as $$
        declare pairs pair[]; begin pairs[1].a := 3; return pairs[1].a; end $$;
        create function even() returns int language plpgsql as 'begin return 2; end';
    """)
    with open_connection(server, owner, Layer(name="odd", scripts=(odd,)), COUNTERS) as connection:
        assert connection.execute("select odd() + even()").fetchone() == (5,)
        (refused,) = take_inventory(connection).refused
        assert refused.subject == "public.odd()"
        assert "libpg_query says" in refused.reason
        assert read_counts(connection) == {"public.even()#1": 1}


def test_lost_counters_are_told(tiny: Database) -> None:
    with closing(tiny.connect(autocommit=True)) as connection:
        connection.execute("drop schema pgassay_coverage cascade")
    tally = Tally()
    tally.add(tiny)
    assert tally.unread[0].startswith('schema "pgassay_coverage" does not exist')
    assert tally.counts == {}


@pytest.fixture
def profiled(server: Server, owner: str) -> Iterator[Connection]:
    """The nasty functions as they are, watched by the profiler of plpgsql_check."""
    check = Layer(name="plpgsql_check", applied_by="superuser", step=_create_extension)
    with open_connection(server, owner, check, NASTY) as connection:
        connection.execute("select plpgsql_profiler_reset_all()")  # loads the library
        connection.execute("set plpgsql_check.profiler = on")
        yield connection


def _create_extension(connection: Connection) -> None:
    query = (
        "select from pg_available_extensions where name = 'plpgsql_check' and default_version <> 'stand-in'"
    )
    if connection.execute(query).fetchone() is None:
        pytest.skip("plpgsql_check is not installed for this server")
    connection.execute("create extension plpgsql_check")


def test_counts_are_those_of_plpgsql_check(
    counted: Connection, profiled: Connection, inventory: CoverageInventory
) -> None:
    for call in read_calls(*FILES):
        observe(counted, call)
        observe(profiled, call)
    seen = read_counts(counted)
    # plpgsql_check 2.3 cannot look into a polymorphic function.
    plans = [p for p in inventory.functions if "kinds_poly" not in p.function.function]
    assert len(plans) == 22
    for plan in plans:
        signature = plan.function.function
        profile = profiled.execute(
            "select stmtid, lineno, exec_stmts from plpgsql_profiler_function_statements_tb(%s::regprocedure)"
            " order by stmtid",
            [signature],
        ).fetchall()
        # Its statement 0 is the outermost block, which is no point of ours.
        assert [(p.k, p.line, seen.get(p.name, 0)) for p in plan.points] == profile[1:], signature
        ran = 1 + sum(point.name in seen for point in plan.points)
        assert _share(profiled, "statements", signature) == pytest.approx(ran / len(profile)), signature


def test_branches_are_those_of_plpgsql_check(
    counted: Connection, profiled: Connection, inventory: CoverageInventory
) -> None:
    """Where no arm is empty and there is no loop: it counts an arm by the statements in it."""
    for call in read_calls(*FILES):
        observe(counted, call)
        observe(profiled, call)
    seen = read_counts(counted)
    plans = {plan.function.function: plan for plan in inventory.functions}
    for name in ("kinds_recursive(integer)", "kinds_stamp()", "texts_names(integer, text)"):
        branches = plans[f"public.{name}"].branches
        taken = sum(branch.name in seen for branch in branches)
        assert _share(profiled, "branches", name) == taken / len(branches), name


def _share(profiled: Connection, what: str, signature: str) -> float:
    row = profiled.execute(f"select plpgsql_coverage_{what}(%s::regprocedure)", [signature]).fetchone()
    assert row
    return float(row[0])
