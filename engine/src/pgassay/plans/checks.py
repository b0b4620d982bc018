"""Does a plan keep its contract? Pure: each check yields one sentence a breach."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.plans.calls import Functions, Name, find_fault, read_calls
from pgassay.plans.model import Contract, Node, Sighting


def find_breaches(
    contract: Contract, sightings: tuple[Sighting, ...], functions: Functions
) -> tuple[str, ...]:
    """Everything in which the plans fall short; one sentence for what custom and generic plan share."""
    found: dict[str, list[str]] = {}
    for sighting in sightings:
        for breach in _breaches(contract, sighting, functions):
            found.setdefault(breach, []).append(sighting.mode)
    return tuple(
        breach if len(modes) == len(sightings) else f"{breach} ({modes[0]} plan)"
        for breach, modes in found.items()
    )


def _breaches(contract: Contract, sighting: Sighting, functions: Functions) -> Iterator[str]:
    for check in _CHECKS:
        yield from check(contract, sighting)
    yield from _finds_something(sighting)
    yield from dict.fromkeys(_calls(sighting, functions))


def _uses_indexes(contract: Contract, sighting: Sighting) -> Iterator[str]:
    others = ", ".join(sorted(sighting.indexes)) or "no index"
    for index in contract.indexes:
        if index not in sighting.indexes:
            yield f"does not use {index} but {others}"
        elif contract.index_only and not _reads_alone(sighting, index):
            yield f"visits the table, though {index} holds all it needs"


def _reads_alone(sighting: Sighting, index: str) -> bool:
    return any(node.kind == "Index Only Scan" and node.index == index for node in sighting.plan.nodes)


def _reads_nothing_whole(contract: Contract, sighting: Sighting) -> Iterator[str]:
    for table in sorted(sighting.whole.difference(contract.whole)):
        yield f"reads all of {table}"


def _sorts_nothing(contract: Contract, sighting: Sighting) -> Iterator[str]:
    if not contract.sorts and any(node.kind.endswith("Sort") for node in sighting.plan.nodes):
        yield "sorts"


def _touches_few_buffers(contract: Contract, sighting: Sighting) -> Iterator[str]:
    touched = sighting.plan.buffers
    if contract.buffers is not None and touched is not None and touched > contract.buffers:
        yield f"touches {touched} buffers, more than {contract.buffers}"


def _estimates_well(contract: Contract, sighting: Sighting) -> Iterator[str]:
    """Of custom plans: a generic one knows no parameters to estimate by."""
    if contract.rows_within is None or sighting.mode != "custom":
        return
    for node in _finished(sighting.plan.root):
        if node.actual is None:
            return
        expected, found = max(node.estimated, 1), max(node.actual, 1)
        if max(expected / found, found / expected) > contract.rows_within:
            where = f" of {node.relation}" if node.relation else ""
            yield f"expects {expected:g} rows{where} and finds {found:g}"


def _finished(node: Node) -> Iterator[Node]:
    """The nodes that ran to their end; below a Limit they stop when enough is found."""
    if node.relation or node.kind == "Limit":
        yield node
    if node.kind != "Limit":
        for child in node.children:
            if child.loops:
                yield from _finished(child)


def _finds_something(sighting: Sighting) -> Iterator[str]:
    """A plan that met no row proves nothing."""
    root = sighting.plan.root
    if root.actual is None:
        return
    source = root.children[0] if root.kind == "ModifyTable" and root.children else root
    if not source.actual:
        yield "finds no row in the load"


def _stays_hot(contract: Contract, sighting: Sighting) -> Iterator[str]:
    scans = sighting.scans
    if contract.hot is None or sighting.plan.buffers is None:
        return
    if not scans.updated or scans.hot < contract.hot * scans.updated:
        yield f"{scans.hot} of {scans.updated} updated rows are HOT"


def _calls(sighting: Sighting, functions: Functions) -> Iterator[str]:
    for called, where in _per_row(sighting):
        if fault := find_fault(called, functions):
            yield f"calls {'.'.join(filter(None, called))}() in {where}: {fault.value}"


def _per_row(sighting: Sighting) -> Iterator[tuple[Name, str]]:
    """The functions that are called for each row, and where."""
    for node in sighting.plan.nodes:
        if node.kind == "Bitmap Index Scan":
            continue  # what it looks for is the heap scan's recheck too
        for condition in node.conditions:
            for called in read_calls(condition):
                yield called, f"a condition of {node.relation or node.kind}"
    for check in sighting.checks:
        for called in check.calls:
            yield called, f'the check of policy "{check.policy}" on {check.table}'


_CHECKS = (
    _uses_indexes,
    _reads_nothing_whole,
    _sorts_nothing,
    _touches_few_buffers,
    _estimates_well,
    _stays_hot,
)
