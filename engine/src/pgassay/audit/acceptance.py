"""Findings that people accept, each with a reason, in a file that reviewers see."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from pgassay.audit.model import Audit, Finding
from pgassay.catalog.inventory import Inventory
from pgassay.errors import ConfigError
from pgassay.matrix.model import strip_bucket
from pgassay.render.output import check_writable, write_report
from pgassay.toml import decode, read_toml

FILE = "audit.toml"
_HEADER = "# Findings of `pgassay audit` that are meant so. Each expires when its object changes.\n"


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """Why a finding is none, for as long as its object is what `fingerprint` says."""

    id: str
    because: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class _File:
    accepted: tuple[Acceptance, ...] = ()


def read_acceptances(path: Path) -> tuple[Acceptance, ...]:
    """What the file says; nothing where there is none. Raises ConfigError for a broken one."""
    if not path.exists():
        return ()
    return decode(read_toml(path), _File, where=str(path)).accepted


def check_acceptable(path: Path, because: str) -> None:
    """Refuse before the audit what could not be kept after it. Raises ConfigError."""
    if not because.strip():
        raise ConfigError("An acceptance needs a reason.", fixes=('say why: --because "…"',))
    check_writable(path)
    read_acceptances(path)


def accept(path: Path, audit: Audit, id_: str, because: str) -> Acceptance:
    """Write that a finding is accepted. Raises ConfigError where there is no such finding."""
    finding = next((finding for finding in audit.findings if finding.id == id_), None)
    if finding is None:
        raise ConfigError(
            f"There is no finding {id_}.", fixes=("give its id as the report shows it, after `id`",)
        )
    acceptance = Acceptance(id=id_, because=because, fingerprint=finding.fingerprint)
    others = [one for one in read_acceptances(path) if one.id != id_]
    write_report(path, spell_acceptances([*others, acceptance]))
    return acceptance


def spell_acceptances(acceptances: Sequence[Acceptance]) -> str:
    """As TOML, in the order of the ids."""
    blocks = (
        "\n[[accepted]]\n"
        + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in vars(one).items())
        for one in sorted(acceptances, key=lambda one: one.id)
    )
    return _HEADER + "".join(blocks)


def apply_acceptances(audit: Audit, acceptances: Sequence[Acceptance]) -> Audit:
    """With what is accepted marked; what is accepted no more, or of nothing, is told."""
    by_id: Mapping[str, Acceptance] = {one.id: one for one in acceptances}
    findings = tuple(_marked(finding, by_id.get(finding.id)) for finding in audit.findings)
    there = {finding.id: finding for finding in findings}
    expired = tuple(
        f"{one.id}: its object has changed since"
        if one.id in there
        else f"{one.id}: nothing is found any more"
        for one in acceptances
        if one.id not in there or not there[one.id].accepted
    )
    return replace(audit, findings=findings, expired=expired)


def _marked(finding: Finding, acceptance: Acceptance | None) -> Finding:
    if acceptance and acceptance.fingerprint == finding.fingerprint:
        return replace(finding, accepted=acceptance.because)
    return finding


def fingerprint(inventory: Inventory, object_: str) -> str:
    """Of all that access to an object depends on, as far as the catalog says."""
    reach = inventory.reach(strip_bucket(object_))
    facts = sorted(
        (*key, *sorted(said.items())) for key, said in inventory.objects.items() if key.object in reach
    )
    return sha256(repr(facts).encode()).hexdigest()[:16]
