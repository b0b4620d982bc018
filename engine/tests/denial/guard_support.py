"""Guards of the shop, in short."""

from __future__ import annotations

from pgassay.denial import Grant, Policy


def grant(
    privilege: str, thing: str, *columns: str, kind: str = "table", role: str = "authenticated"
) -> Grant:
    return Grant(privilege=privilege, object=thing, columns=columns, kind=kind, role=role)


def policy(table: str, name: str, clause: str = "USING") -> Policy:
    return Policy(table=table, name=name, clause=clause)
