"""What is only new: HEAD has it, BASE lacks it, and it opens nothing that was closed. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pglast import ast, parser

from pgassay.catalog.inventory import Inventory, follow
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted, without_arguments
from pgassay.diff.comparison import CellDifference
from pgassay.matrix.model import Action, CellKey, CellResult, Direction, Matrix, RowClass
from pgassay.observation import Outcome

_WRITES = (Action.INSERT, Action.UPDATE, Action.DELETE, Action.TRUNCATE)
TAKEN = "23505"
_CONSTRAINTS = "23"  # a class of SQLSTATE
_PLATFORM = "auth"  # its functions say who asks
_FOREIGN = (RowClass.OTHER, RowClass.NOBODY, RowClass.ANY)


def tell_news(
    differences: Iterable[CellDifference],
    *,
    base: Matrix,
    head: Matrix,
    before: Inventory,
    after: Inventory,
) -> Iterator[CellDifference]:
    """The differences, of which those are new and no gains that neither cross ownership nor can be written.

    `base` and `head` are the matrices; `before` and `after` say what the schemas have.
    """
    judge = _Judge(base=base, head=head, before=before, after=after)
    for one in differences:
        gains = one.direction is Direction.GAINED
        if gains and one.before is None and judge.is_harmless(one):
            yield replace(one, direction=Direction.NEW)
        elif gains and one.before is not None and judge.is_of_rows_alone(one.key, one.before):
            yield replace(one, direction=Direction.CHANGED)
        else:
            yield one


@dataclass(frozen=True, kw_only=True)
class _Judge:
    base: Matrix
    head: Matrix
    before: Inventory
    after: Inventory

    def is_harmless(self, one: CellDifference) -> bool:
        key, table = one.key, self.base.surface.by_name.get(one.key.table)
        if key.action is Action.EXECUTE:
            return (
                self._is_trusted(one)
                or is_powerless(key.object, self.after)
                or is_yes_of_policies(key.object, self.after)
                or (key.persona, _spell(key.object, self.after)) in self._renamed
            )
        if self._is_trusted(one) or (key.rows is RowClass.OWN and self._is_ruled_alike(key.table)):
            return True
        if key.action is Action.SELECT and self._is_callers_view(key.table):
            return True
        if key.action in _WRITES:
            return one.after is None or one.after.outcome is not Outcome.ALLOWED
        if key.rows is RowClass.OWN:
            return self._is_table(key)
        return table is not None and table.truncatable and key.rows not in _FOREIGN

    @cached_property
    def _renamed(self) -> frozenset[tuple[str, str]]:
        """Personas, and what the functions say that BASE let them call and HEAD lacks by that name."""
        return frozenset(
            (cell.key.persona, _spell(cell.key.object, self.before))
            for cell in self.base.cells
            if cell.key.action is Action.EXECUTE
            and cell.outcome is Outcome.ALLOWED
            and ObjectKey("function", cell.key.object, "") not in self.after.objects
        )

    def _is_ruled_alike(self, table: str) -> bool:
        """Whether BASE has a table that asks just the same of who uses it: no rule is new, only the row."""
        ruling = _find_ruling(table, self.before) | _find_ruling(table, self.after)
        before, after = (
            {key: said for key, said in one.objects.items() if key.object in ruling}
            for one in (self.before, self.after)
        )
        return ObjectKey("relation", table, "") in before and before == after

    def is_of_rows_alone(self, key: CellKey, before: CellResult) -> bool:
        """Whether BASE refused by a constraint alone that HEAD has as well: other rows are there."""
        if self._is_number_taken(before):
            return True
        if not (before.sqlstate or "").startswith(_CONSTRAINTS) or not self._is_ruled_alike(key.table):
            return False
        refusing = {
            one
            for one in self.before.objects
            if one.kind == "constraint" and f"constraint {quoted(one.name)} " in f"{before.why} "
        }
        kept = (self.before.objects[one] == self.after.objects.get(one) for one in refusing)
        return bool(refusing) and all(kept)

    def _is_number_taken(self, before: CellResult) -> bool:
        """Whether BASE refused only what a sequence drew, as HEAD still may: the next number it may not."""
        kept = {key.name for key in self.after.objects if key.kind in ("constraint", "index")}
        refusals = (f"constraint {quoted(name)} " for name in self.base.surface.counted & kept)
        return before.sqlstate == TAKEN and f"{before.why} ".startswith(tuple(refusals))

    def _is_trusted(self, one: CellDifference) -> bool:
        """Whether no policy binds the role: who could do so with what was there may do so with what comes."""
        role = self.after.objects.get(ObjectKey("role", "", one.witness.persona.role), {})
        return role.get("bypassrls") == "true" or role.get("superuser") == "true"

    def _is_callers_view(self, name: str) -> bool:
        """Whether it shows each caller what he can read without it."""
        table = self.head.surface.by_name.get(name)
        return table is not None and table.kind == "v" and table.invoker and is_powerless(name, self.after)

    def _is_table(self, key: CellKey) -> bool:
        """And no view, which may show of one's own what its table keeps back."""
        return self.after.objects.get(ObjectKey("relation", key.table, ""), {}).get("kind") == "table"


