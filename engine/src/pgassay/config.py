"""A project's configuration as one frozen value.

It is the file pgassay.toml or `[tool.pgassay]` of pyproject.toml; what neither says comes from the Supabase
project in the same folder, and from the platform.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from pgassay.errors import ConfigError
from pgassay.supabase.environments import environment_files
from pgassay.supabase.project import is_supabase_project, read_supabase_project
from pgassay.supabase.settings_file import Bucket
from pgassay.toml import decode, read_toml

_LONGEST_TIMEOUT = 2_147_483  # PostgreSQL counts milliseconds in 32 bits

Text = Annotated[str, Meta(min_length=1)]
_PATTERNS: Any = str | tuple[str, ...]
_PATTERN = "*?["
_PLATFORM = "supabase"
NEVER_GIVEN = ("root", "notes")
AUTO_WORLD = "auto"
"""No file of rows: all are made."""
_OPEN = (
    "Nobody said whether API roles are given the new tables of public: they are, as in older projects. "
    "To say so, set expose_new_tables in pgassay.toml or auto_expose_new_tables of [api] in "
    "supabase/config.toml."
)


@dataclass(frozen=True, kw_only=True)
class PersonaConfig:
    """Who a request comes from: a database role and the claims of its token."""

    role: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is under test and how. Paths are absolute; `pgassay.config_keys` says what each key means.

    `statement_timeout` is in seconds. `baseline` and `uncovered` need not be there. `expose_new_tables` and
    `anonymous_sign_ins` are None where nobody said. `notes` are what a person should know of how the files
    were found, and of what was assumed.
    """

    root: Path = Path()
    schema: tuple[Path, ...] = ()
    companions: tuple[Path, ...] = ()
    seeds: tuple[Path, ...] = ()
    environment: tuple[Path, ...] = ()
    world: Path | None = None
    fill_world: bool = False
    find_personas: bool = False
    effort: Annotated[int, Meta(ge=1, le=100)] = 1
    suites: tuple[Path, ...] = ()
    pgtap: tuple[Path, ...] = ()
    pgtap_database: Literal["file", "folder"] = "file"
    lint: tuple[Path, ...] = ()
    server: Text = "auto"
    major_version: int | None = None
    owner: Text = "postgres"
    statement_timeout: Annotated[int, Meta(ge=1, le=_LONGEST_TIMEOUT)] = 120  # as the platform's owner has
    personas: Mapping[str, PersonaConfig] = field(default_factory=dict)
    baseline: Path | None = None
    uncovered: Path | None = None
    schedules: tuple[Path, ...] = ()
    rows: Mapping[str, Text] = field(default_factory=dict)
    plans: tuple[Path, ...] = ()
    load: Path | None = None
    exposed: tuple[Text, ...] = ()
    search_path: tuple[Text, ...] = ()
    expose_new_tables: bool | None = None
    anonymous_sign_ins: bool | None = None
    hooks: Mapping[str, Text] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    blind: tuple[Path, ...] = ()
    mutants: Path | None = None
    notes: tuple[str, ...] = ()


