"""The pytest plugin: one server a run, one transaction or one database a test, pgTAP files as tests."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgassay.commands import choose_own_server
from pgassay.config import Config, find_root, is_configured, is_project, load_config
from pgassay.coverage.counters import CoverageRecord, Tally
from pgassay.database import Database, Session
from pgassay.errors import PgassayError, ServerError
from pgassay.observation import Persona
from pgassay.pgtap import items
from pgassay.pgtap.folder import PGTAP_SUFFIXES, FolderRun
from pgassay.pgtap.run import PgtapDatabase, find_psql
from pgassay.render.output import check_writable
from pgassay.server import ATTACHED, RUNNING_SERVER, Server, describe_loss, open_server
from pgassay.suites.plugins import SuiteJudgement, SuiteReport
from pgassay.workbench import Workbench

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pgassay", "PostgreSQL schemas")
    group.addoption(
        "--pgassay-server",
        metavar="CHOICE",
        help="embedded, system, a major version (15 to 18), a bin directory or a connection URL "
        "(default: PGASSAY_SERVER, then the configuration)",
    )
    group.addoption(
        "--pgassay-schema",
        metavar="PATH",
        action="append",
        type=Path,
        help="test this file instead of the project's schema; may be repeated",
    )
    group.addoption("--pgassay-report", metavar="PATH", type=Path, help="write counts and failures as JSON")
    group.addoption(
        "--pgassay-coverage",
        metavar="PATH",
        type=Path,
        help="count what runs inside functions and policies, and write the counts as JSON",
    )
    group.addoption(
        "--pgassay-judged",
        metavar="STAGE",
        action="append",
        default=[],
        help="leave out the tests that are marked repeats_stage(STAGE); may be repeated",
    )


class Engine:
    """What the tests of one process share. The server starts when the first test asks for it."""

    def __init__(self, config: pytest.Config) -> None:
        self._pytest_config = config
        self._resources = ExitStack()
        self._folders: dict[Path, FolderRun] = {}

    @cached_property
    def config(self) -> Config:
        """The project's configuration with what the command line overrides."""
        # In a monorepo pytest's root may lie above the project that the run is about.
        starts = (self._pytest_config.rootpath, self._pytest_config.invocation_params.dir)
        roots = [find_root(start) for start in starts]
        config = load_config(next(filter(is_project, roots), roots[0]))
        given: list[Path] | None = self._pytest_config.getoption("--pgassay-schema")
        if given:
            start = self._pytest_config.invocation_params.dir
            config = replace(config, schema=tuple(start / path for path in given))
        return config

    @property
    def is_configured(self) -> bool:
        """Whether this is a project of ours at all, and not one that shares our virtual environment."""
        return is_configured(self.config.root)

    @property
    def is_wanted(self) -> bool:
        """Whether some test may be expected to ask for the server."""
        options = ("--pgassay-server", "--pgassay-schema")
        return self.is_configured or any(map(self._pytest_config.getoption, options))

    @cached_property
    def server(self) -> Server:
        """The one server of the run: the controller's, for the workers of pytest-xdist."""
        shared = getattr(self._pytest_config, "workerinput", {}).get("pgassay_server")
        shared = shared or os.environ.get(RUNNING_SERVER)
        if shared:
            return Server.from_json(json.loads(shared))
        option: str | None = self._pytest_config.getoption("--pgassay-server")
        chosen = option or _postgresql_options(self._pytest_config)
        choice = chosen or os.environ.get("PGASSAY_SERVER") or choose_own_server(self.config).server
        server = self._resources.enter_context(open_server(choice))
        if server.origin == ATTACHED:  # our databases would outlive us there
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        return server

    @cached_property
    def workbench(self) -> Workbench:
        return Workbench(self.config, self.server, observer=self.tally)

    @cached_property
    def tally(self) -> Tally | None:
        """Where the databases of the run are counted up, if at all."""
        return Tally() if self._pytest_config.getoption("--pgassay-coverage") else None

    def open(self, file: Path) -> AbstractContextManager[PgtapDatabase]:
        """Lend a pgTAP file its database (see `pgassay.pgtap.items.PgtapTarget`)."""
        if self.config.pgtap_database == "file":
            return self._pgtap_database()
        [folder, *_] = (folder for folder in self.config.pgtap if folder in file.parents)
        run = self._folders.setdefault(folder, FolderRun(folder, self._pgtap_database))
        return run.open(file)

    @contextmanager
    def _pgtap_database(self) -> Iterator[PgtapDatabase]:
        psql = find_psql(self.server.bin_dir)
        with self.workbench.database(pgtap=True) as database:
            conninfo = database.conninfo()
            yield PgtapDatabase(conninfo=conninfo, psql=psql, timeout=self.config.statement_timeout)

    def find_loss(self) -> ServerError | None:
        """Why the server no longer answers; None while it does, or where none was started."""
        if "server" not in self.__dict__:
            return None
        try:
            psycopg.connect(self.server.conninfo(self.server.maintenance)).close()
        except psycopg.OperationalError as error:
            return describe_loss(self.server, error)
        return None

    def close_folders(self) -> None:
        """Drop the databases that files of pgTAP share."""
        for run in self._folders.values():
            run.close()

    def close(self) -> None:
        self.close_folders()
        self._resources.close()


