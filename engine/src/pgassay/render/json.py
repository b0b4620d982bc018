"""What all of the JSON documents share: docs/json.md is the contract, version 1."""

from __future__ import annotations

from pgassay.verdict import Counts

VERSION = 1


def counts_document(counts: Counts) -> dict[str, int]:
    return {"passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped}
