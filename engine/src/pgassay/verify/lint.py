"""sqlfluff over the schema and the project's other SQL files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pgassay.config import Config
from pgassay.errors import CannotJudgeError
from pgassay.verdict import Finding, Stage, Status


def lint(config: Config) -> Stage:
    """Lint the schema, its companions and what `lint` names. Raises CannotJudgeError when sqlfluff fails."""
    paths = (*config.schema, *config.companions, *config.lint)
    findings = tuple(lint_files(paths, root=config.root))
    status = Status.PROBLEM if findings else Status.GOOD
    files = sum(1 for _ in _sql_files(paths))
    return Stage(name="lint", status=status, detail=_summary(files, len(findings)), findings=findings)


def lint_files(paths: tuple[Path, ...], *, root: Path) -> Iterator[Finding]:
    """What sqlfluff finds in files and folders, with the rules of the project in `root`."""
    command = [sys.executable, "-P", "-m", "sqlfluff", "lint", "--format", "json", "--disable-progress-bar"]
    # A comment in a file may configure sqlfluff's default templater to import modules and to read any file.
    command += ["--templater", "raw", "--library-path", "none"]
    command += ["--processes", str(os.cpu_count() or 1), *_configuration(root), "--", *map(str, paths)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    try:
        reports: list[dict[str, Any]] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise CannotJudgeError(
            "sqlfluff could not lint.", why=done.stderr.strip()[-2000:] or f"It exited {done.returncode}."
        ) from error
    for report in reports:
        for violation in report["violations"]:
            yield _finding(root / report["filepath"], violation)


def _configuration(root: Path) -> list[str]:
    """The project's own rules also for files that lie elsewhere; the dialect alone where it has none."""
    if (root / ".sqlfluff").is_file():
        return ["--config", str(root / ".sqlfluff")]
    pyproject = root / "pyproject.toml"
    if pyproject.is_file() and "[tool.sqlfluff" in pyproject.read_text(encoding="utf-8"):
        return ["--config", str(pyproject)]
    return ["--dialect", "postgres"]


def _finding(file: Path, violation: dict[str, Any]) -> Finding:
    rule = f"lint.{violation['code']}"
    return Finding(rule=rule, message=violation["description"], file=file, line=violation["start_line_no"])


def _sql_files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        yield from path.rglob("*.sql") if path.is_dir() else [path]


def _summary(files: int, findings: int) -> str:
    return f"{files} {'file' if files == 1 else 'files'}" + (f", {findings} findings" if findings else "")
