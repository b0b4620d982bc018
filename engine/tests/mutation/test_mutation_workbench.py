"""Whatever way a test takes to a database of the schema, the mutant is in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from pgassay.config import Config
from pgassay.database import Database, Session, clone, ensure_template
from pgassay.errors import CannotJudgeError
from pgassay.mutation.workbench import MutantWorkbench
from pgassay.server import Server

LOOP = "create function public.spin() returns void language plpgsql as 'begin loop end loop; end'"


@pytest.fixture
def bench(project: Config, server: Server) -> Iterator[MutantWorkbench]:
    bench = MutantWorkbench(project, server)
    bench.statements = ("comment on table public.notes is 'mutant'",)
    yield bench
    bench.drop_templates()
    bench.close()


@contextmanager
def own_template(bench: MutantWorkbench) -> Iterator[Database]:
    """As tests do that put layers of their own on top of the schema."""
    template = ensure_template(bench.server, bench.recipe())
    with clone(bench.server, template, owner=bench.owner) as database:
        yield database


@pytest.mark.parametrize(
    "way",
    [lambda bench: bench.database(), lambda bench: bench.database(depth="schema"), own_template],
    ids=["clone", "without the world", "own template"],
)
def test_mutant_is_in_every_database_of_the_schema(bench: MutantWorkbench, way: Any) -> None:
    query = "select obj_description('public.notes'::regclass)"
    with way(bench) as database, closing(database.connect()) as connection:
        assert connection.execute(query).fetchone() == ("mutant",)
    bench.statements = ()
    with way(bench) as database, closing(database.connect()) as connection:
        assert connection.execute(query).fetchone() == (None,)


def test_template_of_a_mutant_is_dropped_with_it(bench: MutantWorkbench) -> None:
    template = ensure_template(bench.server, bench.recipe())
    bench.drop_templates()
    server = bench.server
    with closing(psycopg.connect(server.conninfo(server.maintenance))) as connection:
        found = connection.execute("select from pg_database where datname = %s", [template])
        assert found.fetchone() is None


def test_environment_has_no_mutant(bench: MutantWorkbench) -> None:
    with bench.database(depth="environment") as database, closing(database.connect()) as connection:
        assert connection.execute("select to_regclass('public.notes')").fetchone() == (None,)


def test_mutant_that_loops_is_stopped(bench: MutantWorkbench) -> None:
    bench.statements, bench.limit = (LOOP,), "300ms"
    with (
        bench.database() as database,
        closing(database.connect()) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("select public.spin()")


COMMENT = "select obj_description('public.notes'::regclass)"


@contextmanager
def undone(bench: MutantWorkbench) -> Iterator[Session]:
    """The session of tests that roll back, where the mutant is rolled back with them."""

    def lend() -> Database:
        raise AssertionError("a database of the mutant's own was asked for")

    bench.undoes = True
    with bench.shared_session(lend) as session:
        yield session


def test_session_has_the_mutant_in_each_transaction_and_the_next_mutant_has_not(
    bench: MutantWorkbench,
) -> None:
    with undone(bench) as session:
        names = {session.connection.info.dbname}
        for _ in range(2):
            with session.transaction():
                assert session.value(COMMENT) == "mutant"
    bench.statements = ("select",)
    with undone(bench) as session, session.transaction():
        names.add(session.connection.info.dbname)
        assert session.value(COMMENT) is None
    assert len(names) == 1  # which no mutant is ever left in


def test_session_that_undoes_a_mutant_that_loops_is_stopped(bench: MutantWorkbench) -> None:
    bench.statements, bench.limit = (LOOP,), "300ms"
    with undone(bench) as session, session.transaction(), pytest.raises(psycopg.errors.QueryCanceled):
        session.execute("select public.spin()")


@pytest.mark.parametrize("ending", ["rollback", "commit"])
def test_test_that_ends_its_transaction_still_has_the_mutant_and_leaves_it_to_nobody(
    bench: MutantWorkbench, ending: Any
) -> None:
    with undone(bench) as session, session.transaction():
        session.execute("select")
        session.run_plainly(ending)
        assert session.value(COMMENT) == "mutant"
    bench.statements = ("select",)
    with undone(bench) as session, session.transaction():
        assert session.value(COMMENT) is None


def test_mutant_that_no_longer_applies_to_a_session_is_no_verdict(bench: MutantWorkbench) -> None:
    bench.statements = ("drop table public.nonesuch",)
    with (
        undone(bench) as session,
        session.transaction(),
        pytest.raises(CannotJudgeError, match="Cannot begin a transaction"),
    ):
        session.execute("select")


def test_mutant_that_no_longer_applies_is_no_verdict(bench: MutantWorkbench) -> None:
    bench.statements = ("drop table public.nonesuch",)
    with pytest.raises(CannotJudgeError, match="Cannot apply a mutant"), bench.database():
        pass
