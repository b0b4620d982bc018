"""A project's load: the rows of a busy day, made by its own generator, for plans to be judged on."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from pgassay.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one table as lines of COPY's text format, each with its newline."""

    table: str
    columns: tuple[str, ...]
    lines: Iterable[str]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a load file defines: `generate(scale)` gives the rows, scale 1 being the full size.

    Each of `invariants` is a query that must return no row once everything is loaded: the triggers, which
    would have kept it true, did not run.
    """

    file: Path
    text: str
    generate: Callable[[float], Iterator[Rows]] = field(hash=False)
    invariants: tuple[str, ...] = ()


def read_load(file: Path) -> Load:
    """Run a project's load file. Raises ConfigError where it fails, or defines no `generate`."""
    try:
        text = file.read_text(encoding="utf-8")
        module = _import(file)
    except Exception as error:
        raise ConfigError(f"Cannot use {file}: {type(error).__name__}: {error}") from error
    generate = getattr(module, "generate", None)
    if not callable(generate):
        raise ConfigError(
            f"{file} defines no function `generate`.",
            fixes=("define generate(scale: float) -> Iterator[pgassay.plans.Rows]",),
        )
    invariants = tuple(getattr(module, "INVARIANTS", ()))
    return Load(file=file, text=text, generate=generate, invariants=invariants)


def _import(file: Path) -> ModuleType:
    """The project's own code, run with our rights, as its tests are."""
    spec = importlib.util.spec_from_file_location("pgassay_load", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module
