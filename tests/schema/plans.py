"""What the planner chose, from EXPLAIN, and what a statement really scanned, from its statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pgassay.database import Session


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The nodes of one plan, outermost first."""

    nodes: tuple[dict[str, Any], ...]

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def read_whole(self) -> set[str]:
        """Tables under a sequential scan."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    @property
    def sorts(self) -> list[str]:
        return [node["Node Type"] for node in self.nodes if node["Node Type"].endswith("Sort")]


def explain(session: Session, query: str, params: Sequence[Any] = ()) -> Plan:
    """The plan of `query` for whom the session acts as, RLS included."""
    return _plan(session.value(f"explain (format json) {query}", params))


def explain_generic(session: Session, query: str, arguments: str) -> Plan:
    """The plan of `query` (with $1, $2 …) that serves any arguments, as prepared statements end up with."""
    session.execute("set local plan_cache_mode = force_generic_plan")
    session.execute(f"prepare hot as {query}")
    try:
        return _plan(session.value(f"explain (format json) execute hot ({arguments})"))
    finally:
        session.execute("deallocate hot")


def scan_counts(session: Session) -> Counter[str]:
    """How often each index was scanned and each table read whole, up to now in this transaction."""
    query = """
        select relname, pg_stat_get_xact_numscans(oid) as scans from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')
    """
    return Counter({row["relname"]: row["scans"] for row in session.execute(query).rows})


def _plan(document: list[dict[str, Any]]) -> Plan:
    return Plan(nodes=tuple(_walk(document[0]["Plan"])))


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
