"""What a schedule did, comparable up to ids, clocks and random values. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Constraint
from pgassay.races.line import Reply
from pgassay.races.reset import TableChange

Cells = Mapping[str, str | None]
Mask = frozenset[tuple[str, str]]
_DRAWING = frozenset(
    ("nextval", "gen_random_uuid", "uuid_generate_v4", "uuid_generate_v1", "uuidv4", "uuidv7", "random")
)
_MOMENTS = ("timestamp", "timestamptz", "date")
_RECOGNIZED = 16  # characters of a drawn value that is looked for inside others
_NOISE = "~"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What of a table's columns the server draws, refers to a table, or is a moment; `key` names a row."""

    drawn: frozenset[str] = frozenset()
    referring: Mapping[str, str] = field(default_factory=dict)
    moments: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()


NO_SHAPE = Shape()
Shapes = Mapping[str, Shape]
Colours = Mapping[tuple[str, str | None], str]
"""Names of drawn values, by the table that has them as ids."""


def shape_of(columns: Iterable[Column], keys: Iterable[Constraint]) -> Shape:
    """Of a table, from the catalog."""
    some = list(columns)
    return Shape(
        drawn=frozenset(c.name for c in some if c.identity or _draws(c)),
        referring={key.columns[0]: key.target for key in keys if key.type == "f" and key.target},
        moments=frozenset(c.name for c in some if c.base in _MOMENTS),
        key=tuple(c.name for c in some if c.primary),
    )


def _draws(column: Column) -> bool:
    return bool(column.default) and not _DRAWING.isdisjoint(find_literals([column.default or ""]).words)


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Rows of one table that went, and that came, each as one comparable text; sorted."""

    table: str
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one schedule: what each session was answered (None: it was refused), and all effects."""

    answers: tuple[str | None, ...]
    effects: tuple[Lines, ...] = ()

    @property
    def turned(self) -> Result:
        """The same with the sessions in each other's place."""
        return replace(self, answers=self.answers[::-1])


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of one schedule: replies (None: refused), changes, and when it was."""

    replies: tuple[Reply | None, ...]
    changes: tuple[TableChange, ...]
    now: datetime
    sqlstates: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Makes results of what was seen; `mask`: columns, and answers, that are other whenever one looks."""

    shapes: Shapes
    mask: Mask = field(default=frozenset())

    def read(self, seen: Seen) -> Result:
        """The result: colours in place of ids that were drawn, hours from now in place of moments."""
        rows = {
            change.table: ([*map(_cells, change.gone)], [*map(_cells, change.new)]) for change in seen.changes
        }
        colours = self._colours(rows, seen.now)
        effects = tuple(
            Lines(
                table=table,
                gone=tuple(sorted(_line(self._masked(table, cells)) for cells in gone)),
                new=tuple(sorted(_line(self._shown(table, cells, gone, colours, seen.now)) for cells in new)),
            )
            for table, (gone, new) in sorted(rows.items())
        )
        kept = tuple(lines for lines in effects if lines.gone != lines.new)
        return Result(
            answers=tuple(self._answer(*one, colours) for one in enumerate(seen.replies)), effects=kept
        )

    def noise(self, one: Seen, other: Seen) -> Mask:
        """What differs between two runs of one schedule."""
        first, second = (dict(self._columns(seen)) for seen in (one, other))
        return frozenset(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))

    def _columns(self, seen: Seen) -> Iterator[tuple[tuple[str, str], list[str]]]:
        result = self.read(seen)
        for number, answer in enumerate(result.answers):
            yield ("", str(number)), [str(answer)]
        for lines in result.effects:
            columns = defaultdict(list)
            for line in lines.new:
                for name, value in json.loads(line).items():
                    columns[name].append(str(value))
            for name, values in columns.items():
                yield (lines.table, name), sorted(values)

    def _masked(self, table: str, cells: Cells) -> Cells:
        return {name: _NOISE if (table, name) in self.mask else value for name, value in cells.items()}

    def _shown(self, table: str, cells: Cells, gone: list[Cells], colours: Colours, now: datetime) -> Cells:
        shape = self.shapes.get(table, NO_SHAPE)
        shown: dict[str, str | None] = {}
        for name, value in self._masked(table, cells).items():
            if name in shape.moments and value and not any(row.get(name) == value for row in gone):
                shown[name] = _from(now, value)
            elif name in shape.drawn or name in shape.referring:
                shown[name] = colours.get((shape.referring.get(name, table), value), value)
            else:
                shown[name] = _replaced(value, colours)
        return shown

    def _colours(self, rows: Mapping[str, tuple[list[Cells], list[Cells]]], now: datetime) -> Colours:
        """A name for each value that the server drew: from the rows in which it stands, in two rounds."""
        drawn = {
            (table, value)
            for table, (gone, new) in rows.items()
            for name in self.shapes.get(table, NO_SHAPE).drawn
            for cells in new
            if (value := cells.get(name)) and not any(row.get(name) == value for row in gone)
        }
        colours: Colours = dict.fromkeys(drawn, "#")
        for _ in range(2 if drawn else 0):
            lines: dict[tuple[str, str | None], list[str]] = {one: [] for one in drawn}
            for table, (gone, new) in rows.items():
                for cells in new:
                    if named := self._ids(table, cells) & drawn:
                        line = table + _line(self._shown(table, cells, gone, colours, now))
                        for one in named:
                            lines[one].append(line)
            colours = {one: f"#{sorted(some)}" for one, some in lines.items()}
        return {one: f"#{hash(colour) & 0xFFFFFFFF:08x}" for one, colour in colours.items()}

    def _ids(self, table: str, cells: Cells) -> set[tuple[str, str | None]]:
        """What a row says of its own id, and of those that it refers to."""
        shape = self.shapes.get(table, NO_SHAPE)
        own = {(table, cells.get(name)) for name in shape.drawn}
        return own | {(target, cells.get(name)) for name, target in shape.referring.items()}

    def _answer(self, number: int, reply: Reply | None, colours: Colours) -> str | None:
        if reply is None:
            return None
        if ("", str(number)) in self.mask:
            return _NOISE
        known = {value: colour for (_, value), colour in colours.items()}
        rows = [[known.get(value, _replaced(value, colours)) for value in row] for row in reply.rows]
        return json.dumps([reply.count, sorted(rows, key=str)])


def _cells(row: str) -> Cells:
    return {
        name: value if value is None or isinstance(value, str) else json.dumps(value)
        for name, value in json.loads(row, parse_int=str, parse_float=str).items()
    }


def _line(cells: Cells) -> str:
    return json.dumps(cells, sort_keys=True)


def _replaced(value: str | None, colours: Colours) -> str | None:
    """Long values that were drawn stand out wherever they are, as in a document or a link."""
    if value is None or len(value) < _RECOGNIZED:
        return value
    for (_, drawn), colour in colours.items():
        if drawn and len(drawn) >= _RECOGNIZED:
            value = value.replace(drawn, colour)
    return value


def _from(now: datetime, value: str) -> str:
    """To the hour: schedules that are compared run within seconds."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:  # infinity, or before our era
        return value
    reference = now if moment.tzinfo else now.replace(tzinfo=None)
    return f"now + {round((moment - reference) / timedelta(hours=1))} h"
