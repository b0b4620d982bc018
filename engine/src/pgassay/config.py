"""Read `[tool.pgassay]` of a pyproject.toml into one frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from pgassay.errors import ConfigError
from pgassay.supabase.environments import environment_files
from pgassay.toml import decode, read_toml

_LONGEST_TIMEOUT = 2_147_483  # PostgreSQL counts milliseconds in 32 bits

Text = Annotated[str, Meta(min_length=1)]
_PATTERNS: Any = str | tuple[str, ...]


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
    `major_version` is the PostgreSQL that the platform's own file names: the server "auto" is that one where
    it is here, else the embedded one.
    `exposed` are the schemas that the API serves, where they are not those of the environment.
    `blind` are suites that load the schema from its file, and see no mutant; `mutants` lists equivalent ones.
    `notes` are for people: what was assumed.
    """

    root: Path = Path()
    schema: tuple[Path, ...] = ()
    companions: tuple[Path, ...] = ()
    environment: tuple[Path, ...] = ()
    world: Path | None = None
    suites: tuple[Path, ...] = ()
    pgtap: tuple[Path, ...] = ()
    lint: tuple[Path, ...] = ()
    server: Text = "auto"
    major_version: int | None = None
    owner: Text = "postgres"
    statement_timeout: Annotated[int, Meta(ge=1, le=_LONGEST_TIMEOUT)] = 30
    personas: Mapping[str, PersonaConfig] = field(default_factory=dict)
    baseline: Path | None = None
    uncovered: Path | None = None
    schedules: tuple[Path, ...] = ()
    rows: Mapping[str, Text] = field(default_factory=dict)
    plans: tuple[Path, ...] = ()
    load: Path | None = None
    exposed: tuple[Text, ...] = ()
    blind: tuple[Path, ...] = ()
    mutants: Path | None = None
    notes: tuple[str, ...] = ()


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
    path = root / "pyproject.toml"
    where = f"[tool.pgassay] of {path}"
    given = _read_table(path) or {}
    values = {name: _read(root, name, value, where) for name, value in given.items()}
    return replace(decode(values, Config, where=where, without=("root", "notes")), root=root)


def _read(root: Path, name: str, value: object, where: str) -> object:
    """A value as the field of its name has it, as far as it names files or is made of others."""
    kind = {key.name: key.type for key in fields(Config)}.get(name)
    if kind == "tuple[Path, ...]":
        return _expand(root, name, value, where)
    if name in ("world", "load"):
        return _single(name, _expand(root, name, value, where))
    if kind == "Path | None":
        return root / decode(value, Text, where=f"{name} in {where}")
    if name == "personas":
        personas = decode(value, dict[str, dict[str, Any]], where=f"{name} in {where}")
        return {persona: _read_persona(persona, claims) for persona, claims in personas.items()}
    if name == "rows" and isinstance(value, dict):
        return {
            table: decode(text, Text, where=f"rows.{table} in [tool.pgassay]")
            for table, text in value.items()
        }
    return value


def _read_table(path: Path) -> dict[str, Any] | None:
    try:
        if not path.is_file():
            return None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}", fixes=("let it be read",)) from error
    tool = decode(read_toml(path).get("tool", {}), dict[str, Any], where=f"[tool] of {path}")
    if "pgassay" not in tool:
        return None
    return decode(tool["pgassay"], dict[str, Any], where=f"[tool.pgassay] of {path}")


def _single(name: str, files: tuple[Path, ...]) -> Path:
    if len(files) != 1:
        raise ConfigError(
            f"{name} in [tool.pgassay] must name one file, not {len(files)}",
            fixes=("name one file", "leave it out"),
        )
    return files[0]


def _read_persona(name: str, claims: dict[str, Any]) -> dict[str, Any]:
    where = f"personas.{name} in [tool.pgassay]"
    if "role" not in claims:
        raise ConfigError(f"{where} has no role", fixes=('add role = "authenticated" or another role',))
    role = decode(claims["role"], Text, where=f"role of {where}")
    return {"role": role, "claims": {key: claims[key] for key in claims if key != "role"}}


def _expand(root: Path, name: str, value: object, where: str) -> tuple[Path, ...]:
    """Paths and glob patterns relative to root, patterns in sorted order; environments by their name."""
    patterns = decode(value, _PATTERNS, where=f"{name} in {where}")
    found: list[Path] = []
    for text in [patterns] if isinstance(patterns, str) else patterns:
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
