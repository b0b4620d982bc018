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
_FORMAT = 3  # raise it when the engine builds the same recipe differently


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One step of a recipe: SQL files, and perhaps code, applied by the superuser or the owner.

    A `step` gets a connection of whoever applies the layer, in autocommit mode; `fingerprint` stands for what
    it depends on, such as a version. `on_template` is told the name of each new template that has it.
    """

    name: str
    scripts: tuple[Path, ...] = ()
    applied_by: Literal["superuser", "owner"] = "owner"
    step: Callable[[psycopg.Connection[Any]], None] | None = None
    fingerprint: str = ""
    on_template: Callable[[str], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The layers of a database, bottom first, and its owner. `timeout_seconds` limits each statement.

    Raises ValueError for a superuser's layer above one of the owner's, whose triggers and operators would run
    with a superuser's rights.
    """

    owner: str
    layers: tuple[Layer, ...]
    timeout_seconds: float = 30

    def __post_init__(self) -> None:
        appliers = [layer.applied_by for layer in self.layers]
        if "owner" in appliers and "superuser" in appliers[appliers.index("owner") :]:
            raise ValueError(f"a superuser's layer above one of the owner's: {appliers}")


@dataclass(frozen=True, kw_only=True)
class KeyedLayer:
    """A layer as it was read, and the key of the templates that hold it and all the layers below it."""

    layer: Layer
    scripts: tuple[Script, ...]
    key: str

    @property
    def prefix(self) -> str:
        """What the names of its templates begin with: there is one for each state of the cluster's roles."""
        return f"{PREFIX}t_{self.key[:16]}_"

    @property
    def lock(self) -> int:
        """The key of the advisory lock that guards the templates."""
        return int.from_bytes(bytes.fromhex(self.key[:16]), signed=True)


def read_layers(server: Server, recipe: Recipe) -> tuple[KeyedLayer, ...]:
    """Read all files of a recipe and name its templates. Raises ConfigError for a file that cannot be read.

    A key covers the format, the server's version, user, origin and extensions, the owner, and everything in
    its layer and the layers below.
    """
    layers = recipe.layers or (Layer(name="empty"),)
    scripts = [tuple(read_script(path) for path in layer.scripts) for layer in layers]
    server_itself = [str(server.version), server.user, server.origin, server.extensions]
    base = _digest([str(_FORMAT), *server_itself, recipe.owner])
    parts = [_digest(_contents(*pair)) for pair in zip(layers, scripts, strict=True)]
    keys = list(accumulate(parts, lambda below, own: _digest([below, own]), initial=base))[1:]
    return tuple(
        KeyedLayer(layer=layer, scripts=read, key=key)
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
