"""A project's schema with its load in it, as a template: loaded once a server, then copied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from pgassay.database import Database, Layer, clone, ensure_template
from pgassay.errors import ConfigError
from pgassay.plans.fill import fill
from pgassay.plans.load import read_load
from pgassay.workbench import Workbench

_FORMAT = 1  # raise it when the same load file is loaded differently


@contextmanager
def loaded(bench: Workbench, *, scale: float) -> Iterator[Database]:
    """A database of one's own with `scale` times the full load, dropped at the end.

    Raises ConfigError where no load is configured, CannotJudgeError where it does not fit the schema.
    """
    if bench.config.load is None:
        raise ConfigError(
            "There is nothing to load for plans to be judged on.",
            why=f"{bench.config.root / 'pyproject.toml'} names no load in [tool.pgassay].",
            fixes=('add load = "tests/load.py" to [tool.pgassay]: see docs/plans.md',),
        )
    load = read_load(bench.config.load)
    layer = Layer(
        name="load",
        step=partial(fill, load=load, scale=scale),
        fingerprint=f"{_FORMAT} {scale} {hashlib.sha256(load.text.encode()).hexdigest()}",
    )
    recipe = bench.recipe(depth="schema")
    template = ensure_template(bench.server, replace(recipe, layers=(*recipe.layers, layer)))
    with clone(bench.server, template, owner=bench.owner) as database:
        yield database
