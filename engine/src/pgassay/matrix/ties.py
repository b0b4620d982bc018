"""What ties a row to users who do not own it: rows elsewhere that refer to it and name them, as shares do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Catalog, Column, ForeignKey, Table


def find_ties(
    catalog: Catalog, table: Table, *, holders: Mapping[int, frozenset[str]], ids: str, owners: str
) -> Iterator[str]:
    """SQL over the row `t`, for each such table: who is tied to it, and how by enums and booleans.

    `holders`: the columns of each table in which ids of personas occur. `ids` and `owners` are SQL of text[].
    """
    for other in catalog.tables.values():
        if other.oid == table.oid or not other.stored:
            continue
        for key in other.foreign_keys:
            if key.target == table.oid:
                for name in sorted(holders.get(other.oid, frozenset()) - set(key.columns)):
                    yield _tie(other, key, other.columns[name], ids=ids, owners=owners)


def _tie(other: Table, key: ForeignKey, holder: Column, *, ids: str, owners: str) -> str:
    user = f"o.{holder.quoted}::text"
    kinds = (f"o.{c.quoted}::text" for c in other.columns.values() if c.labels or c.type == "bool")
    joined = " and ".join(
        f"o.{quoted(ours)} = t.{quoted(theirs)}"
        for ours, theirs in zip(key.columns, key.target_columns, strict=True)
    )
    return (
        f"(select string_agg(v.tie, ',' order by v.tie) from ("
        f"select distinct concat_ws(' ', {', '.join([user, *kinds])}) as tie from {other.spelled} as o "
        f"where {joined} and {user} = any({ids}) and {user} <> all(array_remove({owners}, null))) as v)"
    )
