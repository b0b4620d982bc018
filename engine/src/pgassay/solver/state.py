"""What is decided so far in one line of the search. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pgassay.solver.model import ArgumentSlot, ClaimSlot, ColumnSlot, RowRef, SettingSlot, Slot, Value

_LONGEST = 100  # elements of an array
_OBJECT = "{}"  # whatever else is in it
_FIXED_CLAIMS = ("sub", "role", "aud", "exp", "iat", "iss")


@dataclass(frozen=True, kw_only=True)
class State:
    """The slots that have a value, and the rows that have to be there. A value once given stays.

    `free_claims`: whether claims may be set. `kept`: slots with a value that nobody asked for; where that
    is an object, other conditions may add to it.
    """

    values: Mapping[Slot, Value] = field(default_factory=dict)
    rows: tuple[RowRef, ...] = ()
    free_claims: bool = False
    kept: frozenset[Slot] = frozenset()

    def keep(self, slot: Slot, value: Value) -> State | None:
        """With the value that a slot would have anyway."""
        following = self.assign(slot, value)
        return following and replace(following, kept=following.kept | {slot})

    def is_final(self, slot: Slot) -> bool:
        """Whether a slot has all of its value: an object that nobody asked for may get more."""
        if slot not in self.values:
            return False
        value = self.values[slot]
        return value != _OBJECT and not (slot in self.kept and isinstance(_parsed(value), dict))

    def assign(self, slot: Slot, value: Value) -> State | None:
        """With a value for a slot; None where it has another one, or may have none."""
        if isinstance(slot, ClaimSlot) and not (self.free_claims and _may_say(slot, value)):
            return None
        if slot in self.values:
            return self if self.values[slot] == value else None
        if _path(slot) and self.is_final(_whole(slot)):
            return None
        if value != _OBJECT and any(_whole(other) == slot for other in self.values if _path(other)):
            return None
        return replace(self, values={**self.values, slot: value})

    def known(self, slot: Slot) -> bool:
        """Whether a slot has its value, or is a document of which parts are decided."""
        return slot in self.values or bool(self.parts(slot))

    def parts(self, slot: Slot) -> dict[tuple[str, ...], Value]:
        """What is decided of a document."""
        return {_path(one): value for one, value in self.values.items() if _path(one) and _whole(one) == slot}

    def value(self, slot: Slot) -> Value:
        """The value of a known slot."""
        parts = self.parts(slot)
        if slot in self.values and not parts:
            return self.values[slot]
        if any(isinstance(path[0], FieldStep) for path in parts):
            return _record(parts)
        composed, whole = compose(parts), _parsed(self.values.get(slot))
        if isinstance(composed, dict):
            composed = (whole or {}) | composed
        return json.dumps(composed, sort_keys=True)

    def add_row(self, table: str) -> tuple[State, RowRef]:
        """With one more row."""
        ref = RowRef(table, len(self.rows))
        return replace(self, rows=(*self.rows, ref)), ref

    def columns(self, ref: RowRef) -> dict[str, Value]:
        """What is decided of a row, documents put together."""
        slots = [slot for slot in self.values if isinstance(slot, ColumnSlot) and slot.row == ref]
        return {slot.column: self.value(ColumnSlot(ref, slot.column)) for slot in slots}

    @property
    def claims(self) -> dict[str, Any]:
        """The claims that were set, put together."""
        claims = {slot.path: value for slot, value in self.values.items() if isinstance(slot, ClaimSlot)}
        return dict(compose(claims))

    @property
    def settings(self) -> dict[str, str]:
        """The settings that were set."""
        names = {slot.name for slot in self.values if isinstance(slot, SettingSlot)}
        return {name: self.value(SettingSlot(name)) or "" for name in sorted(names)}

    @property
    def arguments(self) -> dict[str, Value]:
        """The arguments that were set."""
        slots = [replace(slot, path=()) for slot in self.values if isinstance(slot, ArgumentSlot)]
        return {slot.name: self.value(slot) for slot in sorted(slots, key=lambda slot: slot.name)}


States = Iterator[State]
Path = tuple[str, ...]
"""A place in a document: the keys that lead there; `[0]` is the first element of an array."""


def element_step(number: int) -> str:
    """The step of a path that leads to an element of an array."""
    return f"[{number}]"


class FieldStep(str):
    """The step of a path that leads to a field of a composite value: the `number`th of so many."""

    __slots__ = ("number", "total")

    number: int
    total: int

    def __new__(cls, name: str, number: int, total: int) -> FieldStep:
        step = super().__new__(cls, name)
        step.number, step.total = number, total
        return step


def _may_say(slot: ClaimSlot, value: Value) -> bool:
    """Whether a token may: Auth takes an address for one, and nobody has two at signs in his."""
    is_address = slot.path != ("email",) or not value or value.count("@") == 1
    return is_address and slot.path[0] not in _FIXED_CLAIMS


def _path(slot: Slot) -> tuple[str, ...]:
    return () if isinstance(slot, ClaimSlot) else slot.path


def _whole(slot: Slot) -> Slot:
    return slot if isinstance(slot, ClaimSlot) else replace(slot, path=())


def _parsed(value: Value) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(value or "null")
    except ValueError:
        return None


def compose(parts: Mapping[tuple[str, ...], Value]) -> Any:  # noqa: ANN401 - JSON
    """The document in which each path has its value, which is JSON itself."""
    document: dict[str, Any] = {}
    for path, value in parts.items():
        inner = document
        for step in path[:-1]:
            following = inner.get(step)
            inner[step] = following if isinstance(following, dict) else {}
            inner = inner[step]
        inner[path[-1]] = None if value is None else json.loads(value)
    return _with_arrays(document)


def _record(parts: Mapping[tuple[str, ...], Value]) -> str:
    """The composite value in which each field has its value; the others are null."""
    steps = {path[0]: path[0] for path in parts if isinstance(path[0], FieldStep)}
    fields = [""] * max(step.total for step in steps.values())
    for name, step in steps.items():
        below = {path[1:]: value for path, value in parts.items() if path[0] == name}
        fields[step.number] = _field(below)
    return f"({','.join(fields)})"


def _field(below: Mapping[tuple[str, ...], Value]) -> str:
    """A field as a composite literal has it; "" for null."""
    if () in below:
        value = below[()]
    elif any(isinstance(path[0], FieldStep) for path in below):
        value = json.dumps(_record(below))
    else:
        value = json.dumps(json.dumps(compose(below), sort_keys=True))
    text = _parsed(value)
    if text is None:
        return ""
    shown = text if isinstance(text, str) else json.dumps(text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '""') + '"'


def _with_arrays(document: Any) -> Any:  # noqa: ANN401 - JSON
    """With an array for what has elements by their numbers."""
    if not isinstance(document, dict):
        return document
    inner = {key: _with_arrays(value) for key, value in document.items()}
    numbers = [number for number in range(_LONGEST) if element_step(number) in inner]
    if not numbers or len(numbers) < len(inner):
        return inner
    return [inner.get(element_step(number)) for number in range(max(numbers) + 1)]
