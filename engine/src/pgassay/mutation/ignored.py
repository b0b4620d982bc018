"""The file of mutants that people found to be equivalent, each with a reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pgassay.errors import ConfigError


def read_ignored(path: Path | None) -> Mapping[str, str]:
    """Reasons by mutant; none without a file. Raises ConfigError for anything but entries with a reason.

    An entry is `[[equivalent]]` with `mutant`, an id, and `reason`.
    """
    if path is None or not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}", fixes=("correct the file",)) from error
    if unknown := sorted(set(document) - {"equivalent"}):
        raise ConfigError(f"{path} has an unknown key: {unknown[0]}", fixes=("write [[equivalent]] entries",))
    found: dict[str, str] = {}
    for number, entry in enumerate(document.get("equivalent", []), start=1):
        match entry:
            case {"mutant": str(mutant), "reason": str(reason)} if reason.strip() and len(entry) == 2:
                found[mutant] = reason
            case _:
                raise ConfigError(
                    f"Entry {number} of {path} must have a mutant and the reason why it is equivalent.",
                    why=f"It is {entry}.",
                    fixes=('write mutant = "…" and reason = "…"',),
                )
    return found
