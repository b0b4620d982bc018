"""Read `[tool.pgassay]` of a pyproject.toml into one frozen value."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pgassay.errors import ConfigError
from pgassay.supabase.environments import environment_files


@dataclass(frozen=True, kw_only=True)
class PersonaConfig:
    """Who a request comes from: a database role and the claims of its token."""

    role: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is under test and how. Paths are absolute; `statement_timeout` is in seconds.

    `environment` runs first, as superuser: files, or a platform that the engine has (see `pgassay.supabase`);
    then `schema`, its `companions` and the `world`, as `owner`.
    `baseline` is the accepted access matrix, `uncovered` what no test need reach; neither file need be there.
    `rows` says whose the rows of a table are (table → path or expression) where foreign keys do not.
    `schedules` are scenarios of concurrent sessions, files or folders of them.
    `plans` holds plan contracts, `load` makes the rows that they are judged on.
    `exposed` are the schemas that the API serves, where they are not those of the environment.
    `blind` are suites that load the schema from its file, and see no mutant; `mutants` lists equivalent ones.
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
    baseline: Path | None = None
    uncovered: Path | None = None
    schedules: tuple[Path, ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict)
    plans: tuple[Path, ...] = ()
    load: Path | None = None
    exposed: tuple[str, ...] = ()
    blind: tuple[Path, ...] = ()
    mutants: Path | None = None


_PATH_LISTS = (
    "schema",
    "companions",
    "environment",
    "suites",
    "pgtap",
    "lint",
    "schedules",
    "plans",
    "blind",
)
_LONGEST_TIMEOUT = 2_147_483  # PostgreSQL counts milliseconds in 32 bits


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose pyproject.toml has a `[tool.pgassay]`; else `start`."""
    for folder in (start, *start.parents):
        if is_configured(folder):
            return folder
    return start


def is_configured(root: Path) -> bool:
    """Whether the pyproject.toml in `root` has a `[tool.pgassay]`. Raises ConfigError for a broken file."""
    return _read_table(root / "pyproject.toml") is not None


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
    values |= {name: _read_file(root, name, table[name]) for name in ("world", "load") if name in table}
    values |= {name: _filled(name, table[name]) for name in ("server", "owner") if name in table}
    if "statement_timeout" in table:
        values["statement_timeout"] = _read_timeout(table["statement_timeout"])
    if "personas" in table:
        values["personas"] = {
            name: _read_persona(name, spec)
            for name, spec in _typed("personas", table["personas"], dict).items()
        }
    files = (name for name in ("baseline", "uncovered", "mutants") if name in table)
    values |= {name: root / _filled(name, table[name]) for name in files}
    if "rows" in table:
        values["rows"] = {
            name: _filled(f"rows.{name}", text) for name, text in _typed("rows", table["rows"], dict).items()
        }
    if "exposed" in table:
        names = _typed("exposed", table["exposed"], list)
        values["exposed"] = tuple(_filled("exposed", name) for name in names)
    return Config(root=root, **values)


def _read_table(path: Path) -> dict[str, Any] | None:
    try:
        if not path.is_file():
            return None
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}", fixes=("let it be read",)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}", fixes=("correct the file",)) from error
    table = _typed("[tool]", document.get("tool", {}), dict).get("pgassay")
    return None if table is None else _typed("[tool.pgassay]", table, dict)


def _typed(name: str, value: Any, kind: type) -> Any:  # noqa: ANN401
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(
            f"{name} must be a {kind.__name__}, not {value!r}", fixes=("correct [tool.pgassay]",)
        )
    return value


def _filled(name: str, value: object) -> str:
    text: str = _typed(name, value, str)
    if not text:
        raise ConfigError(f"{name} must not be empty", fixes=("give it a value, or leave it out",))
    return text


def _read_timeout(value: object) -> int:
    seconds: int = _typed("statement_timeout", value, int)
    if not 1 <= seconds <= _LONGEST_TIMEOUT:
        raise ConfigError(
            f"statement_timeout must be from 1 to {_LONGEST_TIMEOUT} seconds, not {seconds}",
            fixes=("correct [tool.pgassay]",),
        )
    return seconds


def _read_file(root: Path, name: str, value: object) -> Path:
    files = _expand(root, name, value)
    if len(files) != 1:
        raise ConfigError(
            f"{name} in [tool.pgassay] must name one file, not {len(files)}",
            fixes=("name one file", "leave it out"),
        )
    return files[0]


def _read_persona(name: str, spec: object) -> PersonaConfig:
    table = dict(_typed(f"personas.{name}", spec, dict))
    if "role" not in table:
        raise ConfigError(
            f"personas.{name} has no role", fixes=('add role = "authenticated" or another role',)
        )
    return PersonaConfig(role=_filled(f"personas.{name}.role", table.pop("role")), claims=table)


def _expand(root: Path, name: str, value: object) -> tuple[Path, ...]:
    """Paths and glob patterns relative to root, patterns in sorted order; environments by their name."""
    patterns = [value] if isinstance(value, str) else _typed(name, value, list)
    found: list[Path] = []
    for pattern in patterns:
        text = _typed(name, pattern, str)
        matches = (name == "environment" and environment_files(text)) or _matches(root, text)
        if not matches:
            raise ConfigError(
                f"{name} in [tool.pgassay] names {text!r}, and there is no such file below {root}",
                fixes=("correct the name in pyproject.toml",),
            )
        found.extend(matches)
    return tuple(found)


def _matches(root: Path, text: str) -> Sequence[Path]:
    """Existing files for a name or a pattern, relative or absolute; none for what is no name at all."""
    try:
        if not any(c in text for c in "*?["):
            return [root / text] if (root / text).exists() else []
        anchor = Path(text).anchor
        return sorted(Path(anchor or root).glob(text.removeprefix(anchor)))
    except (OSError, ValueError):  # no permission, too long; a NUL, `**` beside other letters
        return []
