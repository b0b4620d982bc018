"""Which tables are filled, in which order, and what their keys say of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pgassay.catalog.tables import Table
from pgassay.world.sign_ups import USERS

_PLATFORM = ("cron", "net", "vault", "pgmq", "pgsodium", "supabase_migrations", "pgassay", "extensions")


def order_tables(tables: Iterable[Table]) -> list[Table]:
    """Parents first; in a circle, whichever table needs fewest of those that are still to come."""
    waiting = {table.oid: table for table in sorted(tables, key=lambda table: table.name)}
    ordered: list[Table] = []
    while waiting:
        table = min(waiting.values(), key=lambda table: _needs(table, waiting.keys()))
        ordered.append(waiting.pop(table.oid))
    return ordered


def _needs(table: Table, waiting: Iterable[int]) -> tuple[int, int, str]:
    """How many parents a row must have, and how many it may have, that are not filled yet."""
    keys = [key for key in table.foreign_keys if key.target_oid in waiting and key.target_oid != table.oid]
    required = [key for key in keys if all(table.columns[name].not_null for name in key.columns)]
    return len(required), len(keys), table.name


def is_own(table: Table) -> bool:
    """Whether it is the project's, and none of the platform's or of an extension."""
    is_platform = table.owner.startswith(("supabase_", "pgassay_supautils")) or table.schema in _PLATFORM
    return not is_platform and not table.is_of_extension


def names_users_alone(table: Table) -> bool:
    """Whether its rows are of users everywhere, not in a group: those are somewhere, and nowhere else."""
    return all(key.target == USERS or table.columns[key.columns[0]].primary for key in table.foreign_keys)
