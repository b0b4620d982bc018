"""What the catalog says about what a statement asks for. Each function runs one query, as owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.rows import dict_row

from pgassay.catalog import queries
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
    rows = _rows(session, queries.RELATIONS, _arrays(names) | {"role": role})
    return tuple(_relation(row) for row in rows)


def read_refused_functions(session: Session, names: Sequence[Name], role: str) -> tuple[Function, ...]:
    """The functions of these names, whatever their arguments, that the role cannot call."""
    rows = _rows(session, queries.FUNCTIONS, _arrays(names) | {"role": role})
    signatures = _signatures(session, [row["oid"] for row in rows])
    return tuple(
        Function(
            name=signatures[row["oid"]], schema=row["schema"], usage=row["usage"], execute=row["execute"]
        )
        for row in rows
    )


def find_reached(session: Session, relations: Sequence[str], role: str) -> tuple[Guard, ...]:
    """The grants that the role lacks on what defaults, checks, policies and views of these relations use."""
    rows = _rows(session, queries.REACHED, {"relations": list(relations), "role": role})
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
    if not functions:
        return {}
    rows = _rows(session, queries.SIGNATURES, {"functions": functions})
    return {row["oid"]: row["name"] for row in rows}


def find_triggers(session: Session, attempt: Attempt, relations: Sequence[str]) -> tuple[Guard, ...]:
    """The triggers whose function the error's context names, innermost frame first."""
    # A frame reads "PL/pgSQL function public.check() line 3 at RAISE": the name follows a blank.
    rows = _rows(session, queries.TRIGGERS, {"context": attempt.context, "relations": list(relations)})
    return tuple(dict.fromkeys(Trigger(**row) for row in rows))


def find_constraints(session: Session, attempt: Attempt) -> tuple[Guard, ...]:
    """The constraints, unique indexes and columns without NULL that the error names."""
    if attempt.constraint:
        named = {"name": attempt.constraint, "table": attempt.table}
        found = tuple(_constraint(row) for row in _rows(session, queries.CONSTRAINTS, named))
        if found:
            return found
    if attempt.column:
        rows = _rows(session, queries.NOT_NULL, {"table": attempt.table, "column": attempt.column})
        return tuple(NotNull(table=row["table"], column=attempt.column) for row in rows)
    return ()


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


def _arrays(names: Sequence[Name]) -> dict[str, Any]:
    return {"schemas": [name.schema for name in names], "names": [name.name for name in names]}


def _rows(session: Session, query: LiteralString, params: dict[str, Any]) -> list[dict[str, Any]]:
    with session.as_owner():
        return session.connection.cursor(row_factory=dict_row).execute(query, params).fetchall()
