"""One project on one server: the databases that its configuration asks for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, Protocol

import psycopg

from pgassay.config import Config
from pgassay.database import Database, Layer, Recipe, Session, choose_owner, clone, ensure_template, expose
from pgassay.database.script import read_script
from pgassay.extensions.catalogue import OLDER
from pgassay.extensions.statements import presumed
from pgassay.observation import Persona
from pgassay.pgtap.source import find_pgtap, install_pgtap
from pgassay.server import Server
from pgassay.supabase.hooks import CLAIMS_HOOK
from pgassay.supabase.settings import buckets_script, remember_settings, run_on_platform, settings_script

Depth = Literal["environment", "schema", "world"]
_DEPTHS: tuple[Depth, ...] = ("environment", "schema", "world")


class Observer(Protocol):
    """Somebody who watches what runs in databases: by a layer on top of them, which is read at their end."""

    @property
    def layer(self) -> Layer: ...

    def add(self, database: Database) -> None: ...


class Workbench:
    """Makes databases of a project, each from a template that is built once per server.

    An `observer` watches all that have the schema in them.
    """

    def __init__(self, config: Config, server: Server, *, observer: Observer | None = None) -> None:
        self.config = config
        self.server = server
        self.observer = observer

    @cached_property
    def owner(self) -> str:
        """The role that applies the schema; never a superuser."""
        return choose_owner(self.server, self.config.owner)

    @cached_property
    def personas(self) -> dict[str, Persona]:
        """The configured personas by name."""
        return {
            name: Persona(name=name, role=persona.role, claims=persona.claims)
            for name, persona in self.config.personas.items()
        }

    def recipe(self, *, depth: Depth = "world") -> Recipe:
        """What others build on: the layers up to and including `depth`."""
        return self._project_recipe(depth=depth)

    def _project_recipe(
        self,
        *,
        depth: Depth,
        pgtap: bool = False,
        starting_point: tuple[Path, ...] = (),
        rows: tuple[str, ...] = (),
    ) -> Recipe:
        """The layers of the project's own files; `starting_point` scripts follow the environment.

        Superusers' layers lie below the schema: none of its triggers ever runs with a superuser's rights.
        """
        config = self.config
        layers = [Layer(name="environment", scripts=config.environment, applied_by="superuser")]
        configured = settings_script(
            search_path=config.search_path,
            access_token_hook=config.hooks.get(CLAIMS_HOOK, ""),
            expose_new_tables=config.expose_new_tables,
        )
        if configured:
            layers.append(_statements("settings", configured, applied_by="superuser"))
        if self._older_extensions:
            older = self._older_extensions
            layers.append(_statements("extensions of an older project", older, applied_by="owner"))
        if pgtap:
            layers.append(
                Layer(
                    name="pgtap",
                    applied_by="superuser",
                    step=_install,
                    fingerprint=_pgtap_fingerprint(),
                )
            )
        if starting_point:
            layers.append(Layer(name="starting point", scripts=starting_point, applied_by="superuser"))
        if depth in _DEPTHS[1:]:
            scripts = (*config.schema, *config.companions)
            layers.append(Layer(name="schema", scripts=scripts, step=remember_settings))
        if depth == "world" and config.seeds:
            layers.append(Layer(name="seeds", scripts=config.seeds))
        if depth == "world" and config.buckets:
            layers.append(_statements("buckets", buckets_script(config.buckets), applied_by="owner"))
        if depth == "world" and config.world is not None:
            layers.append(Layer(name="world", scripts=(config.world,)))
        if depth == "world" and rows:
            layers.append(Layer(name="made rows", step=partial(run_all, rows), fingerprint="\0".join(rows)))
        return Recipe(owner=self.owner, layers=tuple(layers), timeout_seconds=config.statement_timeout)

    @cached_property
    def _older_extensions(self) -> str:
        """What makes the extensions that older projects began with, as far as the files presume them."""
        needed = presumed(read_script(path).text for path in self.config.schema)
        return "\n".join(
            f"""do $$ begin
                if exists (select from pg_catalog.pg_available_extensions where name = '{name}') then
                    create extension {name} with schema {schema} cascade;
                end if;
            end $$;"""
            for name, schema in OLDER.items()
            if name in needed
        )

    @contextmanager
    def database(
        self,
        *,
        depth: Depth = "world",
        pgtap: bool = False,
        starting_point: tuple[Path, ...] = (),
        rows: tuple[str, ...] = (),
    ) -> Iterator[Database]:
        """A database of one's own, dropped at the end; `rows` are the owner's statements after the world.

        Raises SchemaError when the schema does not load.
        """
        recipe = self._project_recipe(depth=depth, pgtap=pgtap, starting_point=starting_point, rows=rows)
        observer = self.observer if depth != "environment" else None
        if observer is not None:
            recipe = replace(recipe, layers=(*recipe.layers, observer.layer))
        template = ensure_template(self.server, recipe)
        with clone(self.server, template, owner=self.owner) as database:
            if self.config.exposed:
                expose(database, self.config.exposed)
            try:
                yield database
            finally:
                if observer is not None:
                    observer.add(database)

    @contextmanager
    def shared_session(self, lend: Callable[[], Database]) -> Iterator[Session]:
        """The session of tests that roll back, in the database that `lend` gives."""
        database = lend()
        with closing(database.connect()) as connection:
            yield Session(connection, owner=database.owner, prepares=True)


def run_all(statements: Iterable[str], connection: psycopg.Connection[Any]) -> None:
    """All of them, in one transaction that is committed."""
    with connection.transaction():
        for statement in statements:
            connection.execute(statement.encode())


def _statements(name: str, statements: str, *, applied_by: Literal["superuser", "owner"]) -> Layer:
    """A layer of SQL that the engine wrote; nothing of it where the environment is no platform of ours."""
    return Layer(
        name=name, applied_by=applied_by, step=partial(run_on_platform, statements), fingerprint=statements
    )


def _pgtap_fingerprint() -> str:
    """What a template with pgTAP in it depends on, besides the server: the files that PGASSAY_PGTAP names."""
    given = os.environ.get("PGASSAY_PGTAP")
    if not given:
        return ""
    path = Path(given)
    files = sorted(path.glob("pgtap*")) if path.is_dir() else [path] if path.is_file() else []
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _install(connection: psycopg.Connection[Any]) -> None:
    install_pgtap(connection, find_pgtap(connection))
