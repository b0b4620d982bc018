"""What a person reads first of a matrix: who reads and writes whose rows, and what was not tried. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from pgassay.catalog.tables import Privileges
from pgassay.matrix.model import Action, Cell, Matrix, RowClass, strip_bucket
from pgassay.observation import Outcome
from pgassay.render.report import ReportEntry, ReportSection, list_entries
from pgassay.render.text import counted

Line = tuple[str, str]
"""Personas or an object, and one sentence about them."""

_VERBS = {
    Action.SELECT: "reads",
    Action.INSERT: "inserts",
    Action.UPDATE: "updates",
    Action.DELETE: "deletes",
}
_WHOSE = {RowClass.OWN: "own", RowClass.OTHER: "others'", RowClass.NOBODY: "unowned"}
_NAMED = 4  # columns that a line names
# Older projects let the API serve some of these: what is in them is the platform's, and not theirs to change.
_SERVICES = ("auth", "graphql_public", "realtime", "storage")
_OPEN = (Outcome.ALLOWED, Outcome.REJECTED)


def summarise(matrix: Matrix) -> tuple[ReportSection, ...]:
    """The matrix in sections: for each table who may do what, then functions, then what was not tried."""
    reader = _Reader(matrix)
    return tuple(section for section in (*reader.tables(), *reader.rest()) if section.entries)


def _table(title: str, lines: Iterable[Line]) -> ReportSection:
    return ReportSection(title=title, head=("", ""), entries=tuple(ReportEntry(cells=line) for line in lines))


class _Reader:
    """The cells of a matrix by object and persona, and sentences about them."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._cells: dict[tuple[str, str], list[Cell]] = defaultdict(list)
        for cell in matrix.cells:
            self._cells[cell.key.object, cell.key.persona].append(cell)

    @cached_property
    def _roles(self) -> Mapping[str, str]:
        return {cell.key.persona: cell.witness.persona.role for cell in self._matrix.cells}

    @cached_property
    def _all(self) -> tuple[str, ...]:
        return tuple(self._roles)

    @cached_property
    def _unlimited(self) -> tuple[str, ...]:
        """Personas whom nothing that was tried on a table refused."""
        tried: dict[str, list[bool]] = defaultdict(list)
        for cell in self._matrix.cells:
            if cell.key.action in _VERBS:
                tried[cell.key.persona].append(all(result.outcome in _OPEN for result in cell.results))
        return tuple(persona for persona in self._all if tried[persona] and all(tried[persona]))

    @cached_property
    def _limited(self) -> tuple[str, ...]:
        return tuple(persona for persona in self._all if persona not in self._unlimited)

    @cached_property
    def _objects(self) -> tuple[str, ...]:
        """Tables and views, and buckets, of which there is a cell or a gap."""
        names = {cell.key.object for cell in self._matrix.cells if cell.key.action in _VERBS}
        return tuple(sorted(names | {gap.object for gap in self._matrix.gaps}))

    @cached_property
    def _untried(self) -> frozenset[str]:
        """Objects without any row."""
        tried = {cell.key.object for cell in self._matrix.cells if cell.key.action in _VERBS}
        return frozenset(self._objects) - tried

    def tables(self) -> Iterator[ReportSection]:
        """For each table who may do what to whose rows; those at the end that nobody reaches."""
        closed = []
        for name in self._objects:
            if name in self._untried:
                continue
            phrases = {persona: self._phrase(name, persona) for persona in self._limited}
            if any(phrases.values()):
                yield _table(name, self._grouped(phrases))
            elif self._limited:
                closed.append(name)
        entries = list_entries(", ".join(closed)) if closed else ()
        yield ReportSection(title="Closed to them all", head=("",), entries=entries)

    def rest(self) -> Iterator[ReportSection]:
        """Whom nothing holds back, functions, what the API has no way to send, what was not tried."""
        everything = f"may do everything to {_count(set(self._objects) - self._untried, 'table')}"
        unlimited = ((persona, f"({self._roles[persona]}) {everything}") for persona in self._unlimited)
        yield _table("Refused whatever they send", self._matrix.refused)
        yield _table("Held back by nothing", unlimited)
        yield _table("Functions that may be called", self._rights(Action.EXECUTE))
        yield _table("Granted, though no request of the API can send it", self._out_of_reach())
        yield _table("Not tried", self._not_tried())

    def _grouped(self, phrases: Mapping[str, str]) -> tuple[Line, ...]:
        """A line for all personas of whom the same is true; none for an empty phrase."""
        people: dict[str, list[str]] = defaultdict(list)
        for persona, phrase in phrases.items():
            people[phrase].append(persona)
        return tuple((self._name(some), phrase) for phrase, some in people.items() if phrase)

    def _name(self, personas: Sequence[str]) -> str:
        return "everybody" if len(personas) == len(self._limited) > 1 else ", ".join(personas)

    def _phrase(self, name: str, persona: str) -> str:
        cells = self._cells[name, persona]
        parts = [self._do(action, [c for c in cells if c.key.action is action]) for action in _VERBS]
        return "; ".join(part for part in parts if part)

    def _do(self, action: Action, cells: Sequence[Cell]) -> str:
        """What comes of one command; "" where it comes to nothing."""
        by_class: dict[RowClass, list[Cell]] = defaultdict(list)
        for cell in cells:
            by_class[cell.key.rows].append(cell)
        reached = {rows: some for rows, some in by_class.items() if any(_is_open(c) for c in some)}
        if not reached:
            return ""
        words = " and ".join(_WHOSE[rows] for rows in _WHOSE if rows in reached)
        owns = cells[0].witness.persona.id is not None
        if set(by_class) == set(reached) and (len(reached) > 1 or not owns):
            words = ""
        some = any(_is_partial(cell) for group in reached.values() for cell in group)
        if action is Action.INSERT:
            whose = f"{words} rows".lstrip()
        elif words:
            whose = f"some of {words}" if some else words
        else:
            whose = "some rows" if some else "all rows"
        return f"{_VERBS[action]} {whose}{_columns(reached.values())}"

    def _rights(self, action: Action) -> tuple[Line, ...]:
        """The objects by who holds the right."""
        holders: dict[str, list[str]] = defaultdict(list)
        for cell in self._matrix.cells:
            if cell.key.action is action and _is_open(cell) and cell.key.persona in self._limited:
                holders[cell.key.object].append(cell.key.persona)
        objects: dict[str, list[str]] = defaultdict(list)
        for name, personas in sorted(holders.items()):
            objects[self._name(personas)].append(name)
        return tuple((who, _enumerate(names)) for who, names in objects.items())

    def _out_of_reach(self) -> tuple[Line, ...]:
        pairs = (("TRUNCATE", Action.TRUNCATE, "table"), ("sequences", Action.USAGE, "sequence"))
        lines = []
        for word, action, kind in pairs:
            some = [
                c.key
                for c in self._matrix.cells
                if c.key.action is action and _is_open(c) and c.key.persona in self._limited
            ]
            if some:
                names = _count({key.object for key in some}, kind)
                who = self._name(sorted({key.persona for key in some}))
                lines.append((word, f"{names}: {who}"))
        return tuple(lines)

    def _not_tried(self) -> Iterator[Line]:
        alike: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._untried):
            alike[self._held(name)].append(name)
        for text, names in alike.items():
            if len(names) == 1:
                yield names[0], f"has no row. {text}"
            else:
                yield _count(names, "table"), f"have no row. {text}: {_enumerate(names)}"
        yield from self._without_rows()
        if any(cell.key.action is Action.EXECUTE for cell in self._matrix.cells):
            yield "functions", "none was called; only whether they may be was asked"

    def _held(self, name: str) -> str:
        """What was granted on a table of which no row could be tried, and what protects it."""
        table = self._matrix.surface.by_name.get(strip_bucket(name))
        if table is None:
            return ""
        held = {persona: _granted(table.privileges[self._roles[persona]]) for persona in self._limited}
        granted = self._grouped({persona: words for persona, words in held.items() if words})
        told = "; ".join(f"{who}: {words}" for who, words in granted)
        is_open = bool(told) and not table.secured and table.kind not in "vm"
        return f"Granted: {told or 'nothing'}{', and row level security is off' if is_open else ''}"

    def _without_rows(self) -> Iterator[Line]:
        """Of tables that have rows, the classes that have none, with those whom it concerns."""
        people: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for gap in self._matrix.gaps:
            if gap.object not in self._untried and gap.persona in self._limited:
                people[gap.object, gap.why, gap.rows.value].append(gap.persona)
        lines: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (name, why, rows), personas in people.items():
            lines[name, why].append(f"{rows} ({self._name(personas)})")
        for (name, why), classes in sorted(lines.items()):
            yield name, f"has no row that is {', '.join(classes)}{why and f': {why}'}"


