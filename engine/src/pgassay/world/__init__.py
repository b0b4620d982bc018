"""Rows that nobody wrote: who needs them, how they come about, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import psycopg

from pgassay.database import Session, open_session
from pgassay.workbench import Workbench
from pgassay.world.attempts import Attempts
from pgassay.world.generation import make_rows, make_world
from pgassay.world.model import MadeRow, Missing, World

Show = Callable[[str], object]
"""Hears what is going on."""


def fill(bench: Workbench, show: Show = str, *, only: Collection[str] = ()) -> World:
    """The rows that the project's own world lacks; none where the configuration does not ask for them.

    They are made in a database of their own. `only`: the tables whose policies matter, if not all.
    Raises SchemaError where the schema does not load.
    """
    config = bench.config
    if not config.fill_world:
        return World()
    with bench.database() as database, open_session(database) as session:
        world = make_world(
            session,
            list(bench.personas.values()),
            rows=config.rows,
            effort=config.effort,
            finds_personas=config.find_personas,
            accounts=config.world is None,  # a world that somebody wrote leaves them out on purpose
            only=only,
            show=show,
        )
    return _loadable(bench, world)


def _loadable(bench: Workbench, world: World) -> World:
    """Without the rows that were made once and do not load: what they stand on was drawn, or is as late."""
    try:
        with bench.database(rows=world.statements):
            return world
    except psycopg.Error:
        with bench.database() as database, open_session(database) as session:
            loaded = take(session, world)
    there = {id(row) for row in loaded.made}
    lost = (row for row in world.made if id(row) not in there)
    return replace(loaded, missing=(*world.missing, *map(_lost, lost)))


def _lost(row: MadeRow) -> Missing:
    return Missing(table=row.table, whose=row.whose, what=f"its statements do not load again ({row.why})")


def adapt(bench: Workbench, world: World) -> World:
    """The rows of `world` that another schema takes, and rows of its own where some are refused."""
    if not world.made:
        return world
    config = bench.config
    with bench.database() as database, open_session(database) as session:
        taken = take(session, world)
        if len(taken.made) == len(world.made) or not config.fill_world:
            return taken
        own = make_rows(session, list(bench.personas.values()), rows=config.rows, effort=config.effort)
    return _loadable(bench, replace(taken, made=(*taken.made, *own)))


def take(session: Session, world: World) -> World:
    """The rows of `world` that the schema takes, and no others; the session's transaction then has them."""
    attempts = Attempts(session)
    with session.as_owner():
        return replace(world, made=tuple(row for row in world.made if not attempts.refusal(row.statements)))
