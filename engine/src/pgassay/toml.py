"""TOML files as typed values. An error says what is wrong, where, and what to do."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from pgassay.errors import ConfigError

T = TypeVar("T")
Scalar = str | int | float | bool


def read_toml(path: Path) -> dict[str, Any]:
    """The document in a file, which may begin with a byte order mark. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path}: {error.strerror}", fixes=("let it be a file that this user may read",)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Cannot read {path}: {error}", fixes=("correct it: it is to be TOML in UTF-8",)
        ) from error


def read_entries(path: Path | None, key: str, kind: type[T]) -> tuple[T, ...]:
    """The tables `[[key]]` of a file that holds nothing else; none without a file. Raises ConfigError."""
    if path is None or not path.exists():
        return ()
    document = read_toml(path)
    entries = decode(document.pop(key, []), list[Any], where=f"{key} in {path}")
    if document:
        raise ConfigError(f"{path}: unknown key {', '.join(document)}", fixes=(f"name each entry [[{key}]]",))
    return tuple(
        decode(entry, kind, where=f"entry {n} of {path}") for n, entry in enumerate(entries, start=1)
    )


def decode(
    values: object, kind: type[T], *, where: str, without: Collection[str] = (), loose: bool = False
) -> T:
    """Values of TOML as a `kind`: a type, or a dataclass of which keys may not be those in `without`.

    Raises ConfigError for an unknown or missing key and a value of another type or out of its bounds.
    If `loose`, unknown keys are passed over, and a text may stand for the number or truth that it spells.
    """
    known = [field.name for field in fields(kind) if field.name not in without] if is_dataclass(kind) else []
    if known and not loose and isinstance(values, dict) and (unknown := sorted(set(values) - set(known))):
        use = f"use one of: {', '.join(sorted(known))}"
        raise ConfigError(f"{where}: unknown key {', '.join(unknown)}", fixes=(use,))
    try:
        # A Path is one already.
        return msgspec.convert(values, kind, strict=not loose, dec_hook=lambda _, value: value)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        key = path.strip(".`")
        choices = get_args(get_type_hints(kind).get(key)) if what.startswith("Invalid enum") else ()
        fix = f"give it one of: {', '.join(map(str, choices))}" if choices else "give it what is expected"
        raise ConfigError(f"{key} in {where}: {what}" if key else f"{where}: {what}", fixes=(fix,)) from error


def spell(value: Scalar) -> str:
    """As SQL spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