def _postgresql_options(config: pytest.Config) -> str:
    """The server that pytest-postgresql's own options name, as a conninfo; "" where no host is given."""
    names = {
        "host": "host",
        "port": "port",
        "user": "user",
        "password": "password",
        "dbname": "maintenance_dbname",
    }
    given = {key: config.getoption(f"postgresql_{name}", None) for key, name in names.items()}
    return make_conninfo("", **{k: v for k, v in given.items() if v}) if given["host"] else ""


ENGINE = pytest.StashKey[Engine]()


def pytest_configure(config: pytest.Config) -> None:
    if RUNNING_SERVER in os.environ:  # `pgassay verify` stops us so, also where it is a job in the background
        signal.signal(signal.SIGINT, _interrupt_once)
    engine = Engine(config)
    _for_user(lambda: engine.config)
    config.stash[ENGINE] = engine
    config.addinivalue_line(
        "markers", "repeats_stage(name): says what this stage of `pgassay verify` says, which leaves it out"
    )
    config.stash[items.PGTAP_TARGET] = engine
    config.add_cleanup(engine.close)
    config.pluginmanager.register(items, "pgassay-pgtap")
    judgement = SuiteJudgement(find_loss=engine.find_loss, expects_tests=engine.is_configured)
    config.pluginmanager.register(judgement, "pgassay-judgement")
    report: Path | None = config.getoption("--pgassay-report")
    for path in (report, config.getoption("--pgassay-coverage")):
        if path:
            _for_user(partial(check_writable, path))
    if report and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SuiteReport(report, judgement), "pgassay-report")
    if engine.tally is not None:
        record = CoverageRecord(config.getoption("--pgassay-coverage"), engine.tally)
        config.pluginmanager.register(record, "pgassay-coverage")


def _interrupt_once(signum: int, frame: FrameType | None) -> None:
    """The first signal ends the run; those after it must not end the dropping of databases."""
    signal.signal(signum, signal.SIG_IGN)
    signal.default_int_handler(signum, frame)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - a type of pytest-xdist's, which may be absent
    """Hand the controller's server to a worker of pytest-xdist."""
    engine: Engine = node.config.stash[ENGINE]
    if engine.is_wanted:
        server = _for_user(lambda: engine.server)
        node.workerinput["pgassay_server"] = json.dumps(server.to_json())


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    folders = parent.config.stash[ENGINE].config.pgtap
    if file_path.suffix in PGTAP_SUFFIXES and any(folder in file_path.parents for folder in folders):
        return items.PgtapFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    judged = config.getoption("--pgassay-judged")
    repeating = [
        item for item in items if any(mark.args[0] in judged for mark in item.iter_markers("repeats_stage"))
    ]
    if repeating:
        config.hook.pytest_deselected(items=repeating)
        left_out = set(repeating)
        items[:] = [item for item in items if item not in left_out]


def _for_user(make: Callable[[], T]) -> T:
    """What `make` returns; its PgassayError as a usage error, which pytest shows without a traceback."""
    try:
        return make()
    except PgassayError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def workbench(pytestconfig: pytest.Config) -> Workbench:
    """Makes databases of the project at any depth: environment, schema, world."""
    return pytestconfig.stash[ENGINE].workbench


@pytest.fixture(scope="session")
def personas(workbench: Workbench) -> Mapping[str, Persona]:
    """The personas of the configuration by name."""
    return workbench.personas


@pytest.fixture(scope="session")
def shared_database(workbench: Workbench) -> Iterator[Database]:
    """The database of `session`: schema and world, one for each process. Nothing must be committed here."""
    with workbench.database() as database:
        yield database


@pytest.fixture
def clone(workbench: Workbench) -> Iterator[Database]:
    """A database of the test's own, with schema and world: for what commits or needs several connections."""
    with workbench.database() as database:
        yield database


@pytest.fixture
def session(shared_session: Session) -> Iterator[Session]:
    """One transaction, rolled back at the end, in which to act as personas; outside `act_as` as the owner."""
    with shared_session.transaction():
        yield shared_session


@pytest.fixture(scope="session")
def shared_session(workbench: Workbench, request: pytest.FixtureRequest) -> Iterator[Session]:
    """The connection of `session`, logged in as the owner: the schema could take a superuser's rights."""
    with workbench.shared_session(partial(request.getfixturevalue, "shared_database")) as session:
        yield session
