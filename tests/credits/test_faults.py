"""All or nothing: an error before any statement of any function leaves everything as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from pgassay.database import Layer, Session, clone, ensure_template
from pgassay.observation import Attempt, Outcome, Persona
from pgassay.plpgsql.faults import ARM, SQLSTATE, install_faults, read_announced
from pgassay.plpgsql.rewriting import find_points, read_functions
from pgassay.workbench import Workbench
from tests.credits.budget import IS_DEEP
from tests.credits.invariants import find_violations
from tests.credits.operations import (
    EVERYTHING,
    FAILING_LOGIN,
    FIRST_LOGIN,
    LOGIN,
    OPERATIONS,
    POISONED_RECLAIM,
    RECLAIM,
    UNSERIALIZABLE,
)
from tests.credits.snapshot import read_snapshot
from tests.credits.statements import Operation, move, service
from tests.credits.variants import NAIVE, SWALLOWED_ERROR
from tests.shared.accounts import ALICE

pytestmark = pytest.mark.slow

FAULTS = Layer(name="faults", step=install_faults)
CHARGE = service("charge a job", move("PENDING", "QUEUED"))
REFUND = service("refund a job", move("RENDERING", "FAILED"))

CONTENTS = """
    select string_agg(
        format('select %1$L as name, array_agg(t::text order by t::text) as rows from %1$s t',
            c.oid::regclass),
        ' union all '
    )
    from pg_class as c
    where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('public', 'auth', 'storage')
"""


@contextmanager
def connect(workbench: Workbench, *layers: Layer) -> Iterator[Connection[Any]]:
    """The owner's connection to a world of its own with some layers on top, never with counters."""
    recipe = workbench.recipe()
    template = ensure_template(workbench.server, replace(recipe, layers=(*recipe.layers, *layers)))
    with (
        clone(workbench.server, template, owner=workbench.owner) as database,
        closing(database.connect()) as connection,
    ):
        yield connection


@pytest.fixture(scope="module")
def shared_faulty(workbench: Workbench) -> Iterator[Session]:
    with connect(workbench, FAULTS) as connection:
        yield Session(connection, owner=workbench.owner)


@pytest.fixture
def faulty(shared_faulty: Session) -> Iterator[Session]:
    """The world, with a fault ready before every statement."""
    with shared_faulty.transaction():
        yield shared_faulty


def attempt(session: Session, operation: Operation, fault: str, personas: Mapping[str, Persona]) -> Attempt:
    session.execute(ARM, [fault])
    with session.as_owner() if operation.who == "owner" else session.act_as(personas[operation.who]):
        return session.attempt(operation.statement)


def prepare(session: Session, operation: Operation) -> None:
    for statement in operation.setup:
        session.execute(statement)


def find_reached(session: Session, operation: Operation, personas: Mapping[str, Persona]) -> tuple[str, ...]:
    with session.connection.transaction(force_rollback=True):
        return read_announced(attempt(session, operation, "*", personas).notices)


def read_contents(session: Session) -> dict[str, list[str]]:
    """Every row of every table, by table."""
    found = session.execute(session.value(CONTENTS))
    return {row["name"]: row["rows"] for row in found.rows}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_fault_before_any_statement_leaves_everything_as_it_was(
    shared_faulty: Session, personas: Mapping[str, Persona], operation: Operation
) -> None:
    with shared_faulty.transaction() as faulty:
        prepare(faulty, operation)
        points = find_reached(faulty, operation, personas)
        assert points
        before = read_contents(faulty)
        # Backwards: where a fault has struck, its probe is no simple expression any more, and sets ROW_COUNT.
        for point in reversed(points):
            struck = attempt(faulty, operation, point, personas)
            assert (struck.sqlstate, struck.message) == (SQLSTATE, f"fault before {point}")
        assert read_contents(faulty) == before
    with shared_faulty.transaction() as faulty:
        prepare(faulty, operation)
        before = read_contents(faulty)
        assert attempt(faulty, operation, "", personas).sqlstate == operation.refused
        assert (read_contents(faulty) == before) is (operation.idle or bool(operation.refused))


@pytest.mark.parametrize(("operation", "number"), [(LOGIN, 8), (FIRST_LOGIN, 8)])
def test_login_survives_any_fault_in_its_trigger(
    faulty: Session, personas: Mapping[str, Persona], operation: Operation, number: int
) -> None:
    prepare(faulty, operation)
    before = read_contents(faulty)
    points = find_reached(faulty, operation, personas)
    assert len(points) == number
    for point in points:
        with faulty.connection.transaction(force_rollback=True):
            struck = attempt(faulty, operation, point, personas)
            assert struck.outcome is Outcome.ALLOWED
            assert struck.notices == (f"last_login_at of {ALICE} not updated: fault before {point}",)
            after = read_contents(faulty)
            assert [name for name in after if after[name] != before[name]] == ["auth.users"]


