"""Read `[tool.pgassay]` of a pyproject.toml into one frozen value."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pgassay.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PersonaConfig:
    """Who a request comes from: a database role and the claims of its token."""

    role: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is under test and how. Paths are absolute; `statement_timeout` is in seconds.

    `environment` runs first, as superuser; then `schema`, its `companions` and the `world`, as `owner`.
    """

    root: Path
    schema: tuple[Path, ...] = ()
    companions: tuple[Path, ...] = ()
    environment: tuple[Path, ...] = ()
    world: Path | None = None
    suites: tuple[Path, ...] = ()
    pgtap: tuple[Path, ...] = ()
    lint: tuple[Path, ...] = ()
    server: str = "embedded"
    owner: str = "postgres"
    statement_timeout: int = 30
    personas: Mapping[str, PersonaConfig] = field(default_factory=dict)


_PATH_LISTS = ("schema", "companions", "environment", "suites", "pgtap", "lint")


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose pyproject.toml has a `[tool.pgassay]`; else `start`."""
    for folder in (start, *start.parents):
        if _read_table(folder / "pyproject.toml") is not None:
            return folder
    return start


def load_config(root: Path) -> Config:
    """Read the configuration of the project in `root`; defaults where it has none.

    Raises ConfigError for an unknown key, a wrong type, a pattern that matches nothing or a missing file.
    """
    table = _read_table(root / "pyproject.toml") or {}
    known = {f.name for f in fields(Config)} - {"root"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigError(
            f"Unknown key in [tool.pgassay]: {', '.join(unknown)}",
            why=f"Read from {root / 'pyproject.toml'}",
            fixes=(f"use one of: {', '.join(sorted(known))}",),
        )
    values: dict[str, Any] = {name: _expand(root, name, table[name]) for name in _PATH_LISTS if name in table}
    if "world" in table:
        values["world"] = _expand(root, "world", table["world"])[0]
    for name, kind in (("server", str), ("owner", str), ("statement_timeout", int)):
        if name in table:
            values[name] = _typed(name, table[name], kind)
    if "personas" in table:
        values["personas"] = {
            name: _read_persona(name, spec)
            for name, spec in _typed("personas", table["personas"], dict).items()
        }
    return Config(root=root, **values)


def _read_table(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}", fixes=("correct the file",)) from error
    table = document.get("tool", {}).get("pgassay")
    return None if table is None else _typed("[tool.pgassay]", table, dict)


def _typed(name: str, value: Any, kind: type) -> Any:  # noqa: ANN401
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(
            f"{name} must be a {kind.__name__}, not {value!r}", fixes=("correct [tool.pgassay]",)
        )
    return value


def _read_persona(name: str, spec: object) -> PersonaConfig:
    table = dict(_typed(f"personas.{name}", spec, dict))
    if "role" not in table:
        raise ConfigError(
            f"personas.{name} has no role", fixes=('add role = "authenticated" or another role',)
        )
    return PersonaConfig(role=_typed(f"personas.{name}.role", table.pop("role"), str), claims=table)


def _expand(root: Path, name: str, value: object) -> tuple[Path, ...]:
    """Paths and glob patterns relative to root, patterns in sorted order."""
    patterns = [value] if isinstance(value, str) else _typed(name, value, list)
    found: list[Path] = []
    for pattern in patterns:
        text = _typed(name, pattern, str)
        matches = sorted(root.glob(text)) if any(c in text for c in "*?[") else [root / text]
        if not matches or not all(path.exists() for path in matches):
            raise ConfigError(
                f"{name} in [tool.pgassay] names {text!r}, and there is no such file below {root}",
                fixes=("correct the name in pyproject.toml",),
            )
        found.extend(matches)
    return tuple(found)
