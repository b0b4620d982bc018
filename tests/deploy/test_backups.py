"""Backups made and restored as the guide says: nothing is lost, doubled or opened on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.database import Database, Recipe, clone, ensure_template
from pgassay.errors import ServerError
from pgassay.observation import Persona
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench
from tests.deploy.database_contents import contents_of, differences, matrix_of, read_contents, wrong_books
from tests.deploy.guide import find_block
from tests.deploy.supabase_cli import run_shell
from tests.deploy.traffic import traffic

# An extension cannot move to a server that has not got it; no schema here uses one.
NO_EXTENSIONS = 'drop extension if exists pgcrypto; drop extension if exists "uuid-ossp";\n'
LOAD_SCHEMA = 'psql --quiet --file=schema-only.sql --dbname="$NEW_DATABASE_URL"'
PAIRS = (("embedded", "embedded"), ("system", "system"), ("system", "embedded"))


@dataclass(frozen=True, kw_only=True)
class Journey:
    """From one server to another, with the client programs of the newer one."""

    config: Config
    source: Server
    target: Server
    folder: Path

    def open_source(self, resources: ExitStack) -> Database:
        """The schema and its world, on the first server."""
        return resources.enter_context(
            Workbench(self.config, self.source).database(starting_point=(self._bare(),))
        )

    def open_project(self, resources: ExitStack) -> Database:
        """A new Supabase project on the second server."""
        bench = Workbench(self.config, self.target)
        return resources.enter_context(bench.database(depth="environment", starting_point=(self._bare(),)))

    def open_empty(self, resources: ExitStack) -> Database:
        """An empty database on the second server, which has the roles."""
        bench = Workbench(self.config, self.target)
        ensure_template(self.target, bench.recipe(depth="environment"))
        blank = ensure_template(self.target, Recipe(owner=bench.owner, layers=()))
        return resources.enter_context(clone(self.target, blank, owner=bench.owner))

    def back_up(self, source: Database, *, snapshot: str = "") -> None:
        """As the guide says; of an exported snapshot, for the test to compare with."""
        text = find_block("Back up", "bash").text
        # What the emulation of the platform keeps for itself is in no project.
        text = text.replace("--data-only ", "--data-only --exclude-schema=pgassay ")
        if snapshot:
            text = text.replace("pg_dump ", f"pg_dump --snapshot={snapshot} ")
        self.run(text, DATABASE_URL=source.url())

    def restore(self, target: Database) -> None:
        """The whole dump, as a superuser, into an empty database."""
        url = self.target.url(target.name)
        self.run(find_block("Restore", "bash", "pg_restore").text, EMPTY_DATABASE_URL=url)

    def restore_in_parts(self, target: Database) -> str:
        """Schema, then data, into a new project; what psql complains of."""
        return self.run(find_block("Restore", "bash", "psql").text, NEW_DATABASE_URL=target.url())

    def run(self, text: str, **environ: str) -> str:
        newer = max(self.source, self.target, key=lambda server: server.version)
        assert newer.bin_dir
        done = run_shell(text, folder=self.folder, path=newer.bin_dir, environ=environ)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def _bare(self) -> Path:
        script = self.folder / "bare.sql"
        script.write_text(NO_EXTENSIONS, encoding="utf-8")
        return script


@pytest.fixture(scope="module", params=PAIRS, ids=" to ".join)
def journey(
    request: pytest.FixtureRequest, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Journey]:
    with ExitStack() as resources:
        try:
            servers = {
                name: resources.enter_context(open_server(name)) for name in sorted(set(request.param))
            }
        except ServerError as error:
            pytest.skip(error.what)
        source, target = (servers[name] for name in request.param)
        folder = tmp_path_factory.mktemp("backups")
        yield Journey(config=config, source=source, target=target, folder=folder)


def is_platforms(difference: str) -> bool:
    """Nothing of ours: MAINTAIN, which GRANT ALL includes since 17, and the extensions of a server."""
    ours = re.search(r"\b(public|private)\.", difference)
    return not ours and bool(re.search(r"(?i)maintain|\b(extensions|vault)\b", difference))


def test_restored_database_is_the_same(journey: Journey, personas: Mapping[str, Persona]) -> None:
    with ExitStack() as resources:
        source = journey.open_source(resources)
        journey.back_up(source)
        whole, parts = journey.open_empty(resources), journey.open_project(resources)
        journey.restore(whole)
        complaints = journey.restore_in_parts(parts)
        assert re.findall(r".*\b(?:public|private)\b.*", complaints) == []
        assert [one for one in differences(source, whole) if not is_platforms(one)] == []
        assert [one for one in differences(source, parts) if not is_platforms(one)] == []
        assert contents_of(source) == contents_of(whole) == contents_of(parts)
        expected = matrix_of(source, personas)
        assert matrix_of(whole, personas) == expected
        assert matrix_of(parts, personas) == expected


def test_backup_of_a_busy_database_is_one_moment(journey: Journey) -> None:
    with ExitStack() as resources:
        source = journey.open_source(resources)
        with traffic(source) as writers, closing(source.connect()) as moment:
            writers.await_commits(20)
            moment.execute("set transaction isolation level repeatable read")
            row = moment.execute("select pg_export_snapshot()").fetchone()
            journey.back_up(source, snapshot=row[0] if row else "")
            writers.await_commits(1)  # nobody had to wait for the end of the dump
            expected = read_contents(moment)
        assert contents_of(source) != expected
        assert len(expected["public.credit_transactions"]) > 40
        whole, parts = journey.open_empty(resources), journey.open_project(resources)
        journey.restore(whole)
        journey.restore_in_parts(parts)
        for copy in (whole, parts):
            assert contents_of(copy) == expected
            assert wrong_books(copy) == []
            with traffic(copy) as writers:  # it works on, sequences included
                writers.await_commits(6)
            assert wrong_books(copy) == []


# What the guide warns of, on one pair of servers.
once = pytest.mark.parametrize("journey", PAIRS[:1], ids=["embedded"], indirect=True)


@once
def test_without_the_guides_first_command_a_restored_project_is_open(journey: Journey) -> None:
    with ExitStack() as resources:
        journey.back_up(journey.open_source(resources))
        project = journey.open_project(resources)
        journey.run(LOAD_SCHEMA, NEW_DATABASE_URL=project.url())
        with closing(project.connect()) as connection:
            query = "select has_function_privilege('anon', oid, 'execute') from pg_proc where proname = %s"
            assert connection.execute(query, ["grant_credits"]).fetchone() == (True,)


@once
def test_data_restored_with_triggers_at_work_stops_at_the_first_user(journey: Journey) -> None:
    with ExitStack() as resources:
        journey.back_up(journey.open_source(resources))
        project = journey.open_project(resources)
        journey.run(LOAD_SCHEMA, NEW_DATABASE_URL=project.url())
        text = "psql --quiet --single-transaction --set=ON_ERROR_STOP=1 --file=data-only.sql"
        url = {"NEW_DATABASE_URL": project.url()}
        told = journey.run(f'{text} --dbname="$NEW_DATABASE_URL" || true', **url)
        assert 'duplicate key value violates unique constraint "users_pkey"' in told
        assert contents_of(project)["public.credit_transactions"] == []


@once
def test_disable_triggers_leaves_the_ledgers_guard_weaker(journey: Journey) -> None:
    guard = "select tgenabled::text from pg_trigger where tgname = 'credit_transactions_append_only'"
    with ExitStack() as resources:
        source = journey.open_source(resources)
        journey.back_up(source)
        copy = journey.open_empty(resources)
        restore = 'pg_restore --exit-on-error --dbname="$URL"'
        journey.run(
            f"{restore} --schema-only whole.dump; {restore} --data-only --disable-triggers whole.dump",
            URL=journey.target.url(copy.name),
        )
        answers = []
        for database in (source, copy):
            with closing(database.connect()) as connection:
                answers.append(connection.execute(guard).fetchone())
    assert answers == [("A",), ("O",)]
