"""Does the schema load, as a role that is no superuser?"""

from __future__ import annotations

from dataclasses import replace

from pgassay.database import ensure_template
from pgassay.errors import SchemaError
from pgassay.verdict import Finding, Stage, Status
from pgassay.workbench import Workbench


def load(bench: Workbench, *, alone: bool) -> Stage:
    """Load the schema and, unless it is to be judged `alone`, its companions and the world.

    Raises ServerError and ConfigError: they say nothing about the schema.
    """
    if alone:
        bench = Workbench(replace(bench.config, companions=(), world=None), bench.server)
    config = bench.config
    files = [*config.schema, *config.companions, *([config.world] if config.world else [])]
    try:
        ensure_template(bench.server, bench.recipe())
    except SchemaError as error:
        return Stage(name="load", status=Status.PROBLEM, detail="does not load", findings=(_finding(error),))
    return Stage(name="load", status=Status.GOOD, detail=", ".join(file.name for file in files))


def _finding(error: SchemaError) -> Finding:
    place = error.place
    return Finding(
        rule="load",
        message=f"{error}\nNothing of what was already applied was kept.",
        file=place.file if place else None,
        line=place.line if place else 0,
        witness=error.sqlstate,
    )
