"""pgTAP is found in each of its places, installed on every server, and missed with reasons."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from psycopg import pq

from pgassay.errors import CannotJudgeError, ConfigError
from pgassay.pgtap.fetch import fetch_from_apt, fetch_from_npm
from pgassay.pgtap.source import PgtapSource, find_pgtap, install_pgtap
from pgassay.server.directories import sweep
from pgassay.server.fetch import UnavailableError, cache_directory, fetch_once

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.pgtap.pgtap_support"]

Connection = psycopg.Connection[tuple[object, ...]]
MINIMAL = (
    "\\echo Use create extension \\quit\ncreate function plan(integer) returns text return '1..' || $1;\n"
)


@pytest.fixture
def readable() -> Iterator[Path]:
    """A directory that the server's account may read even when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="pgtap source ") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def write_extension(directory: Path, *, script: str = MINIMAL) -> Path:
    directory.mkdir(parents=True)
    (directory / "pgtap.control").write_text(
        "# comment\ndefault_version = '9.9'\nrelocatable = true\n", encoding="utf-8"
    )
    (directory / "pgtap--9.9.sql").write_text(script, encoding="utf-8")
    return directory


def plan_of(connection: Connection) -> object:
    with connection.transaction():
        connection.execute("set local search_path = public, extensions")
        return connection.execute("select plan(3)").fetchone()


def extension_of(connection: Connection) -> object:
    return connection.execute(
        "select extversion, extnamespace::regnamespace::text from pg_extension where extname = 'pgtap'"
    ).fetchone()


# --- finding


def test_named_directory_comes_first(bare: Connection, tmp_path: Path) -> None:
    directory = write_extension(tmp_path / "extension")
    assert find_pgtap(bare, environ={"PGASSAY_PGTAP": str(directory)}) == PgtapSource(
        origin="PGASSAY_PGTAP", version="9.9", script=directory / "pgtap--9.9.sql", share=tmp_path
    )


def test_named_file_is_taken_as_it_is(bare: Connection, tmp_path: Path) -> None:
    file = tmp_path / "pgtap.sql"
    file.write_text(MINIMAL, encoding="utf-8")
    assert find_pgtap(bare, environ={"PGASSAY_PGTAP": str(file)}) == PgtapSource(
        origin="PGASSAY_PGTAP", version="", script=file
    )


def test_named_directory_without_pgtap_is_an_error_and_no_silent_fallback(
    bare: Connection, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match=f"PGASSAY_PGTAP names no pgTAP: there is no {tmp_path}/pgtap.control"
    ):
        find_pgtap(bare, environ={"PGASSAY_PGTAP": str(tmp_path)})


def test_control_file_without_its_script_is_an_error(bare: Connection, tmp_path: Path) -> None:
    directory = write_extension(tmp_path / "extension")
    (directory / "pgtap--9.9.sql").unlink()
    with pytest.raises(ConfigError, match=r"asks for pgtap--9\.9\.sql, which is not there"):
        find_pgtap(bare, environ={"PGASSAY_PGTAP": str(directory)})


def test_servers_own_pgtap_is_preferred_to_a_fetched_one(bare_system: Connection) -> None:
    row = bare_system.execute(
        "select default_version from pg_available_extensions where name = 'pgtap'"
    ).fetchone()
    if row is None:
        pytest.skip("the installed PostgreSQL has no pgTAP of its own")
    source = find_pgtap(bare_system, environ={"PATH": ""})
    assert source == PgtapSource(origin="server", version=str(row[0]))
    install_pgtap(bare_system, source)
    assert extension_of(bare_system) == (row[0], "extensions")


def skip_when_unreachable(fetch: Callable[[dict[str, str]], Path], environ: dict[str, str]) -> Path:
    """What `fetch` fetched; any other failure than that of the program which fetches is the test's."""
    try:
        return fetch(environ)
    except UnavailableError as error:
        if "is not installed" in str(error) or " failed: " in str(error) or "knows no package" in str(error):
            pytest.skip(str(error))
        raise


