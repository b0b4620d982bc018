"""Change one place of a parsed statement and write it out again. Pure.

A rewrite names the place and what stands there instead; the tree itself stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast, parser
from pglast.stream import RawStream

Node = Any  # also a tuple of nodes: pglast's attributes are of many types


@dataclass(frozen=True)
class Slot:
    """A place in a tree that holds a node: an attribute of `holder`, or an item of the lists in it."""

    holder: Node
    attribute: str
    path: tuple[int, ...] = ()

    @property
    def node(self) -> Node:
        value = getattr(self.holder, self.attribute)
        for index in self.path:
            value = value[index]
        return value

    def put(self, node: Node) -> None:
        """Set the place; None takes an item out of its list."""
        value = _replaced(getattr(self.holder, self.attribute), self.path, node)
        setattr(self.holder, self.attribute, value)


def _replaced(value: Node, path: tuple[int, ...], node: Node) -> Node:
    if not path:
        return node
    index, *rest = path
    new = _replaced(value[index], tuple(rest), node)
    return (*value[:index], *(() if new is None else (new,)), *value[index + 1 :]) or None


@dataclass(frozen=True)
class Rewrite:
    """What stands in a slot instead. `told`: that in words, where before and after would be long."""

    slot: Slot
    new: Node
    told: str = ""

    def render(self, tree: Node) -> str:
        """The statement `tree`, which the slot is part of, with the change in it."""
        holder, attribute = self.slot.holder, self.slot.attribute
        before = getattr(holder, attribute)
        self.slot.put(self.new)
        try:
            return write(tree)
        finally:
            setattr(holder, attribute, before)

    @property
    def change(self) -> str:
        """Before and after, as SQL."""
        if self.told:
            return self.told
        before = write(self.slot.node)
        return f"{before} is gone" if self.new is None else f"{before} became {write(self.new)}"


def read(text: str) -> Node:
    """The one statement in `text`. Raises pglast.parser.ParseError."""
    [raw] = parser.parse_sql(text)
    return raw.stmt


def read_expression(text: str) -> Node:
    """`select` and the expression, whose slot is the one target's value."""
    return read(f"select {text}")


def expression_slot(tree: Node) -> Slot:
    """Where the expression is in what `read_expression` gives."""
    return Slot(tree.targetList[0], "val")


def write(node: Node) -> str:
    """A node as SQL in one line."""
    return str(RawStream()(node))


def write_expression(text: str) -> str:
    """What `select` and an expression, written, says about the expression alone."""
    return text.removeprefix("SELECT ")


def is_a(node: Node, *kinds: type) -> bool:
    """Not isinstance itself: all attributes of pglast's types may be None, and mypy would ask each time."""
    return isinstance(node, kinds)


def copy(node: Node, /, **changed: Node) -> Node:
    """A node of the same kind with the same children, but for what is `changed`."""
    return type(node)(**{name: getattr(node, name) for name in node} | changed)


def slots(node: Node) -> Iterator[Slot]:
    """All places below `node` that hold nodes, each before those inside it, in the order of the tree."""
    for attribute in node:
        yield from _slots(node, attribute, getattr(node, attribute), ())


def _slots(holder: Node, attribute: str, value: Node, path: tuple[int, ...]) -> Iterator[Slot]:
    if isinstance(value, ast.Node):
        yield Slot(holder, attribute, path)
        yield from slots(value)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _slots(holder, attribute, item, (*path, index))
