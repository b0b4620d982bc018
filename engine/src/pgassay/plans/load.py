"""A project's load: the rows of a busy day, made by its own generator, as a template to judge plans on.

Rows are loaded as the schema's owner, by COPY, and the schema is left as it was. Without
`session_replication_role`: checks judge each row as it comes, unique and foreign keys all of them at the end.
Only the schema's own triggers sleep, so what they keep is looked at afterwards.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from pgassay.catalog.model import Constraint, Index, Relation, Trigger
from pgassay.catalog.names import quoted
from pgassay.catalog.read import read_catalog
from pgassay.database import Database, Layer, Recipe, clone, ensure_template
from pgassay.errors import CannotJudgeError, ConfigError, ServerError
from pgassay.workbench import Workbench


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


class RemovablePart(NamedTuple):
    """One trigger, key or index, and the statements that take it away and put it back."""

    name: str
    removal: str
    restoration: str


def read_shape(connection: psycopg.Connection[Any]) -> tuple[tuple[RemovablePart, ...], ...]:
    """The triggers, foreign keys and indexes, unique constraints among them, of the owner's tables.

    Each in the order of creation, by which the planner breaks ties.
    """
    catalog = read_catalog(connection, Relation, Trigger, Constraint, Index)
    own = catalog.own_tables
    triggers = (trigger for trigger in catalog.of(Trigger) if trigger.relation_oid in own)
    constraints = sorted(catalog.of(Constraint), key=lambda constraint: constraint.oid)
    definitions = {(c.relation_oid, c.name): c.definition for c in constraints if c.relation_oid in own}
    foreign_keys = (c for c in constraints if c.type == "f" and c.relation_oid in own)
    indexes = sorted(catalog.of(Index), key=lambda index: index.oid)
    return (
        tuple(map(_of_trigger, triggers)),
        tuple(_of_constraint(key.name, key, key.name, key.definition) for key in foreign_keys),
        tuple(_of_index(index, definitions) for index in indexes if index.relation_oid in own),
    )


def _of_index(index: Index, definitions: Mapping[tuple[int, str], str]) -> RemovablePart:
    if not index.constraint:
        return RemovablePart(index.name, f"drop index {index.index}", index.definition)
    definition = definitions[index.relation_oid, index.constraint]
    return _of_constraint(index.name, index, index.constraint, definition)


def _of_trigger(trigger: Trigger) -> RemovablePart:
    change, of_it = f"alter table {trigger.table}", f"trigger {trigger.quoted}"
    return RemovablePart(trigger.name, f"{change} disable {of_it}", f"{change} {trigger.enabling} {of_it}")


def _of_constraint(name: str, part: Constraint | Index, constraint: str, definition: str) -> RemovablePart:
    change, of_it = f"alter table {part.table}", f"constraint {quoted(constraint)}"
    return RemovablePart(name, f"{change} drop {of_it}", f"{change} add {of_it} {definition}")


@contextmanager
def stripped(connection: psycopg.Connection[Any], on_progress: Callable[[str], None]) -> Iterator[None]:
    """Tables with no more than their checks, inside the caller's transaction; the rest is back at the end.

    Every row is then judged by the unique indexes and foreign keys, as one. `on_progress` hears of each.
    Comments on keys are lost. Raises psycopg.Error where the rows break a key, CannotJudgeError where the
    schema is not what it was.
    """
    before = read_shape(connection)
    for part in chain(*before):
        connection.execute(part.removal.encode())
    yield
    for part in chain(*reversed(before)):
        on_progress(f"putting back {part.name}")
        connection.execute(part.restoration.encode())
    if read_shape(connection) != before:
        raise CannotJudgeError("Loading changed the schema.", why="A key, index or trigger is not as it was.")


Announce = Callable[[str], None]

_LINES_AT_ONCE = 256  # what fits into a socket: while the server reads, the generator goes on
_LINES_ANNOUNCED = 1 << 14


def fill(
    connection: psycopg.Connection[Any], load: Load, *, scale: float, on_progress: Announce = lambda _: None
) -> None:
    """Load everything in one transaction, then gather statistics. The connection is the owner's.

    `on_progress` hears what is going on. Raises CannotJudgeError where the rows do not fit the schema or an
    invariant does not hold, ServerError where the server fails, as with a full disk.
    """
    connection.execute("set maintenance_work_mem = '256MB'; set work_mem = '64MB'")
    try:
        with connection.transaction(), stripped(connection, on_progress):
            tables = [_copy(connection, rows, on_progress) for rows in load.generate(scale)]
        on_progress("gathering statistics")
        connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.SQL(", ").join(tables)))
        on_progress("checking invariants")
        _check(connection, load)
    except psycopg.OperationalError as error:  # a full disk, above all
        raise ServerError("The server could not take the load.", why=str(error).strip()) from error
    except psycopg.Error as error:
        raise CannotJudgeError(f"{load.file} does not fit the schema.", why=str(error).strip()) from error


def _copy(connection: psycopg.Connection[Any], rows: Rows, on_progress: Announce) -> sql.Identifier:
    """Load one table, and say which."""
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    table = sql.Identifier(*rows.table.split("."))
    with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(table, columns)) as copy:
        for number, chunk in enumerate(_chunks(rows.lines)):
            if number * _LINES_AT_ONCE % _LINES_ANNOUNCED == 0:
                on_progress(f"loading {rows.table}: {number * _LINES_AT_ONCE:,} lines")
            copy.write(chunk)
    return table


def _chunks(lines: Iterable[str]) -> Iterator[str]:
    remaining = iter(lines)
    while chunk := "".join(islice(remaining, _LINES_AT_ONCE)):
        yield chunk


def _check(connection: psycopg.Connection[Any], load: Load) -> None:
    for query in load.invariants:
        broken = connection.execute(query.encode()).fetchone()
        if broken:
            raise CannotJudgeError(
                f"{load.file} breaks an invariant.", why=f"{query.strip()}\nfinds {broken}"
            )


_FORMAT = 2  # raise it when the same load file is loaded differently


@contextmanager
def loaded(
    bench: Workbench, *, scale: float, on_progress: Callable[[str], None] = lambda _: None
) -> Iterator[Database]:
    """A database of one's own with `scale` times the full load, dropped at the end.

    Raises ConfigError where no load is configured, CannotJudgeError where it does not fit the schema.
    """
    template = ensure_template(bench.server, plan_loading(bench, scale=scale, on_progress=on_progress))
    on_progress("copying what was loaded")
    with clone(bench.server, template, owner=bench.owner) as database:
        yield database


def plan_loading(bench: Workbench, *, scale: float, on_progress: Callable[[str], None]) -> Recipe:
    """The recipe of the schema with its load. Raises ConfigError where no load is configured."""
    if bench.config.load is None:
        raise ConfigError(
            "There is nothing to load for plans to be judged on.",
            why=f"The configuration in {bench.config.root} names no load.",
            fixes=('add load = "tests/load.py" to pgassay.toml or [tool.pgassay]: see `pgassay help plans`',),
        )
    load = read_load(bench.config.load)
    layer = Layer(
        name="load",
        step=partial(fill, load=load, scale=scale, on_progress=on_progress),
        fingerprint=f"{_FORMAT} {scale} {hashlib.sha256(load.text.encode()).hexdigest()}",
    )
    recipe = bench.recipe(depth="schema")
    return replace(recipe, layers=(*recipe.layers, layer))