def _is_open(cell: Cell) -> bool:
    return cell.outcome in _OPEN


def _is_partial(cell: Cell) -> bool:
    """Whether rows of the class were refused, while others were not."""
    whole = cell.key.variant == "-" and cell.key.action in (Action.SELECT, Action.DELETE)
    return whole and any(result.outcome not in _OPEN for result in cell.results)


def _columns(groups: Iterable[Sequence[Cell]]) -> str:
    """The columns that a command reaches, where they are not all that were tried."""
    cells = [cell for group in groups for cell in group if cell.key.variant != "-"]
    tried = {cell.key.variant.split("=")[0] for cell in cells}
    reached = sorted({cell.key.variant.split("=")[0] for cell in cells if _is_open(cell)})
    if not reached or len(reached) == len(tried):
        return ""
    more = len(reached) - _NAMED
    return f" ({', '.join(reached[:_NAMED])}{f' and {more} more' if more > 0 else ''})"


def _enumerate(names: Sequence[str]) -> str:
    """The project's own by name, those of the platform's services by their number."""
    services: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if (schema := name.partition(".")[0]) in _SERVICES:
            services[schema].append(name)
    own = [name for name in names if name.partition(".")[0] not in _SERVICES]
    return ", ".join([*own, *(f"{len(some)} of {schema}" for schema, some in services.items())])


def _granted(held: Privileges) -> str:
    words = {"select": held.select, "insert": held.insert, "update": held.update, "delete": held.delete}
    return ", ".join(word for word, given in words.items() if given and held.usage)


def _count(names: Iterable[str], kind: str) -> str:
    return counted(len(tuple(names)), kind)
