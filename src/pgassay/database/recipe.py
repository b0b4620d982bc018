"""What shapes a database, layer by layer, and the names that follow from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg

from pgassay.database.script import Script, read_script

if TYPE_CHECKING:
    from pgassay.server import Server

PREFIX = "pgassay_"
_FORMAT = 1  # raise it when the engine builds the same recipe differently


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One step of a recipe: SQL files, and perhaps code, applied by the superuser or the owner.

    A `step` gets a superuser's connection in autocommit mode; `fingerprint` stands for what it depends on,
    such as a version. A superuser's layer above a schema fires its triggers with a superuser's rights: apply
    an untrusted schema after such layers, and its rows as the owner.
    """

    name: str
    scripts: tuple[Path, ...] = ()
    applied_by: Literal["superuser", "owner"] = "owner"
    step: Callable[[psycopg.Connection[Any]], None] | None = None
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The layers of a database, bottom first, and its owner. `timeout_seconds` limits each statement."""

    owner: str
    layers: tuple[Layer, ...]
    timeout_seconds: float = 30


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A layer as it was read, and the template that holds it and all the layers below it."""

    layer: Layer
    scripts: tuple[Script, ...]
    key: str

    @property
    def template(self) -> str:
        return f"{PREFIX}t_{self.key[:16]}"

    @property
    def lock(self) -> int:
        """The key of the advisory lock that guards the template."""
        return int.from_bytes(bytes.fromhex(self.key[:16]), signed=True)


def read_stages(server: Server, recipe: Recipe) -> tuple[Stage, ...]:
    """Read all files of a recipe and name its templates. Raises ConfigError for a file that cannot be read.

    A key covers the format, server version, owner, and everything in its layer and the layers below.
    """
    layers = recipe.layers or (Layer(name="empty"),)
    scripts = [tuple(read_script(path) for path in layer.scripts) for layer in layers]
    base = _digest([str(_FORMAT), str(server.version), recipe.owner])
    parts = [_digest(_contents(*pair)) for pair in zip(layers, scripts, strict=True)]
    keys = list(accumulate(parts, lambda below, own: _digest([below, own]), initial=base))[1:]
    return tuple(
        Stage(layer=layer, scripts=read, key=key)
        for layer, read, key in zip(layers, scripts, keys, strict=True)
    )


def _contents(layer: Layer, scripts: tuple[Script, ...]) -> Iterator[str]:
    yield from (layer.name, layer.applied_by, layer.fingerprint)
    yield from (script.text for script in scripts)


def _digest(parts: Iterator[str] | list[str]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}:{part}".encode())
    return total.hexdigest()
