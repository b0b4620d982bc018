"""Which tests guard what, as the last complete run over mutants found; kept in build/guards.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec

from pgassay.catalog.model import ObjectKey
from pgassay.config import Config

_ENDINGS = {"policy": "policies", "index": "indexes"}


@dataclass(frozen=True, kw_only=True)
class GuardedObject:
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


@dataclass(frozen=True, kw_only=True)
class Group:
    """All objects of a kind; `kind` is a heading."""

    kind: str
    guards: tuple[GuardedObject, ...]

    @property
    def unguarded(self) -> int:
        return sum(not guard.is_guarded for guard in self.guards)


@dataclass(frozen=True, kw_only=True)
class GuardSheet:
    """A guard map, and whether schema and suites are still those that it was made of."""

    guards: tuple[GuardedObject, ...]
    is_current: bool = True

    @property
    def guarded(self) -> int:
        return sum(guard.is_guarded for guard in self.guards)

    @property
    def groups(self) -> list[Group]:
        """In the order of their kinds, those with something unguarded first."""
        by_kind = groupby(sorted(self.guards, key=_place), key=lambda guard: guard.target.kind)
        groups = [Group(kind=_heading(kind), guards=tuple(some)) for kind, some in by_kind]
        return sorted(groups, key=lambda group: group.unguarded == 0)


def _place(guard: GuardedObject) -> tuple[str, bool, str, str]:
    target = guard.target
    return target.kind, guard.is_guarded, target.object, target.name


def _heading(kind: str) -> str:
    word, _, rest = kind.partition(" ")
    return f"{_ENDINGS.get(word, f'{word}s').capitalize()} {rest}".strip()


def guards_path(config: Config) -> Path:
    return config.root / "build" / "guards.json"


def save_guards(path: Path, guards: Sequence[GuardedObject], *, key: str) -> None:
    """Keep a guard map; `key` is the fingerprint of what it was made of."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.encode((key, guards)))


def load_guards(path: Path, *, key: str) -> GuardSheet | None:
    """The guard map of the last complete run; None where there was none."""
    try:
        made_of, guards = msgspec.json.decode(path.read_bytes(), type=tuple[str, tuple[GuardedObject, ...]])
    except (OSError, msgspec.DecodeError):
        return None
    return GuardSheet(guards=guards, is_current=made_of == key)
