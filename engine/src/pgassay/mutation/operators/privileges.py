"""Privileges too many and too few."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.catalog.names import role_name
from pgassay.mutation.operators.base import Edit, change, example
from pgassay.mutation.things import Privilege

_SHOP = """
    create table public.shop (name text);
    grant all on public.shop to anon;
"""


@example(f"{_SHOP} revoke delete on public.shop from anon;", "grant delete on table public.shop to anon")
@example(
    f"{_SHOP} revoke update on public.shop from anon;",
    "grant update on table public.shop to anon",
    "grant update (name) on table public.shop to anon",
)
def grant_back(thing: Privilege) -> Iterator[Edit]:
    """A role has a privilege that it should not have."""
    if not thing.granted:
        yield change("was granted", f"grant {thing.what} to {role_name(thing.role)}")


@example(
    "create table public.shop (name text); revoke all on public.shop from anon;"
    " grant select on public.shop to anon;"
    " grant update (name) on public.shop to anon;",
    "revoke select on table public.shop from anon",
    "revoke update (name) on table public.shop from anon",
)
def revoke_grant(thing: Privilege) -> Iterator[Edit]:
    """A role lacks a privilege that it should have."""
    if thing.granted:
        yield change("was revoked", f"revoke {thing.what} from {role_name(thing.role)}")
