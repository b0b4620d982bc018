"""The JSON documents, version 1: docs/json.md is the contract."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pgassay.errors import Place
from pgassay.render.text import relative

VERSION = 1


def dump(**fields: Any) -> str:  # noqa: ANN401 - anything that `_encode` can
    """One document. A path is relative to the working directory, a value of a dataclass has its fields."""
    return json.dumps({"version": VERSION, **fields}, indent=1, ensure_ascii=False, default=_encode) + "\n"


def record(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """The fields of a value by name, and of its `place` file and line."""
    named = {field.name: getattr(value, field.name) for field in fields(value)}
    return named | place_fields(named.pop("place")) if "place" in named else named


def place_fields(place: Place | None) -> dict[str, Any]:
    """`file` and `line` of a finding, null where they are not known."""
    return {"file": place.file, "line": place.line or None} if place else {"file": None, "line": None}


def _encode(value: object) -> object:
    if isinstance(value, Path):
        return str(relative(value))
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return record(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"JSON has no {type(value).__name__}")
