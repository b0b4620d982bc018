"""All that a database's catalogs say, object by object: to show that two of them are the same."""

from __future__ import annotations

from pgassay.catalog.everything_queries import CATALOG
from pgassay.catalog.inventory import Inventory, read_inventory
from pgassay.database import Session


def read_catalog(session: Session) -> Inventory:
    """As `read_inventory`, and beyond it comments, storage, sequences, domains, default privileges and more.

    Operators, casts, collations and the like are compared by name alone.
    """
    return read_inventory(session, properties=CATALOG)
