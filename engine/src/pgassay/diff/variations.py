"""Rows and claims that the world does not have, near to what a changed expression looks at. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice, permutations
from operator import itemgetter
from typing import Any

from pgassay.catalog.literals import Literals
from pgassay.catalog.model import Column
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, TEXTS, condition, literal
from pgassay.observation import Persona
from pgassay.solver import patterns
from pgassay.solver.asking import merged

USERS, SERVERS = "user_metadata", "app_metadata"
"""The claims that a user sets himself, and those that only the server sets."""
_ROWS = 4  # of a table, of as many owners as there are
_MORE = 1_000_000  # than anybody has
_PATTERNS = 4  # strings that may be such
_IN_PAIRS = 24  # values of each column
_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")
_FAR = ("2000-01-01", "2100-01-01", "infinity", "-infinity")


@dataclass(frozen=True, kw_only=True)
class Variation:
    """A row of `sample` with other values in some columns."""

    sample: Sample
    row: Row
    values: Mapping[str, str | None] = field(hash=False)

    @property
    def varied(self) -> Row:
        return replace(self.row, values={**self.row.values, **self.values})

    @property
    def update(self) -> str:
        """The statement that makes the row so."""
        sets = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in self.values.items())
        return f"update {self.sample.table.name} set {sets} where {self._where}"

    @property
    def setup(self) -> tuple[str, ...]:
        """What the owner does: without triggers, so that a state that takes many steps is reached in one."""
        table = self.sample.table.name
        return (
            f"alter table {table} disable trigger user",
            self.update,
            f"alter table {table} enable trigger user",
        )

    @property
    def _where(self) -> str:
        return condition(self.sample.key, self.row.key)

    def __str__(self) -> str:
        values = " and ".join(f"{name} = {literal(value)}" for name, value in self.values.items())
        return f"{values} in the row of {self.sample.object} where {self._where}"


def vary_rows(
    sample: Sample, literals: Literals, ids: Sequence[str], first: Collection[str] = ()
) -> Iterator[Variation]:
    """Every column that the literals name with every value that may matter; then two columns at a time.

    The columns that are `first` come first, for all rows.
    """
    columns = [
        c for c in sample.columns if c.name in literals.words and not c.generated and c.name not in sample.key
    ]
    columns.sort(key=lambda column: column.name not in first)
    rows = _choose(sample.rows)
    values = {column.name: _values(column, literals, ids, rows) for column in columns}
    for value, name, row in _order(values, rows, first):
        if value != row.values[name]:
            yield Variation(sample=sample, row=row, values={name: value})
    for one, other in _pairs(values):
        for row in rows:
            if one[1] != row.values[one[0]] and other[1] != row.values[other[0]]:
                yield Variation(sample=sample, row=row, values=dict((one, other)))


def vary_texts(sample: Sample, literals: Literals) -> Iterator[Variation]:
    """Texts of rows with a letter that one of two patterns takes: such as only one side says come first."""
    for row in sample.rows:
        for column in sample.columns:
            text = row.values[column.name]
            if text and column.name in literals.words and column.base in TEXTS and not column.labels:
                for one, other in permutations(literals.strings[:_PATTERNS], 2):
                    for more in islice(patterns.telling_apart(one, other, text), 1):
                        yield Variation(sample=sample, row=row, values={column.name: more})


def _order(
    values: Mapping[str, Sequence[str | None]], rows: Sequence[Row], first: Collection[str]
) -> Iterator[tuple[str | None, str, Row]]:
    """What is first with each value in all rows; then each row with all else."""
    for name in (name for name in values if name in first):
        yield from ((value, name, row) for value in values[name] for row in rows)
    for row in rows:
        for name in (name for name in values if name not in first):
            yield from ((value, name, row) for value in values[name])


_Value = tuple[str, str | None]


def _pairs(values: Mapping[str, Sequence[str | None]]) -> list[tuple[_Value, _Value]]:
    """Of different columns; those first that come first among the values of both."""
    ranked = [
        (place + other_place, (name, value), (other, other_value))
        for name, other in combinations(values, 2)
        for place, value in enumerate(values[name][:_IN_PAIRS])
        for other_place, other_value in enumerate(values[other][:_IN_PAIRS])
    ]
    return [(first, second) for _, first, second in sorted(ranked, key=itemgetter(0))]


def _choose(rows: Iterable[Row]) -> list[Row]:
    """First one of each owner."""
    seen: set[frozenset[str]] = set()
    first: list[Row] = []
    later: list[Row] = []
    for row in rows:
        (later if row.owners in seen else first).append(row)
        seen.add(row.owners)
    return [*first, *later][:_ROWS]


def _values(
    column: Column, literals: Literals, ids: Sequence[str], rows: Sequence[Row]
) -> tuple[str | None, ...]:
    """Those of its type; for a text also what other rows have."""
    values = candidates(column.base, column.labels, literals, ids)
    theirs = [row.values[column.name] for row in rows] if column.base in TEXTS and not column.labels else []
    first = [*literals.strings, *filter(None, theirs)] if theirs else []
    return tuple(dict.fromkeys([*first, *values, *(() if column.not_null else (None,))]))


def invent_row(sample: Sample, id_: str) -> Row:
    """A row of a table that has none; `id_` stands wherever a user may."""
    values = {name: _invent(column, id_) for name, column in sample.table.columns.items()}
    key = tuple(values.get(name) for name in sample.key)
    return Row(key=key, owners=frozenset(), state={}, values=values, changed=values)


def _invent(column: Column, id_: str) -> str | None:
    """None for a type of which no value is known."""
    if column.labels:
        return column.labels[0]
    if column.base.startswith("_"):
        return "{}"
    plain = dict.fromkeys(_NUMBERS, "1") | dict.fromkeys(TEXTS, "x") | dict.fromkeys(MOMENTS, "2030-01-01")
    return (plain | {"bool": "true", "uuid": id_, "json": "{}", "jsonb": "{}"}).get(column.base)


def candidates(
    type_: str, labels: Sequence[str], literals: Literals, ids: Sequence[str]
) -> Iterable[str | None]:
    """Values of a type by its pg_type.typname, first those that the text itself mentions."""
    if labels:
        return [*(label for label in labels if label in literals.strings), *labels]
    if type_ in _NUMBERS:
        return map(str, _around(literals.numbers))
    if type_ in TEXTS:
        return [*literals.strings, "", *ids, *(f"{id_}/x" for id_ in ids)]
    if type_ in ("json", "jsonb"):
        return [*_documents(literals, ids), "{}", "[]", '"x"']
    if type_.startswith("_"):  # an array
        return [f"{{{json.dumps(text)}}}" for text in (*literals.strings, *ids)]
    plain = {"bool": ("true", "false"), "uuid": ids, **dict.fromkeys(MOMENTS, _FAR)}
    return plain.get(type_, ())


def _documents(literals: Literals, ids: Sequence[str]) -> Iterator[str]:
    """The literals that are documents themselves, then each path of the text with each literal at its end."""
    yield from (text for text in literals.strings if text.startswith(("{", "[")))
    amounts = () if literals.numbers else (_MORE,)
    for path in literals.paths:
        for value in (*ids, *_claimed(literals), *amounts):
            yield json.dumps(_with({}, path, value))


def _around(numbers: Iterable[str]) -> Iterator[int]:
    """Each number first, then what is next to it."""
    whole = [int(float(number)) for number in (*numbers, "0")]
    yield from whole
    yield from (number + step for number in whole for step in (1, -1))
    yield from (-number for number in whole if number)
    yield _MORE


def boasting(persona: Persona, literals: Literals | None = None) -> Persona:
    """The persona that says of itself what the server says of it, where the literals, if any, ask for that.

    Who could say so of himself gains nothing where the server has to say it.
    """
    said = persona.claims.get(SERVERS)
    asked = literals is None or any(path[0] == USERS for path in literals.paths)
    return replace(persona, claims=merged(persona.claims, {USERS: said})) if asked and said else persona


def vary_claims(persona: Persona, literals: Literals) -> Iterator[Persona]:
    """The persona with a claim that the text looks for, set to what the text compares with.

    Not `sub` and `role`: they say who a request comes from.
    """
    for other in claim(persona, literals.paths, _claimed(literals)):
        yield boasting(other, literals)


def claim(persona: Persona, paths: Iterable[tuple[str, ...]], values: Iterable[object]) -> Iterator[Persona]:
    """The persona with each value at the end of each path, but for who it is."""
    known = tuple(values)
    for path in paths:
        for value in known if path not in (("sub",), ("role",)) else ():
            yield replace(persona, claims=_with(persona.claims, path, value))


def _claimed(literals: Literals) -> tuple[object, ...]:
    """What a document may hold at the end of a path."""
    return (
        *literals.strings,
        *(dict.fromkeys(_around(literals.numbers)) if literals.numbers else ()),
        True,
        False,
    )


def _with(claims: Mapping[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *rest = path
    inner = claims.get(first)
    deeper = _with(inner if isinstance(inner, Mapping) else {}, tuple(rest), value) if rest else value
    return {**claims, first: deeper}
