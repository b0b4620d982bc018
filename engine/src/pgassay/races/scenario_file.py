"""Read scenarios from TOML files: docs/races.md describes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgassay.errors import ConfigError
from pgassay.observation import Persona
from pgassay.races.model import ENDINGS, Expectation, Isolation, Kind, Scenario, SessionScript

SHARED = "invariants.toml"
"""The file whose invariants hold for every scenario in its folder."""

OWNER = "owner"
_KEYS = {
    "shows", "isolation", "setup", "sessions", "invariants", "observe", "outcomes", "retries", "inside",
}  # fmt: skip
_SESSION_KEYS = {"persona", "role", "steps", "requests", "end", "settings"}


def read_scenarios(paths: Sequence[Path], personas: Mapping[str, Persona]) -> tuple[Scenario, ...]:
    """All scenarios in files and folders, one for each isolation level that a file names.

    Its name is that of its file, and of the level where there are several: `queue-twice@serializable`.
    Raises ConfigError for a file that is no scenario.
    """
    return tuple(
        scenario for path in paths for file in _files(path) for scenario in read_scenario(file, personas)
    )


def read_scenario(path: Path, personas: Mapping[str, Persona]) -> tuple[Scenario, ...]:
    """The scenarios of one file."""
    table = _Table(path, "", _load(path))
    table.allow(_KEYS)
    shared = path.with_name(SHARED)
    common = _Table(shared, "", _load(shared)).texts("invariants") if shared.is_file() else {}
    names = table.list("isolation", default=["read committed"])
    levels = [Isolation(table.choice(name, [level.value for level in Isolation])) for name in names]
    scenario = Scenario(
        name=path.stem,
        shows=table.text("shows"),
        setup=table.text("setup"),
        sessions=tuple(_session(one, personas) for one in table.tables("sessions")),
        invariants=common | table.texts("invariants"),
        observe=table.text("observe"),
        expected=tuple(_expectation(table, one) for one in table.list("outcomes", default=[])),
        retries=table.number("retries"),
        inside=table.flag("inside"),
        file=path,
    )
    if not scenario.sessions:
        raise table.error("it has no [sessions.NAME]")
    suffixes = [f"@{level.value.replace(' ', '-')}" if len(levels) > 1 else "" for level in levels]
    return tuple(
        replace(scenario, name=scenario.name + suffix, isolation=level)
        for level, suffix in zip(levels, suffixes, strict=True)
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for file in sorted(path.glob("*.toml")) if file.name != SHARED]


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}", fixes=("let it be read",)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}", fixes=("correct the file",)) from error


def _session(table: _Table, personas: Mapping[str, Persona]) -> SessionScript:
    table.allow(_SESSION_KEYS)
    persona, role = table.text("persona"), table.text("role")
    if bool(persona) == bool(role):
        raise table.error(
            f'it needs either a persona ("{OWNER}" is the schema\'s owner) or a role to log in as'
        )
    if persona not in ("", OWNER, *personas):
        raise table.error(f"there is no persona {persona!r} in [tool.pgassay.personas]")
    return SessionScript(
        name=table.name,
        persona=personas.get(persona),
        role=role or None,
        requests=_requests(table),
        end=Kind(table.choice(table.text("end") or Kind.COMMIT.value, [kind.value for kind in ENDINGS])),
        settings=table.texts("settings"),
    )


def _requests(table: _Table) -> tuple[tuple[str, ...], ...]:
    requests = table.list("requests", default=[]) or [table.list("steps", default=[])]
    found = tuple(
        tuple(str(step) for step in request) if isinstance(request, list) else () for request in requests
    )
    if not all(found) or not all(step.strip() for request in found for step in request):
        raise table.error("it needs steps: a list of statements; or requests: a list of such lists")
    return found


def _expectation(table: _Table, values: object) -> Expectation:
    if not isinstance(values, dict):
        raise table.error("each of [[outcomes]] must be a table")
    return Expectation(values={name: _plain(value) for name, value in values.items()})


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Table:
    """A table of a file whose values are read with their types checked."""

    def __init__(self, file: Path, name: str, values: Mapping[str, Any]) -> None:
        self.file = file
        self.name = name
        self._values = values

    def error(self, why: str) -> ConfigError:
        part = f", session {self.name}" if self.name else ""
        return ConfigError(f"{self.file}{part}: {why}", fixes=("see docs/races.md",))

    def allow(self, known: set[str]) -> None:
        if unknown := sorted(set(self._values) - known):
            raise self.error(f"unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}")

    def text(self, key: str) -> str:
        return str(self._typed(key, default="", kind=str))

    def number(self, key: str) -> int:
        return int(self._typed(key, default=0, kind=int))

    def flag(self, key: str) -> bool:
        return bool(self._typed(key, default=False, kind=bool))

    def list(self, key: str, *, default: list[Any]) -> list[Any]:
        return list(self._typed(key, default=default, kind=list))

    def texts(self, key: str) -> dict[str, str]:
        return {name: str(text) for name, text in self._typed(key, default={}, kind=dict).items()}

    def tables(self, key: str) -> Iterator[_Table]:
        for name, values in self._typed(key, default={}, kind=dict).items():
            if not isinstance(values, dict):
                raise self.error(f"{key}.{name} must be a table")
            yield _Table(self.file, name, values)

    def choice(self, value: object, allowed: Sequence[str]) -> str:
        if value not in allowed:
            raise self.error(f"{value!r} is none of {', '.join(allowed)}")
        return str(value)

    def _typed(self, key: str, *, default: object, kind: type) -> Any:  # noqa: ANN401
        value = self._values.get(key, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(f"{key} must be a {kind.__name__}, not {value!r}")
        return value
