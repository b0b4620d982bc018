"""sqlfluff over the project's SQL files: only over what changed since it was last linted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pgassay.config import Config
from pgassay.errors import CannotJudgeError, Place
from pgassay.render.text import counted
from pgassay.server.fetch import cache_directory
from pgassay.verdict import Finding, Stage, Status

_EXTENSIONS = (".sql", ".sql.j2", ".dml", ".ddl")  # sqlfluff's own
# What sqlfluff reads in the folder of a file and in those above; in pyproject.toml it is one table.
_INI_FILES = ("pep8.ini", "setup.cfg", "tox.ini")
_RULES = (".sqlfluff", ".sqlfluffignore", *_INI_FILES)
_KEPT = 2000  # files; a record takes some 100 bytes

Fault = tuple[str, str, int]  # code, description, line


def lint(config: Config, *, asked: bool = False) -> Stage:
    """Lint the schema, its companions and what `lint` names. Raises CannotJudgeError when sqlfluff fails.

    Only where the project has rules of sqlfluff or files to `lint`, or where somebody `asked`.
    """
    paths = (*config.schema, *config.companions, *config.lint)
    if not (asked or config.lint or has_rules(config.root)):
        return Stage(name="lint", status=Status.SKIPPED, detail="no configuration of sqlfluff")
    findings = tuple(lint_files(paths, root=config.root))
    status = Status.PROBLEM if findings else Status.GOOD
    files = sum(1 for _ in _sql_files(paths))
    return Stage(name="lint", status=status, detail=_summary(files, len(findings)), findings=findings)


def lint_files(paths: tuple[Path, ...], *, root: Path) -> Iterator[Finding]:
    """What sqlfluff finds in files and folders, with the rules of the project in `root`."""
    rules = _rules_of_all(root)
    keys = {file: _key(file, rules) for file in _sql_files(paths)}
    known = _read_known()
    if waiting := [file for file, key in keys.items() if key not in known]:
        known |= {keys[file]: faults for file, faults in _run(waiting, root=root).items()}
        _keep(known, keys.values())
    for file, key in keys.items():
        for code, description, line in known[key]:
            yield Finding(rule=f"lint.{code}", message=description, place=Place(file=file, line=line))


def has_rules(root: Path) -> bool:
    """Whether the project configures sqlfluff: in .sqlfluff, pyproject.toml or an INI file."""
    if (root / ".sqlfluff").is_file() or _table_of(root / "pyproject.toml"):
        return True
    texts = [(root / name).read_text("utf-8") for name in _INI_FILES if (root / name).is_file()]
    return any("[sqlfluff" in text for text in texts)


def _run(files: list[Path], *, root: Path) -> Mapping[Path, list[Fault]]:
    command = [sys.executable, "-P", "-m", "sqlfluff", "lint", "--format", "json", "--disable-progress-bar"]
    # A comment in a file may configure sqlfluff's default templater to import modules and to read any file.
    command += ["--templater", "raw", "--library-path", "none"]
    processes = min(os.cpu_count() or 1, len(files))
    command += ["--processes", str(processes), *_configuration(root), "--", *map(str, files)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    try:
        reports: list[dict[str, Any]] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise CannotJudgeError(
            "sqlfluff could not lint.", why=done.stderr.strip()[-2000:] or f"It exited {done.returncode}."
        ) from error
    # A file that .sqlfluffignore names has no report.
    found: dict[Path, list[Fault]] = {file: [] for file in files}
    names = {os.path.normpath(root / file): file for file in files}
    for report in reports:
        faults = [(v["code"], v["description"], v["start_line_no"]) for v in report["violations"]]
        found[names[os.path.normpath(root / report["filepath"])]] = faults
    return found


def _configuration(root: Path) -> list[str]:
    """The project's own rules also for files that lie elsewhere; the dialect alone where it has none."""
    if (root / ".sqlfluff").is_file():
        return ["--config", str(root / ".sqlfluff")]
    if _table_of(root / "pyproject.toml"):
        return ["--config", str(root / "pyproject.toml")]
    return ["--dialect", "postgres"]


def _rules_of_all(root: Path) -> str:
    """What a verdict on any file depends on: sqlfluff and its plugins, the rules of project and user."""
    plugins = entry_points(group="sqlfluff")
    versions = sorted({f"{plugin.dist.name} {plugin.dist.version}" for plugin in plugins if plugin.dist})
    folders = (root, Path.home(), Path.home() / ".config" / "sqlfluff")
    return json.dumps([versions, _configuration(root), *map(_rules_in, folders)])


def _key(file: Path, rules: str) -> str:
    """A hash of a file's text and of all that decides what sqlfluff says of it."""
    nested = "".join(map(_rules_in, file.parents))
    try:
        return sha256(f"{rules}\0{nested}\0".encode() + file.read_bytes()).hexdigest()
    except OSError as error:
        raise CannotJudgeError(f"Cannot lint {file}: {error.strerror}.") from error


def _rules_in(folder: Path) -> str:
    texts = {name: (folder / name).read_text("utf-8") for name in _RULES if (folder / name).is_file()}
    table = _table_of(folder / "pyproject.toml")
    return f"{texts}{table}" if texts or table else ""


def _table_of(pyproject: Path) -> Any:  # noqa: ANN401 - whatever TOML has there
    """`[tool.sqlfluff]` of a file; {} where it has none, or is none."""
    with suppress(OSError, tomllib.TOMLDecodeError):
        return tomllib.loads(pyproject.read_text("utf-8")).get("tool", {}).get("sqlfluff", {})
    return {}


def _read_known() -> dict[str, list[Fault]]:
    """What earlier runs found, by key. A cache that cannot be read is empty."""
    with suppress(OSError, ValueError, CannotJudgeError):
        known: dict[str, list[Fault]] = json.loads((cache_directory() / "lint.json").read_text("utf-8"))
        return known
    return {}


def _keep(known: Mapping[str, list[Fault]], used: Iterable[str]) -> None:
    """Keep what was found, the files of this run last. Two runs at a time: one of them lints again."""
    now = {key: known[key] for key in used}
    ordered = {key: faults for key, faults in known.items() if key not in now} | now
    with suppress(OSError, CannotJudgeError):
        target = cache_directory() / "lint.json"
        draft = target.with_name(f"lint.json.{os.getpid()}")
        draft.write_text(json.dumps(dict([*ordered.items()][-_KEPT:])), encoding="utf-8")
        draft.replace(target)


def _sql_files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.name.lower().endswith(_EXTENSIONS))
        else:
            yield path


def _summary(files: int, findings: int) -> str:
    return counted(files, "file") + (f", {counted(findings, 'finding')}" if findings else "")
