"""Which files stand before a server's own: stand-ins for what it lacks, and what the owner may create."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.extensions.catalogue import MISSING, platform_extensions, stand_ins
from pgassay.extensions.folder import list_files


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """The extensions of a server; of file_fdw the platform has none, dblink is to be replaced."""
    folder = tmp_path / "extension"
    folder.mkdir()
    for name in ("moddatetime", "file_fdw", "dblink", "hypopg"):
        (folder / f"{name}.control").write_text(f"default_version = '1.0'\ncomment = '{name}'")
        (folder / f"{name}--1.0.sql").write_text(f"-- {name}")
    return folder


def test_what_the_platform_lets_the_owner_create_is_trusted_and_keeps_its_script(server: Path) -> None:
    files = list_files(server, None)
    assert (
        files["moddatetime.control"] == "default_version = '1.0'\ncomment = 'moddatetime'\ntrusted = true\n"
    )
    assert files["moddatetime--1.0.sql"] == "-- moddatetime"
    assert not [name for name in files if name.startswith("file_fdw")]


def test_stand_in_serves_where_the_server_has_none_or_one_that_reaches_into_the_network(server: Path) -> None:
    files = list_files(server, None)
    assert "dblink--stand-in.sql" in files and "dblink--1.0.sql" not in files
    assert "hypopg--1.0.sql" in files and "hypopg--stand-in.sql" not in files
    assert {"pgcrypto--stand-in.sql", "pg_net--stand-in.sql"} <= files.keys()


def test_fetched_modules_win_over_stand_ins(server: Path, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "pgcrypto.control").write_text("default_version = '1.4'\ntrusted = true\n")
    files = list_files(server, modules)
    assert files["pgcrypto.control"] == "default_version = '1.4'\ntrusted = true\n"
    assert "pgcrypto--stand-in.sql" not in files
    assert "uuid-ossp--stand-in.sql" in files


def test_every_stand_in_says_in_a_sentence_what_it_cannot_and_none_is_missing() -> None:
    assert [s.name for s in stand_ins().values() if not s.limits.endswith(".") or "--" in s.limits] == []
    assert stand_ins().keys() & MISSING.keys() == set()
    assert stand_ins().keys() <= platform_extensions()
    assert "comment = 'Has no function: suites find the real pgTAP" in stand_ins()["pgtap"].control
