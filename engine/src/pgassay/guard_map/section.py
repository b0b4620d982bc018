"""The guard map as a section of a page: by kind, what is unguarded first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from pgassay.guard_map.sheet import Guard, GuardSheet

_ENDINGS = {"policy": "policies", "index": "indexes"}


@dataclass(frozen=True, kw_only=True)
class Group:
    """All objects of a kind; `kind` is a heading."""

    kind: str
    guards: tuple[Guard, ...]

    @property
    def unguarded(self) -> int:
        return sum(not guard.is_guarded for guard in self.guards)


@dataclass(frozen=True, kw_only=True)
class Section:
    """What the template guards.html shows."""

    groups: tuple[Group, ...]
    is_current: bool

    @property
    def total(self) -> int:
        return sum(len(group.guards) for group in self.groups)

    @property
    def guarded(self) -> int:
        return self.total - sum(group.unguarded for group in self.groups)


def make_section(sheet: GuardSheet) -> Section:
    """Groups in the order of their kinds, those with something unguarded first."""
    by_kind = groupby(sorted(sheet.guards, key=_place), key=lambda guard: guard.target.kind)
    groups = [Group(kind=_heading(kind), guards=tuple(some)) for kind, some in by_kind]
    return Section(groups=tuple(sorted(groups, key=lambda g: g.unguarded == 0)), is_current=sheet.is_current)


def _place(guard: Guard) -> tuple[str, bool, str, str]:
    target = guard.target
    return target.kind, guard.is_guarded, target.object, target.name


def _heading(kind: str) -> str:
    word, _, rest = kind.partition(" ")
    return f"{_ENDINGS.get(word, f'{word}s').capitalize()} {rest}".strip()