# Who tries everything where a project of the platform names nobody.
DEFAULT_PERSONAS: dict[str, PersonaConfig] = {
    "anon": PersonaConfig(role="anon"),
    "alice": PersonaConfig(
        role="authenticated",
        claims={"sub": "a11ce000-0000-4000-8000-000000000001", "email": "alice@example.com"},
    ),
    "bob": PersonaConfig(
        role="authenticated",
        claims={"sub": "b0b00000-0000-4000-8000-000000000002", "email": "bob@example.com"},
    ),
    "service": PersonaConfig(role="service_role"),
}
_GUEST = PersonaConfig(
    role="authenticated", claims={"sub": "9ce57000-0000-4000-8000-000000000003", "is_anonymous": True}
)


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What a project's people wrote, and where: `label` for a sentence, `where` with the path."""

    values: Mapping[str, Any] = field(default_factory=dict)
    label: str = "pgassay.toml"
    where: str = "pgassay.toml"


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` with a project in it (see `is_project`); else `start`."""
    return next((folder for folder in (start, *start.parents) if is_project(folder)), start)


def is_project(root: Path) -> bool:
    """Whether `root` is configured, or is a Supabase project. Raises ConfigError for a broken file."""
    return is_configured(root) or is_supabase_project(root)


def is_configured(root: Path) -> bool:
    """Whether `root` has a pgassay.toml or a `[tool.pgassay]`. Raises ConfigError for a broken file."""
    return _read_given(root) is not None


def load_config(root: Path, *, only: Collection[str] = (), makes_world: bool = False) -> Config:
    """Read the configuration of the project in `root`; `only` these keys of it, if any are named.

    The world need not be there where the caller `makes_world`.
    Raises ConfigError for an unknown key, a wrong type, a pattern that matches nothing or a missing file.
    """
    given = _read_given(root)
    defaults = _supabase_config(root) if is_supabase_project(root) else _plain_config(root)
    if given is None:
        return defaults
    values = {key: value for key, value in given.values.items() if not only or key in only}
    coming = {"world"} if makes_world else set[str]()
    typed = {
        name: (name in coming and _coming(root, value)) or _read(root, name, value, given)
        for name, value in values.items()
    }
    decoded = decode(typed, Config, where=given.where, without=NEVER_GIVEN)
    config = replace(defaults, **{name: getattr(decoded, name) for name in typed})
    if "personas" in typed:
        config = replace(config, find_personas=decoded.find_personas)
    if config.expose_new_tables is not None:
        config = replace(config, notes=tuple(note for note in config.notes if note != _OPEN))
    platform = environment_files(_PLATFORM)
    return config if set(platform) <= set(config.environment) else replace(config, personas=decoded.personas)


def _plain_config(root: Path) -> Config:
    """A project on the platform."""
    return Config(
        root=root,
        environment=environment_files(_PLATFORM),
        personas=DEFAULT_PERSONAS,
        fill_world=True,
        find_personas=True,
    )


def _supabase_config(root: Path) -> Config:
    """What the Supabase project in `root` says of itself."""
    project = read_supabase_project(root)
    settings = project.settings
    return replace(
        _plain_config(root),
        schema=project.schema,
        seeds=project.seeds,
        pgtap=tuple(folder for folder in [root / "supabase" / "tests"] if folder.is_dir()),
        pgtap_database="folder",
        exposed=settings.schemas,
        search_path=settings.search_path,
        major_version=settings.major_version,
        expose_new_tables=settings.expose_new_tables,
        personas=DEFAULT_PERSONAS | ({"guest": _GUEST} if settings.anonymous_sign_ins else {}),
        anonymous_sign_ins=settings.anonymous_sign_ins,
        hooks=settings.hooks,
        buckets=settings.buckets,
        notes=(*project.notes, *([_OPEN] if settings.expose_new_tables is None else [])),
    )


def _read(root: Path, name: str, value: object, given: _Given) -> object:
    """A value as the field of its name has it, as far as it names files or is made of others."""
    where = f"{name} in {given.where}"
    kind = {key.name: key.type for key in fields(Config)}.get(name)
    if kind == "tuple[Path, ...]":
        return _expand(root, name, value, given)
    if name in ("world", "load") and value != AUTO_WORLD:
        return _single(name, _expand(root, name, value, given), given)
    if kind == "Path | None" and name != "world":
        return root / decode(value, Text, where=where)
    if name == "personas":
        personas = decode(value, dict[str, dict[str, Any]], where=where)
        return {persona: _read_persona(persona, claims, given) for persona, claims in personas.items()}
    if name == "rows" and isinstance(value, dict):
        return {
            table: decode(text, Text, where=f"rows.{table} in {given.label}") for table, text in value.items()
        }
    if name == "buckets" and isinstance(value, dict):
        for bucket, settings in value.items():
            decode(settings, Bucket, where=f"buckets.{bucket} in {given.label}")
    return None if name == "world" else value


def _coming(root: Path, value: object) -> Path | None:
    """The path of a file that is not there yet, where `value` is a name and no pattern."""
    is_name = isinstance(value, str) and value and not any(c in value for c in _PATTERN)
    return root / str(value) if is_name and not _matches(root, str(value)) else None


def _read_given(root: Path) -> _Given | None:
    """A pgassay.toml, else the table of pyproject.toml; None where there is neither."""
    own = root / "pgassay.toml"
    if _is_file(own):
        return _Given(values=read_toml(own), where=str(own))
    path = root / "pyproject.toml"
    tool = (
        decode(read_toml(path).get("tool", {}), dict[str, Any], where=f"[tool] of {path}")
        if _is_file(path)
        else {}
    )
    if "pgassay" not in tool:
        return None
    where = f"[tool.pgassay] of {path}"
    return _Given(
        values=decode(tool["pgassay"], dict[str, Any], where=where), label="[tool.pgassay]", where=where
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path}: {error.strerror}", fixes=("let it be a file that this user may read",)
        ) from error


def _single(name: str, files: tuple[Path, ...], given: _Given) -> Path:
    if len(files) != 1:
        raise ConfigError(
            f"{name} in {given.label} must name one file, not {len(files)}",
            fixes=("name one file", "leave it out"),
        )
    return files[0]


def _read_persona(name: str, claims: dict[str, Any], given: _Given) -> dict[str, Any]:
    where = f"personas.{name} in {given.label}"
    if "role" not in claims:
        raise ConfigError(f"{where} has no role", fixes=('add role = "authenticated" or another role',))
    role = decode(claims["role"], Text, where=f"role of {where}")
    return {"role": role, "claims": {key: claims[key] for key in claims if key != "role"}}


def _expand(root: Path, name: str, value: object, given: _Given) -> tuple[Path, ...]:
    """Paths and glob patterns relative to root, patterns in sorted order; environments by their name."""
    patterns = decode(value, _PATTERNS, where=f"{name} in {given.where}")
    found: list[Path] = []
    for text in [patterns] if isinstance(patterns, str) else patterns:
        matches = (name == "environment" and environment_files(text)) or _matches(root, text)
        if not matches:
            raise ConfigError(
                f"{name} in {given.label} names {text!r}, and there is no such file below {root}",
                fixes=("correct the name there",),
            )
        found.extend(matches)
    return tuple(found)


def _matches(root: Path, text: str) -> Sequence[Path]:
    """Existing files for a name or a pattern, relative or absolute; none for what is no name at all."""
    try:
        if not any(c in text for c in _PATTERN):
            return [root / text] if (root / text).exists() else []
        anchor = Path(text).anchor
        return sorted(Path(anchor or root).glob(text.removeprefix(anchor)))
    except (OSError, ValueError):  # no permission, too long; a NUL, `**` beside other letters
        return []
