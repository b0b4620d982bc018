"""What `supabase/config.toml` says, as far as a database can notice it.

The meaning of keys and their defaults is that of the Supabase CLI (its package `config`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta

from pgassay.errors import ConfigError
from pgassay.toml import decode, read_toml

_UNITS = "bkmgtp"

Version = Annotated[int, Meta(ge=12, le=99)]
Size = int | str
Names = tuple[str, ...] | str
"""A list, or its items in one text with commas between: the CLI's reader of TOML takes both."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket of storage. `file_size_limit` is in bytes; empty `allowed_mime_types` allow every type."""

    public: bool = False
    file_size_limit: int | None = None
    allowed_mime_types: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings. `hooks` are functions of the database by the hook's name: `schema.function`.

    `expose_new_tables` is None where the file does not say whether the API's roles get new tables,
    `anonymous_sign_ins` where there is no file.
    The patterns of `schema_paths` and `seeds` are relative to the folder of the file.
    """

    schemas: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    expose_new_tables: bool | None = None
    major_version: int | None = None
    migrates: bool = True
    schema_paths: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ("seed.sql",)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    anonymous_sign_ins: bool | None = None
    hooks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Api:
    schemas: Names = ()
    extra_search_path: Names = ()
    auto_expose_new_tables: bool | None = None


@dataclass(frozen=True, kw_only=True)
class _Migrations:
    enabled: bool = True
    schema_paths: Names = ()


@dataclass(frozen=True, kw_only=True)
class _Seed:
    enabled: bool = True
    sql_paths: Names = ("seed.sql",)


@dataclass(frozen=True, kw_only=True)
class _Database:
    major_version: Version | None = None
    migrations: _Migrations = field(default_factory=_Migrations)
    seed: _Seed = field(default_factory=_Seed)


@dataclass(frozen=True, kw_only=True)
class _Bucket:
    public: bool = False
    file_size_limit: Size | None = None
    allowed_mime_types: Names = ()


@dataclass(frozen=True, kw_only=True)
class _Storage:
    file_size_limit: Size | None = None
    buckets: dict[str, _Bucket] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Hook:
    enabled: bool = False
    uri: str = ""


@dataclass(frozen=True, kw_only=True)
class _Auth:
    enable_anonymous_sign_ins: bool = False
    hook: dict[str, _Hook] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Document:
    """The tables that matter here; those of `[remotes]` are about other projects."""

    api: _Api = field(default_factory=_Api)
    db: _Database = field(default_factory=_Database)
    storage: _Storage = field(default_factory=_Storage)
    auth: _Auth = field(default_factory=_Auth)


def read_settings(path: Path) -> Settings:
    """Read a config.toml; the CLI's defaults where there is none.

    Raises ConfigError, which names the place, for a file that is not TOML and for a value of another type.
    """
    if not path.is_file():
        return Settings()
    document = decode(_with_environment(read_toml(path)), _Document, where=str(path), loose=True)
    to_bytes = partial(_bytes, path)
    return Settings(
        schemas=_named(document.api.schemas),
        search_path=_named(document.api.extra_search_path),
        expose_new_tables=document.api.auto_expose_new_tables,
        major_version=document.db.major_version,
        migrates=document.db.migrations.enabled,
        schema_paths=_listed(document.db.migrations.schema_paths),
        seeds=_listed(document.db.seed.sql_paths) if document.db.seed.enabled else (),
        buckets={
            name.lower(): Bucket(  # the CLI's reader of TOML knows no upper case in keys
                public=bucket.public,
                file_size_limit=to_bytes(bucket.file_size_limit or document.storage.file_size_limit),
                allowed_mime_types=_listed(bucket.allowed_mime_types),
            )
            for name, bucket in document.storage.buckets.items()
        },
        anonymous_sign_ins=document.auth.enable_anonymous_sign_ins,
        hooks=dict(_functions(document.auth.hook)),
    )


def _named(names: Names) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in _listed(names) if name.strip()))


def _listed(names: Names) -> tuple[str, ...]:
    return tuple(filter(None, names.split(","))) if isinstance(names, str) else names


def _with_environment(value: Any) -> Any:  # noqa: ANN401 - whatever TOML has
    """A value with `env(NAME)` replaced by that variable; a key whose variable is unset is left out."""
    if isinstance(value, dict):
        resolved = {key: _with_environment(inner) for key, inner in value.items()}
        return {key: inner for key, inner in resolved.items() if inner is not None}
    if isinstance(value, list):
        return [inner for inner in map(_with_environment, value) if inner is not None]
    if isinstance(value, str) and value.startswith("env(") and value.endswith(")"):
        return os.environ.get(value[4:-1]) or None
    return value


def _functions(hooks: Mapping[str, _Hook]) -> list[tuple[str, str]]:
    """The hooks that are functions of the database; `pg-functions://postgres/schema/function` names one."""
    found = []
    for name, hook in hooks.items():
        uri = urlsplit(hook.uri)
        if hook.enabled and uri.scheme.lower() == "pg-functions":
            found.append((name, ".".join(uri.path.strip("/").split("/"))))
    return found


def _bytes(path: Path, size: Size | None) -> int | None:
    """A size such as 50MiB or 5MB in bytes: the CLI takes both for powers of 1024."""
    if size is None or isinstance(size, int):
        return size
    digits = size.strip().lower().rstrip("ib")
    unit = digits[-1:] if digits[-1:] in tuple(_UNITS) else ""
    try:
        return int(float(digits.removesuffix(unit)) * 1024 ** _UNITS.index(unit or "b"))
    except ValueError:
        raise ConfigError(
            f"file_size_limit in {path}: {size!r} is no size", fixes=('write it as "50MiB"',)
        ) from None
