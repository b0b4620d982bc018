"""What the catalog says about what a statement asks for. Read as the owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgassay.catalog import model
from pgassay.catalog.read import Catalog, read_catalog, read_rows
from pgassay.database import Session
from pgassay.denial.guard import (
    Command,
    Constraint,
    DomainConstraint,
    Grant,
    Guard,
    NotNull,
    Trigger,
    UniqueIndex,
)
from pgassay.denial.statement import Name
from pgassay.observation import Attempt


@dataclass(frozen=True, kw_only=True)
class PolicyFact:
    """A policy that applies to a role; `checks`: it has a WITH CHECK of its own."""

    name: str
    command: Command
    permissive: bool
    checks: bool


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation that a statement names, or that a view which it names reads, as `role` meets it."""

    index: int  # of the name that led here
    direct: bool  # that name is its own
    role: str  # whose rights count: a view may lend its owner's
    name: str
    schema: str
    kind: str  # pg_class.relkind
    usage: bool  # of its schema
    held: frozenset[str]  # privileges on all of it
    columns: Mapping[str, frozenset[str]]  # privileges on each column
    filters: bool  # row level security applies to the role
    policies: tuple[PolicyFact, ...]
    options: frozenset[str]  # of a view, those that are set


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function that a role may not execute, or whose schema it may not use."""

    name: str
    schema: str
    usage: bool
    execute: bool


def read_relations(session: Session, names: Sequence[Name], role: str) -> tuple[Relation, ...]:
    """The relations of these names and those that views among them read; the named ones first."""
    rows = _rows(session, "named_relations", *_arrays(names), role)
    return tuple(_relation(row) for row in rows)


def read_refused_functions(session: Session, names: Sequence[Name], role: str) -> tuple[Function, ...]:
    """The functions of these names, whatever their arguments, that the role cannot call."""
    rows = _rows(session, "refused_functions", *_arrays(names), role)
    signatures = _signatures(session, [row["oid"] for row in rows])
    return tuple(
        Function(
            name=signatures[row["oid"]], schema=row["schema"], usage=row["usage"], execute=row["execute"]
        )
        for row in rows
    )


def find_reached(session: Session, relations: Sequence[str], role: str) -> tuple[Guard, ...]:
    """The grants that the role lacks on what defaults, checks, policies and views of these relations use."""
    rows = _rows(session, "reached", list(relations), role)
    signatures = _signatures(session, [row["oid"] for row in rows if row["oid"]])
    return tuple(
        Grant(
            privilege=row["privilege"],
            kind=row["kind"],
            object=signatures.get(row["oid"], row["object"]),
            columns=(row["column"],) if row["column"] else (),
            role=role,
        )
        for row in rows
    )


def _signatures(session: Session, functions: list[int]) -> dict[int, str]:
    rows = _rows(session, "signatures", functions) if functions else ()
    return {row["oid"]: row["name"] for row in rows}


def find_triggers(session: Session, attempt: Attempt, relations: Sequence[str]) -> tuple[Guard, ...]:
    """The triggers whose function the error's context names, innermost frame first."""
    found = []
    for trigger in _read(session, model.Trigger).of(model.Trigger):
        # A frame reads "PL/pgSQL function public.check() line 3 at RAISE": the name follows a blank.
        names = (trigger.function, trigger.function.partition(".")[2])
        places = [place for name in names if (place := attempt.context.find(f" {name.rstrip(')')}")) >= 0]
        if places and not trigger.is_of_parent:
            guard = Trigger(table=trigger.table, name=trigger.name, function=trigger.function)
            found.append((min(places), trigger.table not in relations, trigger.table, trigger.name, guard))
    return tuple(guard for *_, guard in sorted(found, key=lambda one: one[:4]))


def find_constraints(session: Session, attempt: Attempt) -> tuple[Guard, ...]:
    """The constraints, unique indexes and columns without NULL that the error names."""
    if attempt.constraint:
        rows = _rows(session, "named_constraints", attempt.constraint, attempt.table)
        if rows:
            return tuple(_constraint(row) for row in rows)
    return tuple(_find_not_null(session, attempt)) if attempt.column else ()


def _find_not_null(session: Session, attempt: Attempt) -> Iterator[Guard]:
    """In the tables of this name; of a partition, in the root, which alone can change it."""
    catalog = _read(session, model.Relation, model.Column)
    named = {
        catalog.relations[column.relation_oid].root
        for column in catalog.of(model.Column)
        if (column.relation, column.name) == (attempt.table, attempt.column) and column.not_null
    }
    tables = (catalog.relations[oid] for oid in named)
    for table in sorted(table.name for table in tables if table.kind in ("r", "p")):
        yield NotNull(table=table, column=attempt.column)


def _constraint(row: dict[str, Any]) -> Guard:
    match row["kind"]:
        case "table":
            return Constraint(table=row["of"], name=row["name"])
        case "domain":
            return DomainConstraint(domain=row["of"], name=row["name"])
    return UniqueIndex(index=row["of"])


def _relation(row: dict[str, Any]) -> Relation:
    values = dict(row)
    values["columns"] = {name: frozenset(held) for name, held in row["columns"].items()}
    values["policies"] = tuple(PolicyFact(**policy) for policy in row["policies"])
    for name in ("held", "options"):
        values[name] = frozenset(row[name])
    return Relation(**values)


def _arrays(names: Sequence[Name]) -> tuple[list[str], list[str]]:
    return [name.schema for name in names], [name.name for name in names]


def _read(session: Session, *kinds: type[model.Thing]) -> Catalog:
    with session.as_owner():
        return read_catalog(session.connection, *kinds)


def _rows(session: Session, query: str, *parameters: object) -> list[dict[str, Any]]:
    with session.as_owner():
        return read_rows(session.connection, query, *parameters)
