"""What ran and what never did, out of an inventory and its counts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from pgassay.coverage.inventory import CountedFunction, CountedPolicy, CoverageInventory, Uncounted
from pgassay.errors import ExitCode, Place
from pgassay.plpgsql.model import TRUTHS
from pgassay.toml import read_entries
from pgassay.verdict import Case, Stage, Status

Kind = Literal["statement", "branch", "atom", "null"]
Text = Annotated[str, Meta(pattern=r"\S")]
REQUIRED: tuple[Kind, ...] = ("statement", "atom")
"""The kinds of which each must have been seen, or be listed as an exemption."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that is counted: `what` it is within its `subject`, a function or a policy.

    An atom of a policy makes three: that it was true, that it was false ("atom"), and that it was NULL.
    """

    kind: Kind
    subject: str
    what: str
    place: Place | None
    count: int


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """What may stay unseen: the `subject` and `what` of an item, and why."""

    subject: Text
    what: Text
    reason: Text


def read_exemptions(path: Path | None) -> tuple[Exemption, ...]:
    """The entries `[[uncovered]]` of a TOML file; none where there is no file. Raises ConfigError."""
    return read_entries(path, "uncovered", Exemption)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often each item was seen. `beyond` names what has no statements of its own to count."""

    items: tuple[Item, ...]
    exemptions: tuple[Exemption, ...]
    beyond: tuple[Uncounted, ...]

    @property
    def missing(self) -> tuple[Item, ...]:
        """What should have been seen and never was, and is not exempt."""
        exempt = {(exemption.subject, exemption.what) for exemption in self.exemptions}
        return tuple(item for item in self._unseen(*REQUIRED) if (item.subject, item.what) not in exempt)

    @property
    def untaken(self) -> tuple[Item, ...]:
        """The branches that were never taken: they need not be."""
        return tuple(self._unseen("branch"))

    @property
    def stale(self) -> tuple[Exemption, ...]:
        """Exemptions of what was seen, or is not there."""
        unseen = {(item.subject, item.what) for item in self._unseen(*REQUIRED)}
        return tuple(e for e in self.exemptions if (e.subject, e.what) not in unseen)

    def _unseen(self, *kinds: Kind) -> Iterator[Item]:
        return (item for item in self.items if not item.count and item.kind in kinds)


def assess_coverage(
    inventory: CoverageInventory, counts: Mapping[str, int], exemptions: tuple[Exemption, ...]
) -> Coverage:
    """Put together what there is with how often it ran (by name; missing: never)."""
    items = [item for plan in inventory.functions for item in _function_items(plan, counts)]
    items += [item for policy in inventory.policies for item in _policy_items(policy, counts)]
    items += [_refused(uncounted) for uncounted in inventory.refused]
    return Coverage(items=tuple(items), exemptions=exemptions, beyond=inventory.beyond)


def _function_items(plan: CountedFunction, counts: Mapping[str, int]) -> Iterator[Item]:
    subject = plan.function.function
    for point in plan.points:
        count = counts.get(point.name, 0)
        yield Item(kind="statement", subject=subject, what=point.text, place=point.place, count=count)
    for branch in plan.branches:
        what = branch.text if branch.kind not in ("no else", "no turn") else f"{branch.kind}: {branch.text}"
        count = counts.get(branch.name, 0)
        yield Item(kind="branch", subject=subject, what=what, place=branch.place, count=count)


def _policy_items(plan: CountedPolicy, counts: Mapping[str, int]) -> Iterator[Item]:
    for atom in plan.atoms:
        for truth in TRUTHS:
            yield Item(
                kind="null" if truth == "null" else "atom",
                subject=atom.policy,
                what=f"{atom.clause} {atom.text} is {truth}",
                place=atom.place,
                count=counts.get(f"{atom.name} {truth}", 0),
            )


def _refused(uncounted: Uncounted) -> Item:
    what = f"no probe can be placed: {uncounted.reason}"
    return Item(kind="statement", subject=uncounted.subject, what=what, place=None, count=0)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the suites covered, and what became of them.

    `suites` ran with counters. `failed` are the tests that fail without them too; `disturbed` those that only
    fail with them, because they look at plans or at the text of the schema. `unread` are databases whose
    counts are lost.
    """

    coverage: Coverage
    suites: Stage
    failed: tuple[Case, ...]
    disturbed: tuple[Case, ...]
    unread: tuple[str, ...]
    seconds: float

    @property
    def exit_code(self) -> ExitCode:
        """Good only if the suites pass, their counts are whole, and nothing is missing or stale."""
        if self.suites.status is Status.NOT_JUDGED or self.unread:
            return ExitCode.CANNOT_JUDGE
        problem = self.failed or self.coverage.missing or self.coverage.stale
        return ExitCode.SCHEMA_PROBLEM if problem else ExitCode.GOOD
