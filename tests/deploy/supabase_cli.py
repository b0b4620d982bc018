"""The Supabase CLI that tools/supabase pins, installed below build/, and shells that have it on PATH."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINNED = ROOT / "tools" / "supabase"


class MissingToolError(Exception):
    """A program that the check needs and this machine has not; the text says why."""


def install_cli() -> Path:
    """The folder of the program `supabase`; installed once. Raises MissingToolError."""
    for program in ("npm", "node"):
        if shutil.which(program) is None:
            raise MissingToolError(f"the Supabase CLI comes from npm, and there is no {program} on PATH")
    files = sorted(path for path in PINNED.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    home = ROOT / "build" / f"supabase-{digest[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "installed").exists():
            _install(home, files)
    return home / "node_modules" / ".bin"


def _install(home: Path, files: list[Path]) -> None:
    for path in files:
        shutil.copy(path, home)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingToolError(f"npm could not install the Supabase CLI: {done.stderr.strip()[-300:]}")
    (home / "installed").touch()


def run_shell(
    text: str, *, folder: Path, path: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a block of shell in `folder`, with the programs in `path` before all others."""
    given = {
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),  # the CLI writes there
        "LC_ALL": "C.UTF-8",
        "DO_NOT_TRACK": "1",
        **environ,
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=given,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
