"""The set-up, and what a checkout that cannot be written to makes of it."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_current_environment_needs_no_lock(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    for name in ("tools/set_up.py", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(pytestconfig.rootpath / name, tmp_path / name)
    (tmp_path / ".venv.lock").mkdir()  # no file to open, for root neither
    set_up = runpy.run_path(str(tmp_path / "tools" / "set_up.py"))
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pgassay-stamp").write_text(set_up["fingerprint"](), encoding="utf-8")
    assert set_up["main"]() == 0
    (tmp_path / "constraints.txt").write_text("", encoding="utf-8")
    with pytest.raises(IsADirectoryError):
        set_up["main"]()


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
