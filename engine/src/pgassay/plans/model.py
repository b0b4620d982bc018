"""Plan contracts and what was seen of them, as values. Tables and indexes go by their bare names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pgassay.errors import Place
from pgassay.plans.calls import PolicyCheck

OWNER = "owner"
"""The persona that stands for the role that owns the schema."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What must hold for the plan of one query, run as a persona under RLS.

    `query` has $1, $2 … where `parameters` go. Every index in `indexes` is used, no table but those in
    `whole` is read whole; `buffers` is the most pages touched (8 kB each), `rows_within` the largest factor
    between estimated and actual rows. `sorts`: a sort is part of it; `index_only`: the table is not visited;
    `hot`: at least this share of the updated rows gets no new index entries.
    """

    name: str
    persona: str
    query: str
    parameters: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    buffers: int | None = None
    rows_within: float | None = None
    sorts: bool = False
    index_only: bool = False
    hot: float | None = None
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node of a plan. `conditions` are expressions evaluated for each row that reaches it.

    `writes` are the commands whose policies apply to what it writes, as letters of pg_policy.polcmd.

    `estimated` and `actual` count rows per loop; `actual` is None where nothing was executed.
    """

    kind: str
    relation: str = ""
    index: str = ""
    writes: str = ""
    estimated: float = 0
    actual: float | None = None
    loops: float = 0
    conditions: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it, outermost first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan as EXPLAIN tells it. `buffers` are pages found or read, None where nothing was executed."""

    root: Node
    buffers: int | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(self.root.walk())


@dataclass(frozen=True, kw_only=True)
class Scans:
    """What a statement really did, also inside functions and triggers, from the server's own counters."""

    indexes: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    updated: int = 0
    hot: int = 0


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One plan of a contract's query: `custom` for its parameters, or `generic` for any."""

    mode: str
    plan: Plan
    scans: Scans = Scans()
    checks: tuple[PolicyCheck, ...] = ()

    @property
    def indexes(self) -> frozenset[str]:
        return self.scans.indexes | {node.index for node in self.plan.nodes if node.index}

    @property
    def whole(self) -> frozenset[str]:
        read = {node.relation for node in self.plan.nodes if node.kind == "Seq Scan"}
        return self.scans.whole | read


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether a contract holds: `breaches` says why not; `fault` says why that could not be judged."""

    contract: Contract
    sightings: tuple[Sighting, ...] = ()
    breaches: tuple[str, ...] = ()
    fault: str = ""

    @property
    def holds(self) -> bool:
        return not self.breaches and not self.fault

    @property
    def why(self) -> str:
        return self.fault or "; ".join(self.breaches)

    @property
    def indexes(self) -> frozenset[str]:
        """Every index that some plan used."""
        return frozenset().union(*(sighting.indexes for sighting in self.sightings))


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
