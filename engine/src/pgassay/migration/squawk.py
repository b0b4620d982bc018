"""What squawk, where it is installed, knows to be unsafe on a busy database."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgassay.database import Script
from pgassay.errors import CannotJudgeError, Place

ABSENT = "not looked for: squawk is not installed (pip install squawk-cli)"
_TASTE = "prefer-"  # rules of style, not of safety
_UNREAD = "syntax-error"  # the first tells enough: the others follow from it
_FOUND = 1
_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """One statement that can hurt others; `rule` is squawk's name for it."""

    rule: str
    message: str
    place: Place


def find_squawk() -> Path | None:
    """The program beside this Python, else on PATH."""
    beside = shutil.which("squawk", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("squawk")
    return Path(found) if found else None


def ask_squawk(program: Path, script: Script, *, version: int, transactional: bool) -> tuple[Hazard, ...]:
    """Lint a migration for a server_version_num. Raises CannotJudgeError when squawk itself fails."""
    command = [str(program), "--reporter=json", f"--pg-version={version // 10000}.0"]
    command += ["--assume-in-transaction"] if transactional else []
    done = subprocess.run(
        [*command, "--stdin-filepath", script.path.name],
        input=script.text,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode not in (0, _FOUND):
        raise CannotJudgeError(f"squawk failed on {script.path}.", why=done.stderr.strip())
    found = [one for one in json.loads(done.stdout) if not one["rule_name"].startswith(_TASTE)]
    unread = [one for one in found if one["rule_name"] == _UNREAD]
    return tuple(_hazard(script, one) for one in found if one not in unread[1:])


def _hazard(script: Script, one: dict[str, Any]) -> Hazard:
    message = ". ".join(part.strip().rstrip(".") for part in (one["message"], one["help"]) if part) + "."
    # Its lines and columns count from 0.
    place = Place(file=script.path, line=one["line"] + 1, column=one["column"] + 1)
    return Hazard(rule=one["rule_name"], message=message, place=place)
