"""The guard map of the last complete run, kept in build/guards.json for pages of other commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pgassay.catalog.model import ObjectKey
from pgassay.config import Config


@dataclass(frozen=True, kw_only=True)
class GuardSheet:
    """A guard map, and whether schema and suites are still those that it was made of."""

    guards: tuple[Guard, ...]
    is_current: bool = True


def guards_path(config: Config) -> Path:
    return config.root / "build" / "guards.json"


def save_guards(path: Path, guards: Sequence[Guard], *, key: str) -> None:
    """Keep a guard map; `key` is the fingerprint of what it was made of."""
    path.parent.mkdir(exist_ok=True)
    entries = [asdict(guard) | {"target": list(guard.target)} for guard in guards]
    path.write_text(json.dumps({"key": key, "guards": entries}), encoding="utf-8")


def load_guards(path: Path, *, key: str) -> GuardSheet | None:
    """The guard map of the last complete run; None where there was none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        guards = tuple(_guard(**entry) for entry in document["guards"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return GuardSheet(guards=guards, is_current=document["key"] == key)


def _guard(*, target: list[str], killed: int, valid: int, tests: list[str]) -> Guard:
    return Guard(target=ObjectKey(*target), killed=killed, valid=valid, tests=tuple(tests))


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One object: how many of its valid mutants were killed, and by which tests, the busiest first.

    Each mutant counts for the test that noticed first; others may, too. Equivalent ones do not count.
    """

    target: ObjectKey
    killed: int
    valid: int
    tests: tuple[str, ...]

    @property
    def is_guarded(self) -> bool:
        return self.killed == self.valid
