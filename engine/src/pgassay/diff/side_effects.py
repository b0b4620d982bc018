"""Effects on what a persona may not write itself are as serious as a gain where they differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.tables import Privileges, Table
from pgassay.diff.comparison import CellDifference
from pgassay.matrix.model import CellResult, Direction, Matrix
from pgassay.matrix.statements import NUMBERS

_MOMENTS = ("timestamp", "timestamptz", "date", "time", "timetz", "interval")
_DECIDING = (*NUMBERS, "bool", "uuid")
_NOTHING = Privileges(
    usage=False,
    delete=False,
    truncate=False,
    filtered=True,
    policies=(),
    select=frozenset(),
    insert=frozenset(),
    update=frozenset(),
)


def raise_effects(
    differences: Iterable[CellDifference], *, base: Matrix, head: Matrix, after: Inventory
) -> Iterator[CellDifference]:
    """The differences, of which those are gains that do otherwise what their persona may not do itself."""
    ours = head.surface.by_name
    tables = {name: table for name, table in base.surface.by_name.items() if name in ours}
    judge = _Judge(tables=tables, after=after)
    for one in differences:
        yield replace(one, direction=Direction.GAINED) if judge.is_serious(one) else one


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """`tables` are those of BASE that HEAD has: an effect on one that is new takes nothing from anybody."""

    tables: Mapping[str, Table]
    after: Inventory

    def is_serious(self, one: CellDifference) -> bool:
        if one.direction is not Direction.CHANGED or one.before is None or one.after is None:
            return False
        role = one.witness.persona.role
        said = self.after.objects.get(ObjectKey("role", "", role), {})
        if "true" in (said.get("bypassrls"), said.get("superuser")):
            return False
        differing = set(_list(one.before)) ^ set(_list(one.after))
        return one.before.outcome is one.after.outcome and any(
            self._is_guarded(table, what, role, own=table == one.key.table) for table, what, _ in differing
        )

    def _is_guarded(self, name: str, what: str, role: str, *, own: bool) -> bool:
        """Whether the role may not do so itself; not what says when something was done."""
        table = self.tables.get(name)
        if table is None:
            return False
        held = table.privileges.get(role, _NOTHING)
        if what == "+":
            return not held.insert
        if what == "-":
            return not held.delete
        column = table.columns.get(what)
        if column is None or what in held.update or column.base in _MOMENTS:
            return False
        return not own or column.base in _DECIDING or bool(column.labels)


def _list(result: CellResult) -> Iterator[tuple[str, str, int | None]]:
    """Table, what of it, by how much: rows that came, rows that went, columns."""
    for effect in result.effects:
        if effect.inserted:
            yield effect.table, "+", effect.inserted
        if effect.deleted:
            yield effect.table, "-", effect.deleted
        yield from ((effect.table, name, by) for name, by in effect.columns)
