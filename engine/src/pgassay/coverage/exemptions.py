"""Read the file of what may stay unseen."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pgassay.coverage.assessment import Exemption
from pgassay.errors import ConfigError

_KEYS = ("subject", "what", "reason")


def read_exemptions(path: Path | None) -> tuple[Exemption, ...]:
    """The entries `[[uncovered]]` of a TOML file; none where there is no file.

    Raises ConfigError for an entry without subject, what or reason.
    """
    if path is None or not path.exists():
        return ()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}", fixes=("correct the file",)) from error
    entries = document.pop("uncovered", [])
    if document:
        raise ConfigError(
            f"{path} has {', '.join(document)}, which says nothing.", fixes=("name each entry [[uncovered]]",)
        )
    return tuple(_read(path, entry) for entry in entries)


def _read(path: Path, entry: object) -> Exemption:
    texts = [entry.get(key) if isinstance(entry, dict) else None for key in _KEYS]
    match texts:
        case [str(subject), str(what), str(reason)] if subject and what and reason.strip():
            return Exemption(subject=subject, what=what, reason=reason)
    raise ConfigError(
        f"{path} has an entry that does not say what may stay unseen, and why: {entry!r}",
        fixes=("give each [[uncovered]] a subject, a what and a reason, as text",),
    )
