"""What of a catalog can be rewritten, with its place in the files of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from pgassay.catalog.model import Function as CatalogFunction
from pgassay.catalog.model import Policy as CatalogPolicy
from pgassay.catalog.model import Role
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.plpgsql.model import Function, Policy
from pgassay.plpgsql.sources import NO_SOURCES, Sources


def read_functions(connection: psycopg.Connection[Any]) -> tuple[Function, ...]:
    """The PL/pgSQL functions that the connection's role owns."""
    return find_functions(read_catalog(connection, CatalogFunction))


def find_functions(catalog: Catalog, *, sources: Sources = NO_SOURCES) -> tuple[Function, ...]:
    """The PL/pgSQL functions of who read the catalog."""
    found = (
        Function(
            signature=function.function,
            definition=function.definition,
            body=function.body,
            place=sources.bodies.get((function.name, function.body)),
        )
        for function in catalog.of(CatalogFunction)
        if function.language == "plpgsql" and function.owner == catalog.user
    )
    return tuple(sorted(found, key=lambda function: function.signature))


def find_policies(catalog: Catalog, *, sources: Sources = NO_SOURCES) -> tuple[Policy, ...]:
    """The policies on tables that who read the catalog may alter."""
    return tuple(sorted(_policies(catalog, sources), key=lambda policy: (policy.table, policy.name)))


def _policies(catalog: Catalog, sources: Sources) -> Iterator[Policy]:
    [reach] = (role.reach for role in catalog.of(Role) if role.name == catalog.user)
    for policy in catalog.of(CatalogPolicy):
        table = catalog.relations[policy.relation_oid]
        if table.owner in reach:
            yield Policy(
                table=policy.table,
                name=policy.name,
                quoted=policy.quoted,
                clauses=policy.clauses,
                place=sources.policies.get((table.relation, policy.name)),
            )
