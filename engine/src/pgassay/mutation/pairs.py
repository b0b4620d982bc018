"""Mutants of the second order: two changes of one function at once. Pure.

A fault of two changes can hide from a suite that notices each of them. The likeliest are those of which one
test noticed both parts: where the second change takes that test's proof away, nobody else is known to look.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, zip_longest
from typing import Any

from pgassay.catalog.model import Function, ObjectKey
from pgassay.mutation.bodies import find_pieces
from pgassay.mutation.model import Mutant
from pgassay.mutation.operators import OPERATORS
from pgassay.mutation.operators.base import Edit, Operator
from pgassay.mutation.plan import find_edits
from pgassay.mutation.trees import write
from pgassay.plpgsql.rewriting import replace_body
from pgassay.plpgsql.tokens import read_tokens

SECOND_ORDER = "SecondOrder"
_OPERATORS = {operator.name: operator for operator in OPERATORS}

Pair = tuple[Mutant, Mutant]


def sample_pairs(
    mutants: Iterable[Mutant], killers: Mapping[str, str], *, count: int, seed: int
) -> list[Mutant]:
    """`count` pairs whose parts the same test killed, in turn from each function; all, if there are fewer.

    `killers`: tests by the ids of mutants. A seed gives each pair its rank, whatever others there are.
    """
    groups = []
    for members in _by_function(mutants).values() if count else ():
        alike = [pair for pair in combinations(members, 2) if _have_one_killer(pair, killers)]
        groups.append(sorted(alike, key=lambda pair: _hash(f"{seed}", name_pair(*pair))))
    found: dict[tuple[str, ...], Mutant] = {}
    for pair in (pair for turn in zip_longest(*groups) for pair in turn if pair):
        if len(found) == count:
            break
        for mutant in join(*pair):
            found.setdefault(mutant.statements, mutant)
    return list(found.values())


def find_pairs(mutants: Iterable[Mutant], ids: Sequence[str]) -> list[Mutant]:
    """The pairs that have these ids, whoever killed their parts."""
    wanted = set(ids)
    objects = {name.split(":", 1)[1].rsplit(":", 1)[0] for name in wanted}
    groups = (members for key, members in _by_function(mutants).items() if key.object in objects)
    pairs = (pair for members in groups for pair in combinations(members, 2))
    return [mutant for pair in pairs if name_pair(*pair) in wanted for mutant in join(*pair)]


def is_pair(name: str) -> bool:
    """Whether it is the id of a mutant of two changes."""
    return name.startswith(f"{SECOND_ORDER}:")


def _by_function(mutants: Iterable[Mutant]) -> dict[ObjectKey, list[Mutant]]:
    found: dict[ObjectKey, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        if isinstance(mutant.thing, Function) and not mutant.parts:
            found[mutant.target].append(mutant)
    return found


def _have_one_killer(pair: Pair, killers: Mapping[str, str]) -> bool:
    one, other = (killers.get(mutant.id) for mutant in pair)
    return one is not None and one == other


def name_pair(one: Mutant, other: Mutant) -> str:
    return f"{SECOND_ORDER}:{one.target.object}:{_hash(one.id, other.id)[:8]}"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def join(one: Mutant, other: Mutant) -> Iterator[Mutant]:
    """Both changes at once; nothing where the one takes the place of the other, or takes it back."""
    function = one.thing
    if not isinstance(function, Function):
        return
    for statements in _join(function, (_find(function, one), _find(function, other))):
        what = other.description.removeprefix(one.description[: len(str(function)) + 1])
        yield replace(
            one, id=name_pair(one, other), operator=SECOND_ORDER, parts=(one.id, other.id),
            description=f"{one.description.removesuffix('.')}, and {what}", statements=statements,
        )  # fmt: skip


_Change = tuple[Operator[Any], Edit]


def _find(function: Function, mutant: Mutant) -> _Change:
    operator = _OPERATORS[mutant.operator]
    return operator, next(edit for name, edit in _edits(function, operator.name) if name == mutant.id)


@lru_cache(maxsize=128)
def _edits(function: Function, operator: str) -> tuple[tuple[str, Edit], ...]:
    return tuple(find_edits(_OPERATORS[operator], function))


def _join(function: Function, changes: tuple[_Change, _Change]) -> Iterator[tuple[str, ...]]:
    """The statements of both; at most one."""
    (_, one), (_, other) = changes
    if one.body is None or other.body is None:  # what ALTER sets, CREATE OR REPLACE would set back
        first, last = (one, other) if one.body else (other, one)
        yield (*first.statements, *last.statements)
        return
    unwanted = [_written(function.language, body) for body in (function.body, one.body, other.body)]
    for edit in _candidates(function, changes):
        if _written(function.language, edit.body or "") not in unwanted:
            yield edit.statements
            return


def _candidates(function: Function, changes: tuple[_Change, _Change]) -> Iterator[Edit]:
    """What the second change may be, where the first was made."""
    (_, one), (operator, other) = changes
    edits = _again(function, one, operator)
    same = [edit for edit in edits if edit.what == other.what]
    before = [edit for _, edit in _edits(function, operator.name) if edit.what == other.what]
    if len(same) == len(before) == 1:
        yield from same
        return
    # The operator changes other places, too: that is meant which is also found with the other change first.
    reverse = [_words(edit.body or "") for edit in _again(function, other, changes[0][0])]
    yield from (edit for edit in edits if _words(edit.body or "") in reverse)


def _again(function: Function, first: Edit, operator: Operator[Any]) -> list[Edit]:
    """What an operator makes of the function with the first change in it."""
    body = first.body or ""
    changed = replace(function, body=body, definition=replace_body(function.definition, body))
    return list(operator.changes(changed))


@lru_cache(maxsize=1024)
def _written(language: str, body: str) -> tuple[str, ...]:
    """The words of a body, its expressions and queries as they are always written."""
    pieces = find_pieces(body, language)
    for piece in sorted(pieces, key=lambda piece: piece.start, reverse=True):
        body = piece.replace(body, write(piece.parse()))
    return _words(body)


def _words(body: str) -> tuple[str, ...]:
    return tuple(body[token.start : token.end] for token in read_tokens(body))
