"""What an outcome has that a serial one has not, table by table. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgassay.races.effects import Lines, Result, Shapes
from pgassay.render.text import counted


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is other than in the nearest serial order; `column` is "" where whole rows are."""

    table: str
    column: str
    found: str
    serial: str

    def __str__(self) -> str:
        name = f"{self.table}.{self.column}" if self.column else self.table
        return f"{name} {'is' if self.column else 'has'} {self.found}, and {self.serial} one after the other"


def differences(result: Result, serial: Result, shapes: Shapes) -> Iterator[Difference]:
    """What an outcome has that a serial one has not."""
    found, other = ({lines.table: lines for lines in one.effects} for one in (result, serial))
    for table in sorted(found.keys() | other.keys()):
        ours, theirs = (side.get(table, Lines(table=table)) for side in (found, other))
        if ours != theirs:
            yield from _of_table(ours, theirs, shapes)


def _of_table(ours: Lines, theirs: Lines, shapes: Shapes) -> Iterator[Difference]:
    key = shapes[ours.table].key if ours.table in shapes else ()
    here, there = (_updated(lines, key) for lines in (ours, theirs))
    for name in sorted(here.keys() & there.keys()):
        for column in here[name]:
            if here[name][column] != there[name].get(column):
                yield Difference(
                    table=ours.table,
                    column=column,
                    found=str(here[name][column]),
                    serial=str(there[name].get(column)),
                )
    more, less = (len(lines.new) - len(lines.gone) for lines in (ours, theirs))
    if more != less or here.keys() != there.keys():
        yield Difference(
            table=ours.table,
            column="",
            found=f"{counted(len(ours.new), 'row')} new or changed",
            serial=f"{len(theirs.new)}",
        )


def _updated(lines: Lines, key: tuple[str, ...]) -> dict[str, Mapping[str, str | None]]:
    """The rows that were there and are other now, by their key."""
    gone = {str([cells[name] for name in key]) for cells in map(json.loads, lines.gone)} if key else set()
    new = {str([cells[name] for name in key]): cells for cells in map(json.loads, lines.new)} if key else {}
    return {name: cells for name, cells in new.items() if name in gone}


def inserted(result: Result) -> int:
    """How many rows there are more."""
    return sum(len(lines.new) - len(lines.gone) for lines in result.effects)


def updated(result: Result) -> int:
    """How many rows there are that were otherwise before."""
    return sum(min(len(lines.new), len(lines.gone)) for lines in result.effects)


def together(one: Result, other: Result) -> tuple[Lines, ...]:
    """The effects of both, where neither changes a row of the other's."""
    found: dict[str, Lines] = {}
    for lines in (*one.effects, *other.effects):
        former = found.get(lines.table, Lines(table=lines.table))
        gone, new = sorted(former.gone + lines.gone), sorted(former.new + lines.new)
        found[lines.table] = Lines(table=lines.table, gone=tuple(gone), new=tuple(new))
    return tuple(found[name] for name in sorted(found))
