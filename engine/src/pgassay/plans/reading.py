"""The JSON of EXPLAIN as typed values."""

from __future__ import annotations

from typing import Any

from pgassay.plans.model import Node, Plan

# One-Time Filter is left out: it is evaluated once a statement.
_CONDITIONS = (
    "Filter",
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "TID Cond",
    "Order By",
)
_WRITES = {"Insert": "a", "Update": "w", "Delete": "d", "Merge": "awd"}


def read_plan(document: list[dict[str, Any]]) -> Plan:
    """The plan in a document of `explain (format json)`, with or without ANALYZE and BUFFERS."""
    root = document[0]["Plan"]
    executed = "Shared Hit Blocks" in root and "Actual Rows" in root
    buffers = root["Shared Hit Blocks"] + root["Shared Read Blocks"] if executed else None
    return Plan(root=_read(root), buffers=buffers)


def _read(node: dict[str, Any]) -> Node:
    return Node(
        kind=node["Node Type"],
        relation=node.get("Relation Name", ""),
        index=node.get("Index Name", ""),
        writes=_WRITES.get(node.get("Operation", ""), "") + ("w" if _may_update(node) else ""),
        estimated=node["Plan Rows"],
        actual=node.get("Actual Rows"),
        loops=node.get("Actual Loops", 0),
        conditions=tuple(node[key] for key in _CONDITIONS if key in node),
        children=tuple(map(_read, node.get("Plans", ()))),
    )


def _may_update(node: dict[str, Any]) -> bool:
    return node.get("Conflict Resolution") == "UPDATE"
