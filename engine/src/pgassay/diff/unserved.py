"""More that roles of the API hold on tables that PostgREST does not serve, where the matrix tries nothing.

Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.tables import Table
from pgassay.diff.platform_attempts import MESSAGES
from pgassay.diff.sentences import join

_DEEDS = ("select", "insert", "update", "delete")
_OPENING = ("grant", "grant on schema", "policy", "relation")
_EVERYBODY = "public"


def find_unserved(
    changes: Sequence[SchemaChange],
    tables: Collection[Table],
    *,
    roles: Collection[str],
    base: Inventory,
    head: Inventory,
) -> Iterator[tuple[str, tuple[SchemaChange, ...]]]:
    """A sentence for each of the `tables` that both sides have, of the `roles` that policies bind."""
    for table in tables:
        is_new = ObjectKey("relation", table.name, "") not in base.objects
        if table.reachable or is_new or table.name == MESSAGES:  # there something is tried
            continue
        causes = tuple(
            one
            for one in changes
            if one.key.kind in _OPENING and one.key.object in (table.name, table.schema)
        )
        people: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for role in sorted(roles) if causes else ():
            more = [
                deed.upper()
                for deed in _DEEDS
                if _is_open(head, table, role, deed) and not _is_open(base, table, role, deed)
            ]
            people[tuple(more)].append(role)
        for deeds, some in people.items():
            if deeds:
                yield (
                    f"{join(some)} can now {join(deeds)} {table.name}, which PostgREST does not serve.",
                    causes,
                )


def _is_open(schema: Inventory, table: Table, role: str, deed: str) -> bool:
    """Whether a role holds the privilege, and some policy may let it do so where policies are asked."""
    said = schema.objects.get(ObjectKey("relation", table.name, ""), {})
    commands = {
        policy.get("command")
        for key, policy in schema.objects.items()
        if (key.kind, key.object) == ("policy", table.name)
    }
    is_filtered = said.get("row level security") in ("true", "on")
    return (
        _holds(schema, "grant on schema", table.schema, role, "usage")
        and _holds(schema, "grant", table.name, role, deed)
        and (not is_filtered or not commands.isdisjoint({deed, "all"}))
    )


def _holds(schema: Inventory, kind: str, name: str, role: str, verb: str) -> bool:
    held = (schema.objects.get(ObjectKey(kind, name, one), {}) for one in (role, _EVERYBODY))
    return any(privilege.split(" ")[0] == verb for one in held for privilege in one)
