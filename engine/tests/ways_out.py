"""Every way out that an error of ours names, as the source has it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

import pgassay

SOURCE = Path(pgassay.__file__).parent


def collect_hints() -> frozenset[str]:
    """Each text of `fixes=(…)`, with {} for what is filled in; names by what they hold, in any module."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))]
    hints, constants = set[str](), set[str]()
    for tree in trees:
        values = [n.value for n in ast.walk(tree) if isinstance(n, ast.keyword) and n.arg == "fixes"]
        names = {name for value in values for name in _names(value)}
        constants |= {name for name in names if name.isupper()}
        hints |= {text for value in values for text in _texts(value)} | set(_held(tree, names))
    return frozenset(hints.union(*(_held(tree, constants) for tree in trees)))


def _held(tree: ast.Module, names: Collection[str]) -> Iterator[str]:
    """The texts that are assigned to these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for name, value in _pairs(node.targets[0], node.value):
                if name in names:
                    yield from _texts(value)


def _names(value: ast.expr) -> Iterator[str]:
    """The names that stand for whole texts."""
    if isinstance(value, ast.Name):
        yield value.id
    elif not isinstance(value, ast.JoinedStr):
        for part in ast.iter_child_nodes(value):
            if isinstance(part, ast.expr):
                yield from _names(part)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, held in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, held)


def _texts(value: ast.expr) -> Iterator[str]:
    """Of an expression of texts: those that may come of it."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in parts)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _texts(element)
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)
        case ast.BoolOp(values=values):
            for one in values:
                yield from _texts(one)
        case ast.Call(args=arguments):
            for one in arguments:
                yield from _texts(one)
        case ast.ListComp(elt=one):
            yield from _texts(one)
