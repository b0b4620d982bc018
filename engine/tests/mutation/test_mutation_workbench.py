"""Whatever way a test takes to a database of the schema, the mutant is in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from pgassay.config import Config
from pgassay.database import Database, clone, ensure_template
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


def test_mutant_that_no_longer_applies_is_no_verdict(bench: MutantWorkbench) -> None:
    bench.statements = ("drop table public.nonesuch",)
    with pytest.raises(CannotJudgeError, match="Cannot apply a mutant"), bench.database():
        pass
