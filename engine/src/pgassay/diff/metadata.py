"""Metadata of accounts, which their users choose: what the functions that follow an account make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import ObjectKey

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


def read_literals(base: Inventory, head: Inventory) -> Literals:
    """What the functions that follow accounts look for in metadata."""
    texts = [
        [
            side.objects.get(ObjectKey("function", name, ""), {}).get("body", "")
            for name in sorted(side.reach(USERS))
        ]
        for side in (head, base)
    ]
    return find_literals(*texts)


def read_changed(base: Inventory, head: Inventory) -> Literals:
    """The same of those that HEAD has otherwise."""
    keys = [ObjectKey("function", name, "") for name in sorted(head.reach(USERS))]
    bodies = [[side.objects.get(key, {}).get("body", "") for key in keys] for side in (base, head)]
    return find_literals([new for old, new in zip(*bodies, strict=True) if new != old])


def find_addresses(literals: Literals) -> Iterator[str]:
    """E-mail addresses that are, or match, what is said: somebody can have one like that."""
    for text in literals.strings:
        if "@" in text and not text.endswith("@"):
            yield text.replace("%", "pgassay").replace("_", "x") if text[0] != "@" else f"pgassay{text}"


def find_followers(schema: Inventory) -> frozenset[str]:
    """What functions that follow accounts use and write."""
    functions = schema.reach(USERS)
    return functions.union(*(schema.feeds.get(name, frozenset()) for name in functions)) - {USERS}
