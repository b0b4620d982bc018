"""One call of a function as a probe, and what the owner looks at after it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import without_arguments
from pgassay.catalog.tables import Table
from pgassay.diff.neighbourhoods import bodies
from pgassay.diff.probes import WRITTEN, SearchProbe, find_faithful, granted, look_at_others
from pgassay.diff.row_arguments import CURSOR
from pgassay.diff.weights import SOFT, find_softly_kept
from pgassay.matrix.model import Action, CellKey, RowClass, Witness
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona
from pgassay.solver.model import Made

RUN = "execute"
"""The word of bodies that put a text together and run it."""
_ROWS = 4  # of a table, of which is looked whether they are gone
_REMOVING = frozenset({"delete", "truncate"})
_NOT_NULL = " as r where not (r.* is null)"


@dataclass(frozen=True, kw_only=True)
class Near:
    """The stored tables among what a function uses, and queries of the owner's for what it took of them.

    `removed`: those that it may take rows from, with what names a row. `is_silent`: it returns nothing, and
    what it does is all looked at. `is_cursor`: it opens one that the caller names. `samples`: of the tables.
    """

    tables: tuple[Table, ...]
    gone: tuple[str, ...]
    is_silent: bool
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_cursor: bool = False
    samples: tuple[Sample, ...] = ()

    def watching(self, made: Iterable[Made]) -> Near:
        """And for these rows."""
        keys = [(one, self.removed[one.table]) for one in made if one.table in self.removed]
        more = (
            _find_gone(one.table, names, [tuple(one.values[name] for name in names)]) for one, names in keys
        )
        return replace(self, gone=(*self.gone, *filter(None, more)))


def find_near(samples: Iterable[Sample], reach: frozenset[str], function: str, schema: Inventory) -> Near:
    """What a function may write, or take away."""
    near = [one for one in samples if one.table.stored and one.object in reach]
    words = find_literals(bodies(reach, schema)).words
    removing = near if words & _REMOVING else []
    result = schema.objects.get(ObjectKey("function", function, ""), {}).get("result")
    return Near(
        tables=tuple({one.table.name: one.table for one in near}.values()),
        gone=tuple(
            filter(None, (_find_gone(one.object, one.key, [row.key for row in one.rows]) for one in removing))
        ),
        is_silent=result == "void" and bool(near) and RUN not in words,
        is_cursor="refcursor" in function,
        samples=tuple({one.table.name: one for one in near}.values()),
        removed={one.object: one.key for one in removing},
    )


def _find_gone(table: str, names: Sequence[str], keys: Sequence[Sequence[str | None]]) -> str:
    """A query for those of the first rows that are no longer there."""
    conditions = (condition(names, key) for key in keys[:_ROWS] if None not in key)
    return " union all ".join(
        f"select 1 where not exists (select from {table} where {one})" for one in conditions
    )


def _find_left(near: Iterable[Table], role: str) -> Iterator[str]:
    """A query of the owner's for what the transaction left that its role may not write: that has no age."""
    kept = [
        f"select {literal(sign + table.name)}, pg_catalog.jsonb_build_array({', '.join(some)})::text "
        f"from {table.name} where {WRITTEN}"
        for table in near
        for sign, some in (
            ("", find_faithful(table, granted(table.privileges.get(role)))),
            (SOFT, find_softly_kept(table, role)),
        )
        if some
    ]
    if kept:
        yield " union all ".join(kept)


def probe_call(function: str, arguments: str, persona: Persona, near: Near) -> SearchProbe:
    """A call with these arguments, as SQL, and what it leaves in the tables that are near."""
    name = without_arguments(function)
    key = CellKey(
        persona=persona.name, object=function, action=Action.EXECUTE, variant="-", rows=RowClass.NONE
    )
    text = f"select * from {name}({arguments}){_NOT_NULL}"
    return SearchProbe(
        key=key,
        witness=Witness(persona=persona, statement=text),
        looks=(
            *(f"select * from {table.name} where {WRITTEN}" for table in near.tables),
            *near.gone,
            *([f"fetch all from {CURSOR}"] if near.is_cursor else ()),
            *look_at_others(near.samples, persona),
        ),
        found_more="find more in the cursor that it opens" if near.is_cursor else "",
        values=tuple(_find_left(near.tables, persona.role)),
        is_silent=near.is_silent,
    )


def repeated(call: SearchProbe) -> SearchProbe:
    """The same call twice, of which only counts what it leaves behind."""
    called = call.witness.statement.removeprefix("select * from ").removesuffix(_NOT_NULL)
    text = f"select {called}, {called}"
    return replace(
        call,
        witness=replace(call.witness, statement=text),
        widens=False,
        reveals=False,
        is_own=True,
        repeats=call.witness.statement,
    )
