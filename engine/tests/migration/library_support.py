"""A small library, and changes of it while people read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pgassay.config import Config, PersonaConfig
from pgassay.database import read_script
from pgassay.diff.review import review
from pgassay.migration.rehearsal import Upgrade, rehearse
from pgassay.project.revisions import Side
from pgassay.server import Server

HERE = Path(__file__).parent
ALICE = "a11ce000-0000-4000-8000-000000000001"


@dataclass(frozen=True, kw_only=True)
class Library:
    """The project in a folder: BASE is library.sql, HEAD the same with more at its end."""

    server: Server
    folder: Path
    config: Config

    def rehearse(self, change: str, *, head: str = "", world: tuple[str, str] = ("", "")) -> Upgrade:
        """Carry out a migration, which `head` says the meaning of; HEAD's world has one text for another."""
        schema, migration = self.folder / "schema.sql", self.folder / "change.sql"
        schema.write_text((HERE / "library.sql").read_text(encoding="utf-8") + head, encoding="utf-8")
        migration.write_text(change, encoding="utf-8")
        base = Side(label="base", config=self.config)
        rows = self.folder / "world.sql"
        rows.write_text(
            (HERE / "library_world.sql").read_text(encoding="utf-8").replace(*world), encoding="utf-8"
        )
        side = Side(label="head", config=replace(self.config, schema=(schema,), world=rows))
        found = review(self.server, base, side, search=0)
        return rehearse(self.server, base, found, [read_script(migration)])


def make_library(server: Server, folder: Path, environment: tuple[Path, ...]) -> Library:
    config = Config(
        root=folder,
        schema=(HERE / "library.sql",),
        environment=environment,
        world=HERE / "library_world.sql",
        personas={"alice": PersonaConfig(role="authenticated", claims={"sub": ALICE})},
    )
    return Library(server=server, folder=folder, config=config)
