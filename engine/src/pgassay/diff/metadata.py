"""Metadata of accounts, which their users choose: documents that may matter to what follows an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

USERS = "auth.users"
VALUES = (1000007, True, "admin")
"""What a text that reads metadata may compare with, whatever it says."""


def nest(path: Sequence[str], value: object) -> dict[str, object]:
    """The document in which `value` is at the end of `path`."""
    first, *rest = path
    return {first: nest(rest, value) if rest else value}


def leaves(document: object) -> Iterator[object]:
    """The values at the ends of its paths."""
    if isinstance(document, Mapping):
        for value in document.values():
            yield from leaves(value)
    else:
        yield document
