"""Plan contracts, how files have them, and what was seen of them. Tables and indexes go by bare names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pglast import parser

from pgassay.errors import ConfigError, Place
from pgassay.plans.calls import PolicyCheck
from pgassay.toml import Scalar, decode, read_toml, spell

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
    updates = node.get("Conflict Resolution") == "UPDATE"
    return Node(
        kind=node["Node Type"],
        relation=node.get("Relation Name", ""),
        index=node.get("Index Name", ""),
        writes=_WRITES.get(node.get("Operation", ""), "") + ("w" if updates else ""),
        estimated=node["Plan Rows"],
        actual=node.get("Actual Rows"),
        loops=node.get("Actual Loops", 0),
        conditions=tuple(node[key] for key in _CONDITIONS if key in node),
        children=tuple(map(_read, node.get("Plans", ()))),
    )


@dataclass(frozen=True, kw_only=True)
class _Clauses(Contract):
    """As a file has them: `index` is short for a list of one."""

    index: str = ""
    parameters: tuple[Scalar, ...] = ()  # type: ignore[assignment]


def read_contracts(paths: tuple[Path, ...]) -> tuple[Contract, ...]:
    """The contracts of TOML files, and of all such files in folders, in order of files and lines.

    Raises ConfigError for a broken file, an unknown or missing key, a wrong type, a query that is not one
    statement, a name that occurs twice, and where there is no contract at all.
    """
    contracts = tuple(contract for file in _files(paths) for contract in _read_file(file))
    names = Counter(contract.name for contract in contracts)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ConfigError(f"Two plan contracts have the same name: {', '.join(twice)}")
    if not contracts:
        where = f"Looked in {', '.join(map(str, paths))}" if paths else "The configuration names no plans."
        fix = "write one there: see `pgassay help plans`" if paths else 'add plans = ["tests/plans"]'
        raise ConfigError("There is no plan contract.", why=where, fixes=(fix,))
    return contracts


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*.toml")) if path.is_dir() else [path]


def _read_file(file: Path) -> Iterator[Contract]:
    document = read_toml(file)
    if set(document) != {"contract"}:
        raise ConfigError(f"{file} must hold tables [[contract]] and nothing else.")
    for table in decode(document["contract"], list[dict[str, Any]], where=str(file)):
        yield _read_contract(file, table)


def _read_contract(file: Path, table: dict[str, Any]) -> Contract:
    where = f'the contract "{table.get("name", "without a name")}" in {file}'
    clauses = asdict(decode(table, _Clauses, where=where, without=("place",)))
    _check_query(clauses["query"], where)
    index = clauses.pop("index")
    indexes = (*([index] if index else []), *clauses["indexes"])
    parameters = tuple(map(spell, clauses["parameters"]))
    place = Place(file=file, line=_line_of(clauses["name"], file))
    return Contract(**clauses | {"indexes": indexes, "parameters": parameters, "place": place})


def _line_of(name: str, file: Path) -> int:
    """The line of a contract's name, which tomllib does not tell; 0 where it is written in another way."""
    lines = file.read_text(encoding="utf-8").splitlines()
    wanted = f'name = "{name}"'
    return lines.index(wanted) + 1 if wanted in lines else 0


def _check_query(query: str, where: str) -> None:
    try:
        statements = parser.split(query)
    except parser.ParseError as error:
        raise ConfigError(f"The query of {where} is not SQL: {error.args[0]}") from error
    if len(statements) != 1:
        raise ConfigError(f"The query of {where} is {len(statements)} statements, not one.")
