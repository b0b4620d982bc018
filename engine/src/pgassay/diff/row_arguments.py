"""Arguments of a function that fit together: those that name a row, and what stands in that row. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from pgassay.catalog.model import Column
from pgassay.diff.again import first_of_each
from pgassay.diff.metadata import nest
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import NUMBERS, TEXTS, condition, literal
from pgassay.solver.asking import merged
from pgassay.solver.scope import parse_type, write
from pgassay.solver.signatures import Parameter

CURSOR = "pgassay"
"""What a cursor is called that a function opens."""
_NOBODY = "00000000-0000-4000-8000-000000000000"
_ID = "_id"
_ROWS = 4  # of which a document says all
_SHORTEST = 3  # letters, by which a table may be named
_DOCUMENTS = ("json", "jsonb")
_ANYTHING = ("1", "true", "pgassay")
_PLAIN: Mapping[str, str] = {
    **dict.fromkeys(TEXTS, "pgassay"),
    **dict.fromkeys(NUMBERS, "1"),
    **{"bool": "true", "interval": "1 hour", "json": "{}", "jsonb": "{}", "refcursor": CURSOR},
}


def fit_rows(  # noqa: PLR0913 - by name
    parameters: Sequence[Parameter],
    types: Sequence[str],
    samples: Iterable[Sample],
    labels: Mapping[str, Sequence[str]],
    *,
    paths: Sequence[tuple[str, ...]] = (),
    caller: str | None = None,
) -> Iterator[tuple[str, ...]]:
    """Lists of arguments, as SQL, for rows in each state, those of the caller's first; then with one of them
    another: a document with something at the end of one of the `paths`, null, or nobody's.

    `types` are those of the parameters by pg_type.typname, `labels` those of enums.
    """
    for sample in samples:
        if len(sample.key) != 1 or not sample.table.stored:
            continue
        of_key = sample.table.columns[sample.key[0]].base
        places = [
            place
            for place, (one, type_) in enumerate(zip(parameters, types, strict=True))
            if _names_row(one.name, sample, is_alike=type_ == of_key)
        ]
        if not places:
            continue
        own = [row for row in sample.rows if caller in row.owners]
        rows = {row.key: row for row in (*first_of_each(sample, own), *first_of_each(sample, sample.rows))}
        chosen = [*rows.values()]
        fitting = [
            tuple(
                literal(row.key[0])
                if place in places
                else _fit(one, type_, sample, row, labels.get(type_, ()))
                for place, (one, type_) in enumerate(zip(parameters, types, strict=True))
            )
            for row in chosen
        ]
        yield from fitting
        documents = [place for place, type_ in enumerate(types) if type_ in _DOCUMENTS]
        for make in _WRITERS if documents else ():
            for some, row in zip(fitting, chosen, strict=True):
                for document, place in product(make(paths, sample, row), documents):
                    yield (*some[:place], literal(document), *some[place + 1 :])
        for place, type_ in enumerate(types):
            for other in ("null", literal(_NOBODY)) if type_ == "uuid" else ("null",):
                for some in fitting if place not in places else ():
                    yield (*some[:place], other, *some[place + 1 :])


def write_rows(
    parameters: Sequence[Parameter],
    types: Sequence[str],
    samples: Iterable[Sample],
    labels: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, ...]]:
    """Lists of arguments with documents that say all of a row, of which some functions make one."""
    documents = [place for place, type_ in enumerate(types) if type_ in _DOCUMENTS]
    for sample in samples if documents else ():
        for row in sample.rows[:_ROWS]:
            document = literal(json.dumps({n: value for n, value in row.values.items() if value is not None}))
            yield tuple(
                document if place in documents else _fit(one, type_, sample, row, labels.get(type_, ()))
                for place, (one, type_) in enumerate(zip(parameters, types, strict=True))
            )


def _names_row(name: str, sample: Sample, *, is_alike: bool) -> bool:
    """`job_id` is the key of jobs, and `job` if it `is_alike`; so is what the key itself is called."""
    if not name.endswith(_ID) and not (is_alike and len(name) >= _SHORTEST):
        return False
    table = sample.table.name.rpartition(".")[2].strip('"')
    return name in sample.key or table.startswith(name.strip("_").removeprefix("p_").removesuffix(_ID))


def _write_whole(paths: Sequence[tuple[str, ...]], sample: Sample, row: Row) -> Iterator[str]:
    """A document that says something at the end of all the paths."""
    whole: dict[str, object] = {}
    for path in paths:
        whole = merged(whole, nest(path, next(_say(path, sample, row))))
    if whole:
        yield json.dumps(whole)


def _write_each(paths: Sequence[tuple[str, ...]], sample: Sample, row: Row) -> Iterator[str]:
    """Documents with something at the end of one path each."""
    for path in paths:
        yield from (json.dumps(nest(path, value)) for value in _say(path, sample, row))


_WRITERS = (_write_whole, _write_each)


def _say(path: Sequence[str], sample: Sample, row: Row) -> Iterator[str]:
    """What the column of that name could hold, or else anything."""
    column = sample.table.columns.get(path[-1])
    if column is not None and not column.labels and (value := row.changed[column.name]) is not None:
        yield value
    elif column is not None and column.labels:
        yield from column.labels
    else:
        yield from _ANYTHING


def plain_value(type_: str) -> str | None:
    """A value of a type as a signature names it; None of a type that only few values fit."""
    *_, name = (part.sval for part in parse_type(type_).names)
    return _PLAIN.get(name)


def _fit(parameter: Parameter, type_: str, sample: Sample, row: Row, labels: Sequence[str]) -> str:
    """What the row has, for what is drawn and owned; else what it may have, the default, or any value."""
    column = _find_column(parameter.name, type_, sample.table.columns.values())
    if column is not None and column.base == "uuid":
        where = condition(sample.key, row.key)
        return f"(select {column.quoted} from {sample.table.name} where {where})"
    if column is None and parameter.default is not None:
        return write(parameter.default)
    value = _find_value(column.name, sample, row) if column is not None else None
    if value is None and labels:
        value = labels[0]
    return literal(_PLAIN.get(type_) if value is None else value)


def _find_value(name: str, sample: Sample, row: Row) -> str | None:
    """Another one than the row has; where it has none, one that its owner has elsewhere."""
    if row.values.get(name) is not None:
        return row.changed.get(name)
    theirs = (one.values.get(name) for one in sample.rows if one.owners == row.owners)
    return next(filter(None, theirs), row.changed.get(name))


def _find_column(name: str, type_: str, columns: Iterable[Column]) -> Column | None:
    """Of that name and type; of a uuid, one whose name ends with it: `token` is attempt_token."""
    alike = [column for column in columns if column.base == type_ and name]
    return next(
        (column for column in alike if column.name == name),
        next((column for column in alike if type_ == "uuid" and column.name.endswith(f"_{name}")), None),
    )
