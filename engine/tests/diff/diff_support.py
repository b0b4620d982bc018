"""A project of two tenants, and changes of its schema."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pgassay.config import Config, PersonaConfig
from pgassay.diff.outcome import Review
from pgassay.diff.review import review
from pgassay.project.revisions import Side
from pgassay.server import Server

HERE = Path(__file__).parent
ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"


@dataclass(frozen=True, kw_only=True)
class Tenants:
    """A project in a folder; `base` is its schema as it was."""

    server: Server
    folder: Path
    config: Config

    @property
    def base(self) -> Side:
        return Side(label="base", config=self.config)

    def head(self, change: str = "", *, old: str = "", new: str = "", name: str = "schema.sql") -> Side:
        """The schema with a statement more, or with one text in place of another."""
        text = (HERE / "tenants.sql").read_text(encoding="utf-8")
        assert old in text
        path = self.folder / name
        path.write_text(text.replace(old, new) + change, encoding="utf-8")
        return Side(label="head", config=replace(self.config, schema=(path,)))

    def review(self, head: Side, *, search: int = 0, whole: bool = False) -> Review:
        return review(self.server, self.base, head, search=search, whole=whole)


def make_tenants(server: Server, folder: Path, environment: tuple[Path, ...]) -> Tenants:
    folder.mkdir(exist_ok=True)
    personas = {
        "anon": PersonaConfig(role="anon"),
        "alice": PersonaConfig(role="authenticated", claims={"sub": ALICE}),
        "bob": PersonaConfig(role="authenticated", claims={"sub": BOB}),
    }
    config = Config(
        root=folder,
        schema=(HERE / "tenants.sql",),
        environment=environment,
        world=HERE / "tenants_world.sql",
        personas=personas,
    )
    return Tenants(server=server, folder=folder, config=config)
