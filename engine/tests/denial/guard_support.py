"""Guards of the shop, in short."""

from __future__ import annotations

from typing import Any, Literal

from pgassay.denial import Grant, Policy


def grant(privilege: str, thing: str, *columns: str, role: str = "authenticated", **more: Any) -> Grant:
    return Grant(privilege=privilege, object=thing, columns=columns, role=role, **{"kind": "table"} | more)


def policy(table: str, name: str, clause: Literal["USING", "WITH CHECK"] = "USING") -> Policy:
    return Policy(table=table, name=name, clause=clause)
