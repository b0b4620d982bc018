"""The schema leaves the same privileges, whatever a project granted before it was applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pgassay.database import Database
from pgassay.workbench import Workbench
from tests.applying.privileges import read_privileges

pytestmark = pytest.mark.slow

STARTING_POINTS: dict[str, tuple[str, ...]] = {
    "old": (),
    "new": ("fixtures/starting_points/new.sql",),
    "bare": ("fixtures/starting_points/bare.sql",),
}


@contextmanager
def schema_from(workbench: Workbench, name: str) -> Iterator[Database]:
    """A database with schema.sql applied upon one of the starting points."""
    scripts: tuple[Path, ...] = tuple(workbench.config.root / path for path in STARTING_POINTS[name])
    with workbench.database(depth="schema", starting_point=scripts) as database:
        yield database


def usual_privileges(workbench: Workbench) -> list[str]:
    """Those on the usual starting point, which the matrix and pgTAP look at."""
    with schema_from(workbench, "old") as database, closing(database.connect()) as connection:
        return read_privileges(connection)


@pytest.mark.parametrize("name", ["new", "bare"])
def test_privileges_do_not_depend_on_the_starting_point(workbench: Workbench, name: str) -> None:
    with schema_from(workbench, name) as database, closing(database.connect()) as connection:
        found = read_privileges(connection)
    assert found == usual_privileges(workbench)
    assert len(found) > 60


def test_starting_points_differ_before_the_schema(workbench: Workbench) -> None:
    found = {}
    for name, paths in STARTING_POINTS.items():
        scripts = tuple(workbench.config.root / path for path in paths)
        with (
            workbench.database(depth="environment", starting_point=scripts) as database,
            closing(database.connect()) as connection,
        ):
            found[name] = set(read_privileges(connection))
    assert found["bare"] < found["new"] < found["old"]


@pytest.mark.parametrize("name", STARTING_POINTS)
def test_objects_made_later_are_closed_too(workbench: Workbench, name: str) -> None:
    with (
        schema_from(workbench, name) as database,
        closing(database.connect()) as connection,
    ):
        before = read_privileges(connection)
        connection.execute("create table public.later (id bigserial primary key)")
        connection.execute("create view public.later_view as select * from public.later")
        for schema in ("public", "private"):
            connection.execute(f"create function {schema}.later() returns int language sql return 1")
        assert read_privileges(connection) == before


def test_schema_changes_no_privilege_of_other_schemas(workbench: Workbench, clone: Database) -> None:
    with (
        workbench.database(depth="environment") as bare,
        closing(bare.connect()) as before,
        closing(clone.connect()) as after,
    ):
        assert read_privileges(after, own=False) == read_privileges(before, own=False) != []
