"""Numbers that triggers draw as keys, such as that of the account of a new user.

What the server refused has moved a sequence on, and nothing moves it back: the next load of the same rows
would draw others. So whatever a row's triggers draw begins at a number of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Function
from pgassay.solver import values
from pgassay.solver.asking import Asker
from pgassay.solver.schema import Schema
from pgassay.solver.writing import literal

_WIDE = ("int4", "int8")
_LEAST, _APART, _LARGEST = 1_000_000, 1_000, 900_000  # above what rows themselves are given


class Sequences:
    """The sequences of one schema."""

    def __init__(self, schema: Schema, asker: Asker) -> None:
        self._schema = schema
        self._asker = asker
        self._drawn: dict[str, tuple[tuple[str, str], ...]] = {}

    def begin(self, table: str, purpose: str) -> tuple[str, ...]:
        """Statements, carried out already, after which what the triggers of a table draw is the same."""
        if table not in self._drawn:
            self._drawn[table] = tuple(self._find(table))
        begun = (
            (
                f"select pg_catalog.setval(pg_catalog.pg_get_serial_sequence({literal(name)},"
                f" {literal(column)}), {_number(f'{name} {table} {purpose}')})"
            )
            for name, column in self._drawn[table]
        )
        return tuple(statement for statement in begun if not self._asker.look(statement).sqlstate)

    def _find(self, table: str) -> Iterator[tuple[str, str]]:
        words = self._said(table) if self._keys else frozenset()
        for name, column in self._keys:
            if self._schema.relations[name].relation in words:
                yield name, column

    @cached_property
    def _keys(self) -> list[tuple[str, str]]:
        """Tables and their columns that count, and that other rows refer to."""
        return [
            (name, column.name)
            for name in sorted(self._schema.relations)
            for column in self._schema.columns(name).values()
            if is_counted(column) and column.base in _WIDE and self._schema.is_referred_to(name, column.name)
        ]

    @cached_property
    def _functions(self) -> dict[str, list[Function]]:
        found: dict[str, list[Function]] = {}
        for function in self._schema.catalog.of(Function):
            found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def _tables(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, relation in self._schema.relations.items():
            found.setdefault(relation.relation, []).append(name)
        return found

    def _said(self, table: str) -> frozenset[str]:
        """All words of what the triggers of a table run, and of what that may run."""
        words: set[str] = set()
        left, seen = self._triggered(table), {table}
        done: set[int] = set()
        while left:
            function = left.pop()
            if function.oid in done:
                continue
            done.add(function.oid)
            for word in find_literals([function.text]).words - words:
                words.add(word)
                left += self._functions.get(word, ())
                for other in self._tables.get(word, ()):
                    if other not in seen:
                        seen.add(other)
                        left += self._triggered(other)
        return frozenset(words)

    def _triggered(self, table: str) -> list[Function]:
        functions = self._schema.catalog.functions
        oids = (trigger.function_oid for trigger in self._schema.user_triggers(table))
        return [functions[oid] for oid in oids if oid in functions]


def is_counted(column: Column) -> bool:
    """Whether a sequence gives its values."""
    return bool(column.identity) or "nextval(" in (column.default or "")


def _number(purpose: str) -> int:
    return _LEAST + _APART * values.digest(purpose, largest=_LARGEST)
