"""What roles hold, by what was granted to them and to the roles that they reach. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pgassay.catalog.model import Grant, Policy, Relation, Role
from pgassay.catalog.names import quoted
from pgassay.catalog.read import Catalog

# What PostgreSQL's own roles may do to every relation and schema.
_EVERYWHERE = {
    ("table", "select"): {"pg_read_all_data"},
    ("sequence", "select"): {"pg_read_all_data"},
    ("schema", "usage"): {"pg_read_all_data", "pg_write_all_data"},
    **{("table", command): {"pg_write_all_data"} for command in ("insert", "update", "delete")},
    ("sequence", "update"): {"pg_write_all_data"},
    ("table", "maintain"): {"pg_maintain"},
}


class Access:
    """The privileges of roles in a catalog with Role and Grant, and with Function for these."""

    def __init__(self, catalog: Catalog) -> None:
        self.roles = {role.name: role for role in catalog.of(Role)}
        self._reach = {role.name: {*role.reach, "public"} for role in catalog.of(Role)}
        self._holders: dict[tuple[int, str, str], set[str]] = defaultdict(set)
        self._kinds: dict[int, str] = {}
        self._privileges: dict[str, set[str]] = defaultdict(set)
        self._schemas: dict[str, int] = {}
        for grant in catalog.of(Grant):
            self._holders[grant.oid, grant.column, grant.privilege].add(grant.role)
            self._kinds[grant.oid] = grant.kind
            if grant.kind == "schema":
                self._schemas[grant.object] = grant.oid
            if not grant.column:
                self._privileges[grant.kind].add(grant.privilege)

    def privileges(self, kind: str) -> Iterator[str]:
        """All that this version of the server has for a kind of object: owners start with them."""
        return iter(sorted(self._privileges[kind]))

    def holds(self, role: str, privilege: str, oid: int, column: str = "") -> bool:
        """As has_table_privilege and its like say; with `column`, as has_column_privilege does."""
        if self.roles[role].superuser:
            return True
        holders = self._holders.get((oid, "", privilege), frozenset[str]())
        own = self._holders.get((oid, column, privilege), frozenset[str]())
        everywhere = _EVERYWHERE.get((self._kinds.get(oid, ""), privilege), frozenset[str]())
        return not self._reach[role].isdisjoint(holders | own | everywhere)

    def uses(self, role: str, schema: str) -> bool:
        """Whether a role holds USAGE on a schema."""
        return self.holds(role, "usage", self._schemas.get(quoted(schema), 0))

    def is_filtered(self, role: str, relation: Relation) -> bool:
        """Whether policies apply to what the role does to a table."""
        one = self.roles[role]
        exempt = one.superuser or one.bypassrls or (relation.owner in one.reach and not relation.forced)
        return relation.secured and not exempt

    def applies(self, role: str, policy: Policy) -> bool:
        """Whether a policy is one of the role's."""
        return not self._reach[role].isdisjoint(policy.roles)
