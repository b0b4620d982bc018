"""Build sdist and wheel, and try them as a stranger gets them; `make release` calls it.

    python tools/release.py FOLDER [CONSTRAINTS]

twine checks both. The wheel, which is built from the sdist, goes into an empty environment of each Python
from 3.11 to 3.14 that this machine has, and is run by uvx and pipx; everywhere it audits a small project.
Exit 1: something of it failed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ENGINE = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
TOOLS = ("twine>=7", "uv>=0.13", "pipx>=1.18")
FINDS = 'rows of others in public.notes: "sync" lets every row through'


class StepError(Exception):
    """What failed, and its output."""


def main(folder: Path, constraints: Path | None) -> int:
    """Build, check, try; say what was tried."""
    shutil.rmtree(folder, ignore_errors=True)
    sdist, wheel = build(folder)
    tell(f"built {sdist.name} and {wheel.name}")
    pins = ["--constraint", str(constraints)] if constraints else []
    with TemporaryDirectory(prefix="pgassay-") as scratch:
        tools = make_environment(Path(sys.executable), Path(scratch) / "tools", [*pins, *TOOLS])
        run(tools / "twine", "check", "--strict", sdist, wheel)
        tell("twine finds nothing to complain about")
        project = write_project(Path(scratch) / "project")
        for version in VERSIONS:
            if python := find_python(version):
                bin_dir = make_environment(python, Path(scratch) / version, [*pins, str(wheel)])
                run(bin_dir / "python", "-m", "pip", "check")
                audit(project, bin_dir / "pgassay")
                tell(f"Python {version}: installed into an empty environment, audits")
            else:
                tell(f"Python {version}: NOT TRIED, this machine has none")
        python = sys.executable
        audit(project, tools / "uvx", "--python", python, "--from", wheel, "pgassay")
        tell("uvx: runs it from the wheel")
        audit(project, tools / "pipx", "run", "--python", python, "--spec", wheel, "pgassay")
        tell("pipx run: runs it from the wheel")
    return 0


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is made of nothing else."""
    [sdist] = SdistBuilder(str(ENGINE)).build(directory=str(folder), versions=["standard"])
    with TemporaryDirectory(prefix="pgassay-") as unpacked, tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
        [source] = Path(unpacked).iterdir()
        [wheel] = WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"])
    return Path(sdist), Path(wheel)


def write_project(folder: Path) -> Path:
    """The example of the README, as a project."""
    text = (ENGINE / "README.md").read_text(encoding="utf-8")
    [schema] = re.findall(r"^```sql\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    folder.mkdir()
    (folder / "notes.sql").write_text(schema, encoding="utf-8")
    return folder


def find_python(version: str) -> Path | None:
    """An interpreter of this version that starts, on PATH or among pyenv's."""
    return next(filter(starts, candidates(version)), None)


def candidates(version: str) -> Iterator[Path]:
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(root.glob(f"versions/{version}.*/bin/python{version}"))


def starts(python: Path) -> bool:
    command = [python, "-c", "import ensurepip, venv"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def make_environment(python: Path, folder: Path, packages: list[str]) -> Path:
    """The programs of a new environment with these packages."""
    run(python, "-m", "venv", folder)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages)
    return folder / "bin"


def audit(project: Path, *command: Path | str) -> None:
    """Ask for the version and audit, with nothing of this environment. Raises StepError."""
    run(*command, "--version", cwd=project)
    said = run(*command, "audit", "notes.sql", cwd=project, code=1)
    if FINDS not in " ".join(said.split()):
        raise StepError(f"{command[0]}: the finding is missing in\n{said}")


def run(*command: Path | str, cwd: Path | None = None, code: int = 0) -> str:
    """What a command says. Raises StepError where it ends otherwise."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PGASSAY_SERVER", "PIP_CONSTRAINT")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != code:
        words = " ".join(map(str, command))
        raise StepError(f"{words}\nexit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
    return done.stdout


def tell(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute() if sys.argv[2:] else None))
    except StepError as error:
        sys.exit(f"{error}")
