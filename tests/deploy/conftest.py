"""The deployment guide carried out with the real tools: `make deploy-check`, not part of `make test`.

A tool that this machine lacks is a skip with a reason, and the run exits 2: nothing is proven without it.
`--may-skip` makes do with what there is.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.errors import ExitCode, ServerError
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench
from tests.deploy.supabase_cli import MissingToolError, install_cli

_SETTINGS = {"shared_preload_libraries": "pg_stat_statements"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("deploy-check")
    group.addoption("--may-skip", action="store_true", help="exit 0 also where a tool is missing")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Skips(), "deploy-check-skips")


class _Skips:
    """Says in the end what could not be checked."""

    def __init__(self) -> None:
        self._reasons: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            self._reasons[report.longrepr[2].removeprefix("Skipped: ")] = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._reasons and session.exitstatus == pytest.ExitCode.OK and not session.config.option.may_skip:
            session.exitstatus = ExitCode.CANNOT_JUDGE

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason in self._reasons:
            terminalreporter.line(f"not checked: {reason}")


@pytest.fixture(scope="session")
def root(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath


@pytest.fixture(scope="session")
def config(workbench: Workbench) -> Config:
    """The project's configuration."""
    return workbench.config


@pytest.fixture(scope="session")
def supabase() -> Path:
    """The folder with the program `supabase`."""
    try:
        return install_cli()
    except MissingToolError as error:
        pytest.skip(str(error))


def _listen(choice: str, resources: ExitStack) -> Server:
    """A server on 127.0.0.1, for clients that know no Unix socket; with pg_stat_statements."""
    for chances in (2, 1, 0):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            return resources.enter_context(open_server(choice, port=port, settings=_SETTINGS))
        except ServerError:  # perhaps somebody else was faster to take the port
            if not chances:
                raise
    raise AssertionError


@pytest.fixture(scope="session", params=["embedded", "system"])
def listening(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The embedded PostgreSQL, then the installed one."""
    with ExitStack() as resources:
        try:
            server = _listen(request.param, resources)
        except ServerError as error:
            pytest.skip(f"{request.param} PostgreSQL: {error.what}")
        yield server
