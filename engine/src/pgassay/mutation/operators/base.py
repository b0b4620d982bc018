"""What an operator is: one kind of small change, and examples of it that drive its test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args

from pgassay.catalog.model import Thing
from pgassay.mutation.trees import Rewrite, Slot, expression_slot, read_expression, write_expression

T = TypeVar("T", bound=Thing)
Op = TypeVar("Op", bound="Operator[Any]")


@dataclass(frozen=True)
class Edit:
    """What happens to a thing, as the end of a sentence about it, and the SQL that does it.

    `line` counts from 1 in the body of a function; 0 where the change is not in one.
    """

    what: str
    statements: tuple[str, ...]
    line: int = 0


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


class Operator(ABC, Generic[T]):
    """Makes all mutants of one kind, named by their effect, of the things that `Operator[…]` names. Pure."""

    kind: ClassVar[type[Thing]]
    examples: ClassVar[tuple[Example, ...]] = ()

    def __init_subclass__(cls) -> None:
        for base in cls.__dict__.get("__orig_bases__", ()):
            [cls.kind] = get_args(base)

    @abstractmethod
    def changes(self, thing: T) -> Iterator[Edit]:
        """The changes of one thing."""

    @property
    def name(self) -> str:
        return type(self).__name__


def example(schema: str, *mutants: str, invalid: bool = False) -> Callable[[type[Op]], type[Op]]:
    """Give an operator an `Example`."""

    def add(operator: type[Op]) -> type[Op]:
        operator.examples = (Example(schema, mutants, invalid), *operator.examples)
        return operator

    return add


def rewrite_expression(
    text: str, find: Callable[..., Iterator[Rewrite]], *, whole: bool = False
) -> Iterator[tuple[str, str]]:
    """Each change that `find` knows of the expression `text`: what changed, and the expression after it.

    `whole`: the expression is itself a condition.
    """
    tree = read_expression(text)
    top: tuple[Slot, ...] = (expression_slot(tree),) if whole else ()
    for rewrite in find(tree, *top):
        yield rewrite.change, write_expression(rewrite.render(tree))
