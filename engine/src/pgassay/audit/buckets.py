"""Policies of storage.objects, bucket by bucket: one table holds what belongs to many things."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.scene import Scene
from pgassay.audit.words import is_shown
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Policy
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal

_WHOSE = ("name", "owner", "owner_id", "path_tokens")


def is_about(sample: Sample, policy: Policy) -> bool:
    """Whether it may let these rows through: it names their bucket, or none."""
    said = find_literals(text for _, text in policy.clauses)
    return not sample.bucket or sample.bucket in said.strings or "bucket_id" not in said.words


def parted_by(scene: Scene, sample: Sample) -> Iterator[Policy]:
    """Those that ask whose an object is, of a bucket that is not public, nor called as if it were."""
    public = f"select 1 from storage.buckets where public and id = {literal(sample.bucket)}"
    is_private = sample.bucket and not is_shown(sample.bucket)
    if is_private and not scene.ask(None, [[public]])[0].rows[0]:
        for policy in scene.policies.get(sample.table.oid, ()):
            if policy.permissive and is_about(sample, policy) and _asks_whose(policy):
                yield policy


def _asks_whose(policy: Policy) -> bool:
    """Whether it compares who asks with where an object is, or with whose it is; not what rank he has."""
    said = find_literals(text for _, text in policy.clauses)
    return ("uid" in said.words or "sub" in said.strings) and not said.words.isdisjoint(_WHOSE)
