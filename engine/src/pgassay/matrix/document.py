"""A matrix as the compact JSON document that the HTML page draws its grids from. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from pgassay.matrix.baseline import list_effects, told
from pgassay.matrix.model import Action, Cell, CellKey, CellResult, Comparison, Entry, Matrix, RowClass
from pgassay.matrix.statements import become
from pgassay.observation import Persona
from pgassay.supabase.identity import claims_of

_CLASSES = tuple(RowClass)
_NO_ROWS = RowClass.NONE.value
_ACTIONS = tuple(Action)
_KINDS = {Action.EXECUTE: "function", Action.USAGE: "sequence"}
# In a data block of a page these could end the block or begin a comment.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


class _Pool:
    """Values by number, each kept once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:  # noqa: ANN401 - anything that JSON can hold
        known = json.dumps(value)
        if known not in self._numbers:
            self._numbers[known] = len(self.values)
            self.values.append(value)
        return self._numbers[known]


def build_document(
    matrix: Matrix, kinds: Mapping[str, str], comparison: Comparison | None = None
) -> dict[str, Any]:
    """`personas`, `objects` with rows of cells, the comparison's `entries`, and two pools of values.

    `kinds` says what an object is, such as "view". An answer is [outcome, SQLSTATE, effects, when, why,
    statement, row aimed at, rows tried]; a cell is [first column, columns, answers, its entries].
    """
    entries = comparison.entries if comparison else ()
    builder = _Builder(matrix, entries)
    return {
        "personas": [_persona(persona) for persona in builder.personas],
        "objects": [builder.object(name, kinds.get(name, "")) for name in builder.names()],
        "entries": [_entry(entry) for entry in entries],
        "answers": builder.answers.values,
        "texts": builder.texts.values,
    }


def dump_document(document: Mapping[str, Any]) -> str:
    """JSON that is safe inside a `<script>` element, whatever names it holds."""
    return json.dumps(document, separators=(",", ":")).translate(_ESCAPES)


class _Builder:
    def __init__(self, matrix: Matrix, entries: Sequence[Entry]) -> None:
        self.answers = _Pool()
        self.texts = _Pool()
        self.personas = _personas(matrix.cells)
        self._order = {persona.name: place for place, persona in enumerate(self.personas)}
        self._gaps = matrix.gaps
        self._entries: dict[CellKey, list[int]] = {}
        for number, entry in enumerate(entries):
            for key in entry.cells:
                self._entries.setdefault(key, []).append(number)
        self._cells: dict[str, list[Cell]] = {}
        for cell in told(matrix.cells):
            self._cells.setdefault(cell.key.object, []).append(cell)

    def names(self) -> list[str]:
        """Tables and views, then functions, then sequences."""
        return sorted(self._cells, key=lambda name: (_KINDS.get(self._action(name), ""), name))

    def _action(self, name: str) -> Action:
        return self._cells[name][0].key.action

    def object(self, name: str, kind: str) -> dict[str, Any]:
        cells = sorted(self._cells[name], key=lambda cell: self._sort_key(cell.key))
        columns = self._columns(cells)
        return {
            "name": name,
            "kind": kind or _KINDS.get(self._action(name), "bucket"),
            "columns": [[self._order[persona], whose] for persona, whose in columns],
            "rows": [
                [action.value, variant, [self._cell(cell, columns) for cell in some]]
                for (action, variant), some in groupby(
                    cells, lambda cell: (cell.key.action, cell.key.variant)
                )
            ],
            "gaps": [
                [self._order[gap.persona], gap.rows.value]
                for gap in self._gaps
                if gap.object == name and gap.persona in self._order
            ],
        }

    def _sort_key(self, key: CellKey) -> tuple[int, bool, str, int, int, bool]:
        return (
            _ACTIONS.index(key.action), key.variant != "-", key.variant, self._order[key.persona],
            *_rank(key),
        )  # fmt: skip

    def _columns(self, cells: Iterable[Cell]) -> list[tuple[str, str]]:
        """Each persona's classes of rows; what involves no row has a column only where there is no other."""
        found = {(cell.key.persona, cell.key.whose): _rank(cell.key) for cell in cells}
        with_rows = {persona for persona, whose in found if whose != _NO_ROWS}
        kept = [(p, whose) for p, whose in found if whose != _NO_ROWS or p not in with_rows]
        return sorted(kept, key=lambda column: (self._order[column[0]], found[column]))

    def _cell(self, cell: Cell, columns: Sequence[tuple[str, str]]) -> list[Any]:
        key = cell.key
        places = [
            place
            for place, (persona, whose) in enumerate(columns)
            if persona == key.persona and key.whose in (whose, _NO_ROWS)
        ]
        # The one that gives the cell its outcome comes first.
        leading = sorted(cell.results, key=lambda result: result.outcome is not cell.outcome)
        answers = [self.answers.number(self._answer(result)) for result in leading]
        return [places[0], len(places), answers, self._entries.get(key, [])]

    def _answer(self, result: CellResult) -> list[Any]:
        text = self.texts.number
        witness = result.witness
        return [
            result.outcome.value,
            result.sqlstate,
            [text(part) for part in list_effects(result)],
            text(result.when),
            text(result.why),
            text(witness.statement),
            text(witness.row),
            result.rows,
        ]


def _rank(key: CellKey) -> tuple[int, bool]:
    """The order of classes of rows."""
    return _CLASSES.index(key.rows), key.made


def _personas(cells: Iterable[Cell]) -> list[Persona]:
    """Strangers first, then those with an id, by name."""
    found = {cell.key.persona: cell.witness.persona for cell in cells}
    return sorted(found.values(), key=lambda persona: (persona.id is not None, persona.name))


def _persona(persona: Persona) -> dict[str, str]:
    return {
        "name": persona.name,
        "role": persona.role,
        "claims": claims_of(persona),
        "become": "\n".join(become(persona)),
    }


def _entry(entry: Entry) -> dict[str, str]:
    return {
        "direction": entry.direction.value,
        "message": entry.message,
        "before": entry.before,
        "after": entry.after,
        "statement": entry.witness.statement if entry.witness else "",
        "persona": entry.witness.persona.name if entry.witness else "",
        "script": entry.script,
    }
