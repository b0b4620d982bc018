"""The set-up, and what a checkout that cannot be written to makes of it."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def set_up(tmp_path: Path, pytestconfig: pytest.Config) -> dict[str, Any]:
    """What tools/set_up.py defines, in a checkout in `tmp_path`."""
    program = pytestconfig.rootpath / "tools" / "set_up.py"
    for name in ("tools/set_up.py", *runpy.run_path(str(program))["INPUTS"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pytestconfig.rootpath / name, tmp_path / name)
    return runpy.run_path(str(tmp_path / "tools" / "set_up.py"))


def test_current_environment_needs_no_lock(set_up: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / ".venv.lock").mkdir()  # no file to open, for root neither
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pgassay-stamp").write_text(set_up["fingerprint"](), encoding="utf-8")
    assert set_up["main"]() == 0
    (tmp_path / "constraints.txt").write_text("", encoding="utf-8")
    with pytest.raises(IsADirectoryError):
        set_up["main"]()


def test_link_to_another_environment_is_replaced_and_that_one_kept(
    set_up: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = venv.create
    monkeypatch.setattr(venv, "create", lambda path, *, clear, with_pip: create(path, clear=clear))
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    (tmp_path / ".venv").symlink_to(other)
    set_up["main"].__globals__["install"] = lambda: 2  # without the network
    assert set_up["main"]() == 2
    assert [path.name for path in other.iterdir()] == ["kept"]
    assert (tmp_path / ".venv" / "pyvenv.cfg").is_file()


def test_cache_that_cannot_be_written_fails_no_run(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "test_one.py").write_text("def test_one():\n    assert False\n", encoding="utf-8")
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:hypothesispytest"]
    command += ["-c", str(pytestconfig.rootpath / "pyproject.toml"), "-o", "cache_dir=file/cache"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "test_one.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed" in done.stdout
    assert "Traceback" not in done.stderr
