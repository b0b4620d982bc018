"""Whether statements may be planned once: what is called immutable, and is not, would be asked only once."""

from __future__ import annotations

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, Relation
from pgassay.catalog.read import Catalog

# Of the server's own; the time is the same in a whole transaction.
_OF_REQUESTS = frozenset({"current_setting", "current_user", "session_user", "current_role", "user"})
_READABLE = ("sql", "plpgsql")


def can_plan_once(catalog: Catalog) -> bool:
    """Not where an immutable function reads a table, a setting, or calls what is not immutable.

    The planner computes its calls with constants. By their words: one that only seems to is enough.
    """
    changing = {relation.relation for relation in catalog.of(Relation)} | _OF_REQUESTS
    changing |= {function.name for function in catalog.of(Function) if function.volatility != "i"}
    immutable = [f for f in catalog.of(Function) if f.volatility == "i" and f.language in _READABLE]
    return all(changing.isdisjoint(find_literals([function.text]).words) for function in immutable)
