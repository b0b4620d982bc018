"""One side of a comparison, loaded: a database of its own, a session in it, and what its catalogs say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from pgassay.catalog.inventory import Inventory, read_both_inventories, read_rows
from pgassay.catalog.names import relation_name
from pgassay.catalog.tables import Surface, read_surface
from pgassay.database import Script, Session, open_session, read_script
from pgassay.diff.difference import Snapshot
from pgassay.errors import CannotJudgeError, SchemaError
from pgassay.matrix.model import Matrix
from pgassay.matrix.report import describe_broken, describe_error
from pgassay.matrix.worlds import Written, survey_filled, survey_made
from pgassay.observation import Persona
from pgassay.project.revisions import Side
from pgassay.server import Server
from pgassay.workbench import Workbench
from pgassay.world.model import NO_ROWS, World


@dataclass(frozen=True, kw_only=True)
class LoadedSide:
    """One loaded schema: a session of its owner's in a database of its own.

    `written`: what the world without made rows answers, where another database cannot tell.
    """

    side: Side
    bench: Workbench
    session: Session
    inventory: Inventory
    personas: tuple[Persona, ...]
    world: World = NO_ROWS
    written: Written | None = None

    @property
    def overrides(self) -> Mapping[str, str]:
        """Whose the rows of tables are, as the configuration says of those that this schema has."""
        there = {key.object for key in self.inventory.objects if key.kind == "relation"}
        return {name: text for name, text in self.bench.config.rows.items() if relation_name(name) in there}

    @cached_property
    def surface(self) -> Surface:
        """What there is to try, for the roles of the personas."""
        return read_surface(self.session, roles=[persona.role for persona in self.personas])

    def survey(self, only: Collection[str] = ()) -> Snapshot:
        """Everybody tries everything, or, with `only`, these objects, spelled as in the baseline.

        Raises CannotJudgeError, SchemaError for what is broken.
        """
        matrix = self._survey(only)
        if matrix.errors:
            raise CannotJudgeError(
                f"{len(matrix.errors)} probes of {self.side.label} went wrong.",
                why="\n".join(describe_error(cell) for cell in matrix.errors[:5]),
            )
        if matrix.broken:
            raise SchemaError(f"{self.side.label} is broken.", why="\n".join(describe_broken(matrix)))
        return Snapshot(inventory=self.inventory, matrix=matrix)

    def _survey(self, only: Collection[str]) -> Matrix:
        rows = self.overrides
        if self.written:
            return survey_made(self.session, self.written, self.personas, rows=rows, only=only)
        return survey_filled(self.session, self.bench, self.world, self.personas, rows=rows, only=only)


def read_scripts(side: Side) -> list[Script]:
    """The files of a schema as people see them: a revision's by the names that it has in the project."""
    paths = (*side.config.schema, *side.config.companions)
    return [replace(read_script(path), path=side.original(path)) for path in paths]


def read_side(session: Session) -> tuple[Inventory, Inventory]:
    """What access depends on in the session's database, and all that there is."""
    access, everything = (read_rows(session, one) for one in read_both_inventories(session))
    return access, everything


def read_inventories(server: Server, side: Side) -> tuple[Inventory, Inventory]:
    """Those of a schema with the world that somebody wrote. Raises SchemaError."""
    bench = Workbench(side.config, server)
    with bench.database() as database, open_session(database) as session:
        return read_side(session)


@contextmanager
def open_side(
    server: Server, side: Side, world: World = NO_ROWS, *, inventory: Inventory | None = None
) -> Iterator[LoadedSide]:
    """Load a schema into a database of its own, for as long as the block lasts, with the rows of `world`.

    `inventory`: what its catalogs say, where that was read before. Raises SchemaError.
    """
    bench = Workbench(side.config, server)
    with bench.database(rows=world.statements) as database, open_session(database) as session:
        inventory = inventory or read_side(session)[0]
        personas = (*bench.personas.values(), *world.personas)
        yield LoadedSide(
            side=side, bench=bench, session=session, inventory=inventory, personas=personas, world=world
        )