def _find_ruling(table: str, schema: Inventory) -> frozenset[str]:
    """The table, what its policies and triggers ask, and what its checks and defaults call."""
    functions = {key.object for key in schema.objects if key.kind == "function"}
    called = schema.needs.get(table, frozenset()) & functions
    return schema.reach(table).union(*map(schema.reach, called))


def _spell(function: str, schema: Inventory) -> str:
    """All that a function is but for its name."""
    said = schema.objects.get(ObjectKey("function", function, ""), {})
    return function.removeprefix(without_arguments(function)) + json.dumps(said, sort_keys=True)


def is_powerless(function: str, schema: Inventory) -> bool:
    """Whether a function, or a view with its caller's rights, does nothing that he could not do without it.

    It runs with the caller's rights, as do all functions that it calls, runs no text as SQL, and names
    nothing in a schema that the caller cannot name himself. What tables ask, they ask of him, too.
    """
    home, there = _schema(function), schema.objects
    called = {key.object for key in there if key.kind == "function"} | {function}
    steps = {name: used for name, used in schema.uses.items() if name in called}
    return all(
        _schema(name) == _PLATFORM or _is_callers(name, home, schema)
        for name in {function, *follow(steps, function)}
    )


def is_yes_of_policies(function: str, schema: Inventory) -> bool:
    """Whether it says yes or no to its caller, as the policies that ask it do anyway, and does nothing else.

    One query without arguments, that calls no function but the platform's.
    """
    said = schema.objects.get(ObjectKey("function", function, ""), {})
    functions = {key.object for key in schema.objects if key.kind == "function"}
    called = schema.uses.get(function, frozenset()) & functions
    is_asked = any(
        key.kind == "policy" and function in schema.uses.get(key.object, ()) for key in schema.objects
    )
    return (
        said.get("result") == "boolean"
        and function.endswith("()")
        and is_asked
        and all(_schema(name) == _PLATFORM for name in called)
        and said.get("language") == "sql"
        and _only_reads(said.get("body", ""))
    )


def _only_reads(body: str) -> bool:
    try:
        statements = parser.parse_sql(body)
    except parser.ParseError:
        return False
    writes = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
    tops = [raw.stmt for raw in statements]
    ctes = [one.ctequery for top in tops for one in getattr(getattr(top, "withClause", None), "ctes", ())]
    return all(isinstance(top, ast.SelectStmt) for top in tops) and not any(
        isinstance(one, writes) for one in ctes
    )


def _is_callers(name: str, home: str, schema: Inventory) -> bool:
    """Whether a caller could call or read this just so himself."""
    said = schema.objects.get(ObjectKey("function", name, ""))
    if said is None:
        return _schema(name) == home
    return said.get("security") == "invoker" and "execute" not in find_literals([said.get("body", "")]).words


def _schema(name: str) -> str:
    return name.split(".", maxsplit=1)[0]
