"""What an operator is: one kind of small change, and examples of it that drive its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, get_type_hints

from pgassay.catalog.model import Thing
from pgassay.mutation.trees import Rewrite

T = TypeVar("T", bound=Thing)
Find = Callable[..., Iterator[Rewrite]]
"""Finds changes in a tree, and in the conditions that are named behind it."""


@dataclass(frozen=True)
class Edit:
    """What happens to a thing, as the end of a sentence about it, and the SQL that does it.

    `line` counts from 1 in the body of a function; 0 where the change is not in one. `body` is what that body
    becomes.
    """

    what: str
    statements: tuple[str, ...]
    line: int = 0
    body: str | None = None


def change(what: str, *statements: str) -> Edit:
    return Edit(what, statements)


@dataclass(frozen=True)
class Example:
    """A small schema, and the statements of all mutants that the operator makes of it.

    `invalid`: the server refuses all of them, as it should.
    """

    schema: str
    mutants: tuple[str, ...]
    invalid: bool = False


@dataclass(frozen=True)
class Operator(Generic[T]):
    """Makes all mutants of one kind, named by their effect, of the things of a class. Pure."""

    name: str
    kind: type[T]
    changes: Callable[[T], Iterator[Edit]]
    examples: tuple[Example, ...] = ()


def example(
    schema: str, *mutants: str, invalid: bool = False
) -> Callable[[Operator[T] | Callable[[T], Iterator[Edit]]], Operator[T]]:
    """Give an operator an `Example`; the first makes one of a function from a `thing` to its changes."""

    def add(made: Operator[T] | Callable[[T], Iterator[Edit]]) -> Operator[T]:
        one = made if isinstance(made, Operator) else _operator(made)
        return replace(one, examples=(Example(schema, mutants, invalid), *one.examples))

    return add


def _operator(changes: Callable[[T], Iterator[Edit]]) -> Operator[T]:
    name = "".join(map(str.capitalize, changes.__name__.split("_")))
    return Operator(name, get_type_hints(changes)["thing"], changes)
