"""A project's schema with its load in it, as a template: loaded once a server, then copied."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from pgassay.database import Database, Layer, Recipe, clone, ensure_template
from pgassay.errors import ConfigError
from pgassay.plans.fill import fill
from pgassay.plans.load import read_load
from pgassay.workbench import Workbench

_FORMAT = 2  # raise it when the same load file is loaded differently


@contextmanager
def loaded(
    bench: Workbench, *, scale: float, on_stage: Callable[[str], None] = lambda _: None
) -> Iterator[Database]:
    """A database of one's own with `scale` times the full load, dropped at the end.

    Raises ConfigError where no load is configured, CannotJudgeError where it does not fit the schema.
    """
    template = ensure_template(bench.server, plan_loading(bench, scale=scale, on_stage=on_stage))
    on_stage("copying what was loaded")
    with clone(bench.server, template, owner=bench.owner) as database:
        yield database


def plan_loading(bench: Workbench, *, scale: float, on_stage: Callable[[str], None]) -> Recipe:
    """The recipe of the schema with its load. Raises ConfigError where no load is configured."""
    if bench.config.load is None:
        raise ConfigError(
            "There is nothing to load for plans to be judged on.",
            why=f"{bench.config.root / 'pyproject.toml'} names no load in [tool.pgassay].",
            fixes=('add load = "tests/load.py" to [tool.pgassay]: see docs/plans.md',),
        )
    load = read_load(bench.config.load)
    layer = Layer(
        name="load",
        step=partial(fill, load=load, scale=scale, on_stage=on_stage),
        fingerprint=f"{_FORMAT} {scale} {hashlib.sha256(load.text.encode()).hexdigest()}",
    )
    recipe = bench.recipe(depth="schema")
    return replace(recipe, layers=(*recipe.layers, layer))
