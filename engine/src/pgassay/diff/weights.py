"""What tables hold that somebody may not write himself, so that the owner can say what a write left. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.diff.probes import WRITTEN, SearchProbe, find_faithful, granted
from pgassay.matrix.statements import literal

NOTHING = "select where false"
_MANY = 2  # words, which make a list
SOFT = "+"
"""Before the name of a table: of what policies alone keep somebody from, more counts, and less does not."""
Listed = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By table and column the words that a CHECK lists: a tier, a kind."""


def find_listed(schema: Inventory) -> Listed:
    """Those of a schema, whether a table says so or a domain."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    domains: dict[str, tuple[str, ...]] = {}
    for key, said in schema.objects.items():
        texts = [text for name, text in said.items() if name.startswith(("constraint ", "definition"))]
        literals = find_literals(texts) if key.kind in ("constraint", "type") else None
        if literals is None or len(literals.strings) < _MANY:
            continue
        if key.kind == "type":
            domains[key.object] = literals.strings
            continue
        columns = {name for name in literals.words if _is_text(schema, key.object, name)}
        if len(columns) == 1:
            found.setdefault(key.object, {})[columns.pop()] = literals.strings
    for key, said in schema.objects.items() if domains else ():
        if key.kind == "column" and said.get("type") in domains:
            found.setdefault(key.object, {})[key.name] = domains[said["type"]]
    return found


def _is_text(schema: Inventory, table: str, name: str) -> bool:
    said = schema.objects.get(ObjectKey("column", table, name), {})
    return said.get("type", "").startswith(("text", "character"))


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Tables that hold the same on both sides, as far as every load gives it to them."""

    tables: tuple[Table, ...] = ()
    listed: Listed = field(default_factory=dict)

    def only(self, names: Collection[str]) -> Scales:
        """With these of its tables."""
        return replace(self, tables=tuple(table for table in self.tables if table.name in names))

    def put(self, probe: SearchProbe) -> SearchProbe | None:
        """The statement, after which the owner looks at what it wrote, and weighs; None where he cannot."""
        role = probe.witness.persona.role
        if role not in self._queries:
            self._queries[role] = (self._find_left(role), self._count(role), self.weigh(role))
        is_seen = any(self._queries[role])
        values = tuple(text or NOTHING for text in self._queries[role])
        return replace(probe, looks=(), values=values, weighs=True) if is_seen else None

    def weigh(self, role: str = "") -> str:
        """A query for what the tables hold that `role` may not write, by table; "" for none."""
        return " union all ".join(
            f"select {literal(table.name)}, pg_catalog.md5(coalesce(string_agg(x.x, ',' order by x.x), '')) "
            f"from (select jsonb_build_array({', '.join(names)})::text as x from {table.name}) as x"
            for table, names in self._all_columns(role)
        )

    @cached_property
    def _queries(self) -> dict[str, tuple[str, str, str]]:
        """Of each role, as they are asked for."""
        return {}

    def _find_left(self, role: str) -> str:
        """A query for what a transaction left that `role` may not write: that has no age."""
        return " union all ".join(
            f"select {literal(sign + table.name)}, pg_catalog.jsonb_build_array({', '.join(names)})::text "
            f"from {table.name} where {WRITTEN}"
            for sign, some in (("", self._columns(role)), (SOFT, self._soft_columns(role)))
            for table, names in some
            if names
        )

    def _count(self, role: str) -> str:
        """A query for how many rows the tables have to which `role` may neither add any nor take any away."""
        return " union all ".join(
            f"select {literal(sign + table.name)}, count(*) from {table.name}"
            for sign, some in (("", self._kept(role)), (SOFT, self._softly_kept(role)))
            for table in some
        )

    def _softly_kept(self, role: str) -> Iterator[Table]:
        """Whose rows are kept from a role by policies alone, which rights would let it add or remove."""
        for table in self.tables:
            held = table.privileges.get(role)
            if held and (held.insert or held.delete) and not (held.adds or held.removes):
                yield table

    def _all_columns(self, role: str) -> Iterator[tuple[Table, list[str]]]:
        """Of each table that is kept from a role by rights or by policies, in whole or in part."""
        hard = {table.name: names for table, names in self._columns(role)}
        soft = {table.name: names for table, names in self._soft_columns(role)}
        kept = {table.name for table in self._softly_kept(role)}
        for table in self.tables:
            if table.name in {*hard, *soft, *kept}:
                yield table, [*hard.get(table.name, []), *soft.get(table.name, [])]

    def _soft_columns(self, role: str) -> Iterator[tuple[Table, list[str]]]:
        for table in self.tables:
            if names := find_softly_kept(table, role):
                yield table, names

    def _kept(self, role: str) -> Iterator[Table]:
        for table in self.tables:
            held = table.privileges.get(role)
            if held is None or not (held.insert or held.delete):
                yield table

    def _columns(self, role: str) -> Iterator[tuple[Table, list[str]]]:
        kept = [*self._kept(role)]
        for table in self.tables:
            held = table.privileges.get(role)
            names = [*find_faithful(table, granted(held)), *self._find_listed(table, granted(held))]
            if names or table in kept:
                yield table, names

    def _find_listed(self, table: Table, written: frozenset[str]) -> Iterable[str]:
        return map(quoted, sorted((self.listed.get(table.name, {}).keys() & table.columns.keys()) - written))


def find_softly_kept(table: Table, role: str) -> list[str]:
    """The columns of which every load has the same, and that rights would let a role write, and no policy.

    Where it may write none, how many rows are written tells, too: that is `null`.
    """
    held = table.privileges.get(role)
    if not held or not granted(held):
        return []
    hard = find_faithful(table, granted(held))
    soft = [name for name in find_faithful(table, held.written) if name not in hard]
    return soft or ([] if held.written else ["null"])
