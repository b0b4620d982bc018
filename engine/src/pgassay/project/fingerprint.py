"""A hash of what decides what tests say of a project and of its mutants."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from pgassay import __version__
from pgassay.config import Config

_FORMAT = 8
_TEXTS = (".py", ".sql", ".toml", ".matrix")


def fingerprint(config: Config, *, server: str) -> str:
    """A hash of what decides the fate of mutants: schema, environment, world, suites, engine and server."""
    files = json.dumps(hash_files(config, server=server), sort_keys=True)
    return hashlib.sha256(files.encode()).hexdigest()


def hash_files(
    config: Config, *, server: str, original: Callable[[Path], Path] = lambda path: path
) -> dict[str, str]:
    """The hash of each file that decides what tests say, by name, and of engine and server under "".

    `original` tells of a copy which of the project's files it stands for.
    """
    total = {"": hashlib.sha256(f"{_FORMAT} {__version__} {server}".encode()).hexdigest()}
    for path in set(_files(config)):
        named = original(path)
        name = named.relative_to(config.root) if named.is_relative_to(config.root) else named
        total[str(name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return total


def _files(config: Config) -> Iterable[Path]:
    names = ("pgassay.toml", "pyproject.toml", "supabase/config.toml")
    single = (
        *(*config.schema, *config.companions, *config.seeds, *config.environment),
        *(config.world, config.baseline),
        *(config.root / name for name in names),
    )
    yield from (path for path in single if path is not None and path.is_file())
    for suite in (*config.suites, *config.pgtap):
        yield from (parent / "conftest.py" for parent in suite.parents if (parent / "conftest.py").is_file())
        found = suite.rglob("*") if suite.is_dir() else [suite]
        yield from (path for path in found if path.suffix in _TEXTS)