def test_npm_package_is_fetched_once(bare_embedded: Connection, tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environ.pop("PGASSAY_PGTAP", None)
    skip_when_unreachable(fetch_from_npm, environ)
    source = find_pgtap(bare_embedded, environ=environ)
    assert (source.origin, source.version) == ("npm", "1.3.5")
    assert find_pgtap(bare_embedded, environ={"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}) == source
    install_pgtap(bare_embedded, source)
    assert plan_of(bare_embedded) == ("1..3",)
    assert [path.name for path in (tmp_path / "pgassay").iterdir()] == ["pgtap-npm-0.0.15"]


def test_debian_package_is_unpacked_without_root(bare_embedded: Connection, tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    directory = skip_when_unreachable(partial(fetch_from_apt, 15), environ)
    install_pgtap(bare_embedded, find_pgtap(bare_embedded, environ={"PGASSAY_PGTAP": str(directory)}))
    assert plan_of(bare_embedded) == ("1..3",)


def test_no_source_lists_each_with_its_reason(bare_embedded: Connection, tmp_path: Path) -> None:
    with pytest.raises(CannotJudgeError) as caught:
        find_pgtap(bare_embedded, environ={"PATH": "", "HOME": str(tmp_path)})
    assert str(caught.value) == (
        "Found no pgTAP to run the .sql tests with.\n"
        "PGASSAY_PGTAP: not set\n"
        "the server's extension directory: has no pgtap.control\n"
        "npm: npm is not installed\n"
        "apt: apt-cache is not installed\n"
        "To fix this, either\n"
        "  - for an installed server, add its package (Debian: apt-get install postgresql-18-pgtap)\n"
        "  - make npm and its registry reachable, for a copy in the user's cache\n"
        "  - set PGASSAY_PGTAP to a directory with pgtap.control and pgtap--*.sql, or to pgTAP's .sql file"
    )


# --- fetching


def write_program(directory: Path, name: str, body: str) -> dict[str, str]:
    """An environment in which `name` is a shell script."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{directory}:/usr/bin:/bin", "XDG_CACHE_HOME": str(directory / "cache")}


def test_changed_npm_archive_is_refused_and_not_kept(tmp_path: Path) -> None:
    archive = tmp_path / "other.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("package/dist/pgtap.tar.gz"), io.BytesIO())
    environ = write_program(tmp_path / "bin", "npm", f'cp "{archive}" .')
    with pytest.raises(UnavailableError, match="is not the archive that this version of pgassay knows"):
        fetch_from_npm(environ)
    assert list(cache_directory(environ).iterdir()) == []


def test_failing_npm_gives_its_code(tmp_path: Path) -> None:
    said = "echo npm error code ECONNREFUSED >&2; echo npm error that tells nothing >&2; exit 1"
    environ = write_program(tmp_path / "bin", "npm", f'case "$*" in *--silent*) ;; *) {said}; esac; exit 1')
    reason = r"npm pack @electric-sql/\S+ failed: npm error code ECONNREFUSED$"
    with pytest.raises(UnavailableError, match=reason):
        fetch_from_npm(environ)


def test_debian_without_the_package_says_so(tmp_path: Path) -> None:
    environ = write_program(tmp_path / "bin", "apt-cache", "echo postgresql-common")
    with pytest.raises(UnavailableError, match=r"apt knows no package postgresql-\*-pgtap"):
        fetch_from_apt(15, environ)


def test_two_fetches_at_the_same_time_leave_one_whole_directory(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    both_have_fetched = Barrier(2, timeout=60)

    def fetch(scratch: Path) -> Path:
        (scratch / "ready").mkdir()
        (scratch / "ready" / "file").write_text("whole", encoding="utf-8")
        both_have_fetched.wait()
        return scratch / "ready"

    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(lambda _: fetch_once("thing", fetch, environ=environ), range(2)))
    assert found == {tmp_path / "pgassay" / "thing"}
    assert [path.name for path in (tmp_path / "pgassay").rglob("*")] == ["thing", "file"]


def test_failed_fetch_leaves_nothing(tmp_path: Path) -> None:
    def fetch(scratch: Path) -> Path:
        (scratch / "half").write_text("half", encoding="utf-8")
        raise UnavailableError("network is away")

    with pytest.raises(UnavailableError):
        fetch_once("thing", fetch, environ={"XDG_CACHE_HOME": str(tmp_path)})
    assert list((tmp_path / "pgassay").iterdir()) == []


def test_unwritable_home_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.write_text("not even a directory", encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache_directory({"HOME": str(home)}) == tmp_path / f"cache-of-pgassay-{os.geteuid()}"


def test_cache_in_the_temporary_directory_survives_the_sweep_of_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    directory = cache_directory({})
    sweep([tmp_path])
    assert directory.is_dir()


def test_directory_that_others_may_write_to_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shared = tmp_path / f"cache-of-pgassay-{os.geteuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(CannotJudgeError, match="Found no directory to keep fetched files in"):
        cache_directory({})


# --- installing


def test_postgresql_18_creates_the_extension_from_a_directory_outside(
    bare_embedded: Connection, readable: Path
) -> None:
    directory = write_extension(readable / "extension")
    source = find_pgtap(bare_embedded, environ={"PGASSAY_PGTAP": str(directory)})
    before = bare_embedded.execute("show extension_control_path").fetchone()
    install_pgtap(bare_embedded, source)
    assert extension_of(bare_embedded) == ("9.9", "extensions")
    assert bare_embedded.execute("show extension_control_path").fetchone() == before


def test_server_that_cannot_see_the_files_gets_the_sql(bare: Connection, readable: Path) -> None:
    source = PgtapSource(
        origin="PGASSAY_PGTAP",
        version="9.9",
        script=write_extension(readable / "here") / "pgtap--9.9.sql",
        share=readable / "on another machine",
    )
    install_pgtap(bare, source)
    assert (extension_of(bare), plan_of(bare)) == (None, ("1..3",))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files that the server's account may not read")
def test_server_that_may_not_read_the_files_gets_the_sql(bare_embedded: Connection, tmp_path: Path) -> None:
    directory = write_extension(tmp_path / "extension")
    tmp_path.chmod(0o700)
    install_pgtap(bare_embedded, find_pgtap(bare_embedded, environ={"PGASSAY_PGTAP": str(directory)}))
    assert (extension_of(bare_embedded), plan_of(bare_embedded)) == (None, ("1..3",))


def test_placeholders_of_an_extension_script_are_filled(bare: Connection, tmp_path: Path) -> None:
    script = MINIMAL + "create function who() returns text return '@extschema@ MODULE_PATHNAME';\n"
    directory = write_extension(tmp_path / "plain", script=script)
    install_pgtap(bare, find_pgtap(bare, environ={"PGASSAY_PGTAP": str(directory)}))
    assert bare.execute("select extensions.who()").fetchone() == ("extensions $libdir/pgtap",)


def test_second_install_does_nothing(bare: Connection, tmp_path: Path) -> None:
    source = find_pgtap(bare, environ={"PGASSAY_PGTAP": str(write_extension(tmp_path / "plain"))})
    install_pgtap(bare, source)
    install_pgtap(bare, source)
    assert plan_of(bare) == ("1..3",)


def test_failed_install_leaves_nothing(bare: Connection, tmp_path: Path) -> None:
    directory = write_extension(tmp_path / "plain", script=MINIMAL + "select 1 / 0;\n")
    source = find_pgtap(bare, environ={"PGASSAY_PGTAP": str(directory)})
    with pytest.raises(psycopg.errors.DivisionByZero):
        install_pgtap(bare, source)
    assert bare.execute("select to_regnamespace('extensions')").fetchone() == (None,)


def test_install_inside_a_transaction_changes_no_setting_of_it(bare: Connection, tmp_path: Path) -> None:
    directory = write_extension(tmp_path / "plain")
    source = find_pgtap(bare, environ={"PGASSAY_PGTAP": str(directory)})
    with bare.transaction():
        bare.execute("set local search_path = pg_catalog")
        install_pgtap(bare, source)
        assert bare.execute("show search_path").fetchone() == ("pg_catalog",)
        assert bare.execute("show check_function_bodies").fetchone() == ("on",)
    assert bare.info.transaction_status == pq.TransactionStatus.IDLE
