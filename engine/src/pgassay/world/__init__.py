"""Rows that nobody wrote: who needs them, how they come about, and whose they are."""

from __future__ import annotations

from collections.abc import Callable

from pgassay.database import open_session
from pgassay.workbench import Workbench
from pgassay.world.generation import make_world
from pgassay.world.model import World

Show = Callable[[str], object]
"""Hears what is going on."""


def fill(bench: Workbench, show: Show = str) -> World:
    """The rows that the project's own world lacks; none where the configuration does not ask for them.

    They are made in a database of their own. Raises SchemaError where the schema does not load.
    """
    config = bench.config
    if not config.fill_world:
        return World()
    with bench.database() as database, open_session(database) as session:
        return make_world(
            session, list(bench.personas.values()), rows=config.rows, effort=config.effort, show=show
        )