@pytest.mark.parametrize("operation", [RECLAIM, POISONED_RECLAIM], ids=lambda operation: operation.name)
def test_fault_leaves_each_job_of_a_dead_worker_alone_or_takes_it_back_whole(
    faulty: Session, personas: Mapping[str, Persona], operation: Operation
) -> None:
    prepare(faulty, operation)
    before, contents = read_snapshot(faulty), read_contents(faulty)
    outcomes = set()
    for point in reversed(find_reached(faulty, operation, personas)):
        with faulty.undone():
            struck = attempt(faulty, operation, point, personas)
            outcomes.add(struck.sqlstate)
            if struck.sqlstate:
                assert read_contents(faulty) == contents
                continue
            now = read_snapshot(faulty)
            assert find_violations(now) == []
            returned = {row["job"][1:37] for row in struck.rows}
            warned = {notice.split()[1] for notice in struck.notices}
            assert {id for id in now.jobs if now.jobs[id] != before.jobs[id]} == returned
            assert len(returned | warned) == len(returned) + len(warned) == 4
    assert outcomes == {"", SQLSTATE}


def test_sweep_that_can_not_be_serialized_changes_nothing(
    faulty: Session, personas: Mapping[str, Persona]
) -> None:
    prepare(faulty, UNSERIALIZABLE)
    before = read_contents(faulty)
    *_, reraise = find_reached(faulty, UNSERIALIZABLE, personas)
    assert attempt(faulty, UNSERIALIZABLE, reraise, personas).sqlstate == SQLSTATE
    assert attempt(faulty, UNSERIALIZABLE, "", personas).sqlstate == "40001"
    assert read_contents(faulty) == before


def test_fault_in_the_handler_of_errors_fails_the_login(
    faulty: Session, personas: Mapping[str, Persona]
) -> None:
    prepare(faulty, FAILING_LOGIN)
    before = read_contents(faulty)
    handler = find_reached(faulty, FAILING_LOGIN, personas)[-2:]
    assert handler == ("private.handle_login()#4", "private.handle_login()#5")
    for point in handler:
        assert attempt(faulty, FAILING_LOGIN, point, personas).sqlstate == SQLSTATE
    assert read_contents(faulty) == before


def test_every_statement_of_every_function_is_struck(
    workbench: Workbench, faulty: Session, personas: Mapping[str, Persona]
) -> None:
    reached: set[str] = set()
    for operation in EVERYTHING:
        with faulty.transaction():
            prepare(faulty, operation)
            reached.update(find_reached(faulty, operation, personas))
    with connect(workbench) as connection:
        functions = read_functions(connection)
    assert sorted(reached ^ {point.name for function in functions for point in find_points(function)}) == []


def find_halves(
    workbench: Workbench, personas: Mapping[str, Persona], patch: Path
) -> dict[str, tuple[str, ...]]:
    """The faults that a naive schema survives with credits in disorder, and what is wrong with them then."""
    halves = {}
    with connect(workbench, Layer(name="naive", scripts=(patch,)), FAULTS) as connection:
        session = Session(connection, owner=workbench.owner)
        for operation in (CHARGE, REFUND):
            points = find_reached(session, operation, personas)
            assert points
            for point in points:
                with session.transaction():
                    attempt(session, operation, point, personas)
                    if wrong := find_violations(read_snapshot(session)):
                        halves[point] = tuple(what.partition(": ")[2] for what in wrong)
    return halves


def test_error_that_is_swallowed_loses_the_refund(
    workbench: Workbench, personas: Mapping[str, Persona]
) -> None:
    halves = find_halves(workbench, personas, SWALLOWED_ERROR)
    assert {point.partition("(")[0] for point in halves} == {
        *("private.refund_jobs", "private.recover_debts", "private.sync_balance", "private.set_updated_at"),
        "private.settle_moved_jobs",
    }
    assert set(halves.values()) == {("is FAILED and costs 1, with the entries [('USAGE', -1)]",)}


@pytest.mark.parametrize("name", NAIVE if IS_DEEP else ["select_then_update"])
def test_error_undoes_the_whole_statement_however_naive(
    workbench: Workbench, personas: Mapping[str, Persona], name: str
) -> None:
    assert find_halves(workbench, personas, NAIVE[name]) == {}
