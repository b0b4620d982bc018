"""What the statements of the files grant and revoke by the names of objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast
from pglast.enums import GrantTargetType, ObjectType

from pgassay.catalog.names import spell

PUBLIC = "public"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one statement grants or revokes on one object."""

    grants: bool
    kind: str
    object: str
    privileges: frozenset[str]
    columns: tuple[str, ...]
    roles: frozenset[str]


def read_said(node: Any) -> Iterator[Said]:  # noqa: ANN401 - pglast's trees are untyped
    """What a statement of the files grants and revokes by the names of objects."""
    if isinstance(node, ast.GrantStmt) and node.targtype == GrantTargetType.ACL_TARGET_OBJECT:
        yield from _of(node)


def _of(node: Any) -> Iterator[Said]:  # noqa: ANN401 - pglast's trees are untyped
    kinds = {
        ObjectType.OBJECT_TABLE: "table",
        ObjectType.OBJECT_FUNCTION: "function",
        ObjectType.OBJECT_ROUTINE: "function",
        ObjectType.OBJECT_PROCEDURE: "function",
    }
    kind = kinds.get(node.objtype)
    roles = frozenset(role.rolename or PUBLIC for role in node.grantees)
    for item in node.objects or () if kind else ():
        name = _name(item)
        if not node.privileges:
            yield Said(
                grants=node.is_grant,
                kind=str(kind),
                object=name,
                privileges=frozenset(),
                columns=(),
                roles=roles,
            )
            continue
        for privilege in node.privileges:
            yield Said(
                grants=node.is_grant,
                kind=str(kind),
                object=name,
                privileges=frozenset([privilege.priv_name]) if privilege.priv_name else frozenset(),
                columns=tuple(column.sval for column in privilege.cols or ()),
                roles=roles,
            )


def _name(item: Any) -> str:  # noqa: ANN401
    if isinstance(item, ast.RangeVar):
        return spell(item.schemaname or "public", item.relname)
    parts = [part.sval for part in item.objname]
    return spell(*parts) if len(parts) > 1 else spell("public", parts[0])
