"""The run's server, and what tests build on it.

`HYPOTHESIS_PROFILE` chooses a budget of the property tests. `dev` and `ci` try the same examples every time;
`deep` tries many new ones.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from pgassay.cli import main
from pgassay.database import Layer, Recipe, choose_owner, ensure_template
from pgassay.observation import Persona
from pgassay.server import Server
from pgassay.supabase.environments import environment_files
from pgassay.workbench import Workbench

Run = Callable[..., subprocess.CompletedProcess[str]]

_COMMON = settings(
    deadline=None,
    print_blob=True,
    # Without the phase `explain`, which repeats slow examples many times.
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    # Examples share the session of their test; each of them undoes what it did.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("dev", _COMMON, max_examples=80, derandomize=True)
settings.register_profile("ci", _COMMON, max_examples=100, derandomize=True)
settings.register_profile("deep", _COMMON, max_examples=8000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


def pytest_collection_finish() -> None:
    """What is collected stays to the end: later passes of the garbage collector need not walk over it."""
    gc.freeze()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command in this process, which saves the start of another."""
    former = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd)
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as refusal:  # by argparse
            assert isinstance(refusal.code, int)
            code = refusal.code
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, former)


@pytest.fixture(scope="session")
def server(workbench: Workbench) -> Server:
    return workbench.server


@pytest.fixture(scope="session")
def owner(server: Server) -> str:
    return choose_owner(server, "postgres")


@pytest.fixture(scope="session")
def blank(server: Server, owner: str) -> str:
    """A template with nothing in it but its owner."""
    return ensure_template(server, Recipe(owner=owner, layers=()))


@pytest.fixture(scope="session")
def environment() -> Layer:
    return Layer(name="environment", scripts=environment_files("supabase"), applied_by="superuser")


@pytest.fixture(scope="session")
def alice() -> Persona:
    claims = {"sub": "a11ce000-0000-4000-8000-000000000001"}
    return Persona(name="alice", role="authenticated", claims=claims)


@pytest.fixture(scope="session")
def bob() -> Persona:
    return Persona(name="bob", role="authenticated", claims={"sub": "b0b00000-0000-4000-8000-000000000002"})


@pytest.fixture(scope="session")
def anon() -> Persona:
    return Persona(name="anon", role="anon")
