"""Programs are found, and what is missing, too old or broken is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.errors import ServerError
from pgassay.server import binaries, inspect_server_choices
from pgassay.server.account import Account, can_traverse
from pgassay.server.binaries import embedded_bin_dir, find_binaries, parse_version
from pgassay.server.ephemeral import render
from pgassay.server.failures import describe_failed_start


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("postgres (PostgreSQL) 18.6\n", 180006),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 150018),
        ("postgres (PostgreSQL) 19beta1\n", 190000),
        ("postgres (EnterpriseDB) 17.10.2", 170010),
        ("Segmentation fault", None),
        ("", None),
    ],
)
def test_version_is_read_from_what_postgres_says(text: str, version: int | None) -> None:
    assert parse_version(text) == version


def fake_bin_dir(folder: Path, answer: str) -> Path:
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\n{answer}\n")
        (folder / name).chmod(0o755)
    return folder


def test_old_server_is_refused_by_its_version(tmp_path: Path) -> None:
    folder = fake_bin_dir(tmp_path, "echo 'postgres (PostgreSQL) 14.9'")
    with pytest.raises(ServerError) as caught:
        find_binaries(str(folder))
    assert caught.value.what == f"PostgreSQL 14 in {folder} is too old."


def test_broken_program_is_shown_with_what_it_said(tmp_path: Path) -> None:
    folder = fake_bin_dir(tmp_path, "echo 'libssl.so.3: cannot open' >&2; exit 127")
    with pytest.raises(ServerError) as caught:
        find_binaries(str(folder))
    assert caught.value.what == f"{folder}/postgres does not run on this machine."
    assert caught.value.why == "libssl.so.3: cannot open"


def test_missing_programs_are_named(tmp_path: Path) -> None:
    with pytest.raises(ServerError) as caught:
        find_binaries(str(tmp_path))
    assert caught.value.what == f"No PostgreSQL server in {tmp_path}: initdb and postgres not found."
    (tmp_path / "postgres").touch()
    with pytest.raises(ServerError, match="initdb not found"):
        find_binaries(str(tmp_path))
    with pytest.raises(ServerError, match="There is no such directory"):
        find_binaries(str(tmp_path / "typo"))


def test_choices_list_the_embedded_server_first() -> None:
    embedded, *installed = inspect_server_choices()
    assert (embedded.name, embedded.bin_dir, embedded.problem) == ("embedded", embedded_bin_dir(), "")
    assert embedded.version is not None and embedded.version >= 180000
    assert installed
    assert all((choice.version is None) == bool(choice.problem) for choice in installed)


def test_start_that_fails_shows_the_end_of_the_output() -> None:
    output = "\n".join(f"line {number}" for number in range(100))
    error = describe_failed_start(step="initdb", output=output, free=1 << 30, base=Path("/data"), port=None)
    assert error.what == "Could not start PostgreSQL: initdb failed."
    assert error.why.splitlines()[0] == "line 80"
    assert error.why.splitlines()[-1] == "line 99"


def test_silent_start_on_a_full_disk_is_told_by_the_free_space() -> None:
    error = describe_failed_start(step="postgres", output="", free=0, base=Path("/data"), port=None)
    assert error.what == "Could not start PostgreSQL: no space left in /data."


def test_page_of_which_only_the_beginning_fitted_is_a_full_disk_too() -> None:
    output = "FATAL:  could not extend file: wrote only 4096 of 8192 bytes\nHINT:  Check free disk space."
    error = describe_failed_start(step="initdb", output=output, free=1 << 24, base=Path("/data"), port=None)
    assert error.what == "Could not start PostgreSQL: no space left in /data."
    assert error.why == "HINT:  Check free disk space."


def test_machine_without_a_wheel_is_told_of_other_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ServerError, match="this is linux on riscv64") as caught:
        embedded_bin_dir()
    assert [fix.rpartition(": ")[2] for fix in caught.value.fixes[1:3]] == [
        "--server 18 or PGASSAY_SERVER=18",
        "--server system or PGASSAY_SERVER=system",
    ]


def test_closed_directory_stops_an_account_at_any_level(tmp_path: Path) -> None:
    me = Account(name="me", uid=tmp_path.stat().st_uid, gid=tmp_path.stat().st_gid)
    stranger = Account(name="stranger", uid=4242, gid=4242)
    tmp_path.chmod(0o700)
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o755)
    assert can_traverse(inner, me)
    assert can_traverse(inner, None)
    assert not can_traverse(inner, stranger)
    inner.chmod(0o655)
    assert not can_traverse(inner, me)


def test_settings_are_quoted() -> None:
    assert render({"a": r"it's \n"}) == "a = 'it''s \\\\n'\n"
