"""Who may do things everywhere: tables that conditions ask about a user, and about no row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pgassay.catalog.model import Function
from pgassay.catalog.tables import Surface, Table
from pgassay.solver.model import Source, Value
from pgassay.solver.schema import Schema
from pgassay.solver.solver import Solver
from pgassay.world.claims import Claims, find_asked, reads_row
from pgassay.world.order import is_own
from pgassay.world.sign_ups import USERS

Asked = Mapping[str, frozenset[str]]
"""Tables, each with its columns, by what SQL calls them."""


def find_asked_alone(solver: Solver, surface: Surface, functions: Iterable[Function]) -> Asked:
    """What those atoms of policies ask that are about no row."""
    tables = surface.by_name
    texts = [
        atom.text
        for condition in solver.conditions()
        if condition.source in (Source.USING, Source.CHECK)
        for atom in solver.atoms(condition)
        if condition.table in tables and not reads_row(atom.text, tables[condition.table].relation)
    ]
    return find_asked(texts, functions)


def find_rosters(asked: Asked, claims: Claims, surface: Surface) -> frozenset[str]:
    """Tables that say who may do things everywhere, such as administrators: not everybody is in there.

    What other tables refer to is none: those have rows of everybody's. Nor is what has a default in a
    column that is asked for, such as a profile's role.
    """
    tables = surface.by_name
    referred = {key.target for table in tables.values() if is_own(table) for key in table.foreign_keys}
    rosters = {name: tables[name] for name in _keyed(asked, claims) - referred if name in tables}
    return frozenset(
        name
        for name, table in rosters.items()
        if _names_users_alone(table)
        and not any(
            column.default and not column.primary and column.name in asked[name]
            for column in table.columns.values()
        )
    )


def find_roles(
    asked: Asked, claims: Claims, surface: Surface, schema: Schema
) -> Mapping[str, Mapping[str, Value]]:
    """What such tables say of the second user: the last word of each list, where the first one has the first.

    What has a default says the same of everybody at first.
    """
    found = {}
    for name in _keyed(asked, claims) & surface.by_name.keys():
        columns = surface.by_name[name].columns.values()
        words = {
            column.name: column.labels or schema.words(name, column.name)
            for column in columns
            if column.name in asked[name] and not column.has_default and not column.generated
        }
        found[name] = {column: listed[-1] for column, listed in words.items() if len(listed) > 1}
    return found


def _keyed(asked: Asked, claims: Claims) -> frozenset[str]:
    """Of the tables those that are asked about a user."""
    return frozenset(asked.keys() & {table for (table, _), claim in claims.items() if claim == "sub"})


def _names_users_alone(table: Table) -> bool:
    """Not the members of a group: those are somewhere, and nowhere else."""
    return all(key.target == USERS or table.columns[key.columns[0]].primary for key in table.foreign_keys)
