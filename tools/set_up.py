"""Make .venv and install what constraints.txt pins; used by the Makefile, standard library only.

Two runs at the same time wait for each other. Nothing is done when .venv matches the files it was made from.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "pgassay-stamp"
# The last has the engine's version, which pip writes down.
INPUTS = ("pyproject.toml", "engine/pyproject.toml", "constraints.txt", "engine/src/pgassay/__init__.py")


def main() -> int:
    if sys.version_info < (3, 11):
        print(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        print("To fix this, install one and run: make PYTHON=python3.12 …", file=sys.stderr)
        return 2
    if is_current():  # asked without the lock: a read-only checkout has no place for one
        return 0
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_current():
            return 0
        print("Setting up .venv …", file=sys.stderr)
        if VENV.is_symlink():  # venv would empty what it points to, such as another checkout's
            VENV.unlink()
        venv.create(VENV, with_pip=True, clear=True)
        if code := install():
            print(
                "To fix this, see what pip says above; .venv is made anew at the next try.", file=sys.stderr
            )
            return code
        STAMP.write_text(fingerprint())
    return 0


def is_current() -> bool:
    return STAMP.is_file() and STAMP.read_text() == fingerprint()


def fingerprint() -> str:
    """What .venv depends on: the interpreter, where the project lies, and INPUTS."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def install() -> int:
    # The path may have spaces, which PIP_CONSTRAINT splits at; from the root a relative name has none.
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", "constraints.txt", "--editable", "./engine[dev]"]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    return 2 if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode else 0


if __name__ == "__main__":
    sys.exit(main())
