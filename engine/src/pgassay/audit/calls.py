"""Calls of the functions that personas may execute, with arguments that may matter, and what they do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

from pgassay.audit.reach import Reach
from pgassay.audit.scene import Scene, key_expression
from pgassay.audit.slow import TIMEOUT
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function
from pgassay.catalog.names import without_arguments
from pgassay.database.pipeline import Answer
from pgassay.errors import ServerError
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, literal
from pgassay.observation import Persona
from pgassay.solver.signatures import read_arguments

_ANY = ("any", "pg_catalog.any")  # polymorphic types
_LEAST = 3  # characters of a value that can be recognized


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call by one persona, after what the owner does before it."""

    function: Function
    arguments: tuple[str | None, ...]
    persona: Persona
    setup: tuple[str, ...] = ()

    @property
    def statement(self) -> str:
        name = without_arguments(self.function.function)
        return f"select * from {name}({', '.join(self._spelled)})"

    @property
    def _spelled(self) -> Iterator[str]:
        """With types where another function of that name would take them too, or any type is taken."""
        parameters = (read_arguments(self.function.arguments) or ())[: len(self.arguments)]
        for value, one in zip_longest(self.arguments, parameters):
            kind = ""
            if one and one.type.startswith(_ANY):
                kind = "::text"
            elif one and self.function.is_overloaded and not one.variadic:
                kind = f"::{one.type}"
            yield f"{literal(value)}{kind}"

    @cached_property
    def said(self) -> frozenset[str]:
        """All that its caller says: the arguments, and what stands in arrays and documents among them."""
        given = [one for one in self.arguments if one]
        return frozenset(given).union(*map(_parts, given))


def callable_by(scene: Scene, persona: Persona) -> Iterator[Function]:
    """What the project made and the persona may call."""
    for right in scene.surface.rights:
        function = scene.functions.get(right.object)
        is_held = right.role == persona.role and right.held and right.usage
        if not (right.privilege == "execute" and is_held and function and function.kind == "f"):
            continue
        if scene.is_ours(function):
            yield function


def samples_of(scene: Scene, function: Function) -> list[Sample]:
    """The tables that it comes to use."""
    reach = scene.inventory.reach(function.function)
    return [sample for sample in scene.samples if sample.table.name in reach and sample.table.stored]


def references(sample: Sample) -> dict[str, bool]:
    return {name: True for key in sample.table.foreign_keys for name in key.columns}


def make_calls(
    scene: Scene, persona: Persona, calls: Sequence[Call], *looks: str
) -> list[tuple[Call, Answer]]:
    """What each call answers, then what the owner sees; none of a function that does not come to an end.

    One that ends the session is noted, too, before the error goes on.
    """
    if not calls or scene.is_unending(calls[0].function):
        return []
    segments = [[call.statement, *looks] for call in calls]
    answers: list[Answer] = []
    while len(answers) < len(segments):
        try:
            answers += scene.ask(persona, segments[len(answers) : 2 * len(answers) + 1])
        except ServerError:
            scene.unending.add(calls[0].function.function)
            raise
        if any(answer.sqlstate == TIMEOUT for answer in answers):
            scene.unending.add(calls[0].function.function)
            return []
    return list(zip(calls, answers, strict=True))


def setups(scene: Scene, function: Function) -> Iterator[tuple[str, ...]]:
    """As things are; then with what the body compares with in each column of text or of an enum."""
    yield ()
    strings = find_literals([function.text]).strings
    for sample in samples_of(scene, function):
        keys = {name for index in sample.table.unique for name in index.columns}
        for column in sample.table.columns.values():
            if column.name in keys or column.generated or (column.base not in TEXTS and not column.labels):
                continue
            for text in strings[:6]:
                if not column.labels or text in column.labels:
                    yield (f"update {sample.table.name} set {column.quoted} = {literal(text)}",)


def untaken(scene: Scene, function: Function) -> Iterator[tuple[str, ...]]:
    """Rows say of nobody that it was he, where they need not."""
    ids = {user.id for user in scene.users}
    for sample in samples_of(scene, function):
        for column in sample.table.columns.values():
            if not column.not_null and ids & {row.values[column.name] for row in sample.rows}:
                yield (f"update {sample.table.name} set {column.quoted} = null",)


def hidden_rows(sample: Sample, seen: Reach) -> list[Row]:
    visible = seen.seen.get(sample.object, frozenset())
    return [row for row in sample.rows if row.key not in visible]


def secrets(sample: Sample, seen: Reach, persona: Persona) -> dict[str, Row]:
    """Values that only stand in rows which the persona does not see, or in columns that it may not read."""
    hidden = hidden_rows(sample, seen)
    closed = sample.table.columns.keys() - sample.table.privileges[persona.role].select
    cells = [
        (value, row, row in hidden or (name in closed and persona.id not in row.owners))
        for row in sample.rows
        for name, value in row.values.items()
        if value
    ]
    open_ = {value for value, _, is_closed in cells if not is_closed}
    return {
        value: row
        for value, row, is_closed in cells
        if is_closed
        and len(value) >= _LEAST
        and value not in open_
        and value not in (persona.id, "true", "false")
    }


def told(answer: Answer) -> set[str]:
    """All that the persona is told, value by value, also within documents."""
    values = {value for rows in answer.rows for row in rows for value in row if value}
    documents = [value for value in values if value[0] in "{[" and value[-1] in "}]"]
    return values.union(*map(_scalars, documents))


def _parts(argument: str) -> set[str]:
    """The values in a document, or in an array or a row of SQL."""
    if argument[0] not in "{[(":
        return set()
    return _scalars(argument) or {one.strip('"') for one in argument.strip("{}()").split(",")}


def _scalars(document: str) -> set[str]:
    try:
        rest = [json.loads(document)]
    except ValueError:
        return set()
    found: set[str] = set()
    while rest:
        value = rest.pop()
        if isinstance(value, dict | list):
            rest += value.values() if isinstance(value, dict) else value
        elif value is not None:
            found.add(value if isinstance(value, str) else json.dumps(value))
    return found


def look_new(sample: Sample) -> str:
    """The rows of this transaction."""
    key = key_expression(sample.key, "t")
    held = f" and t.bucket_id = {literal(sample.bucket)}" if sample.bucket else ""
    return (
        f"select {key}, to_jsonb(t.*)::text from {sample.table.name} as t "
        f"where pg_catalog.age(t.xmin) <= 0{held}"
    )
