"""Which mutants there are: every operator on every thing. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from pgassay.catalog.model import Function, ObjectKey, Thing
from pgassay.errors import ConfigError, Place
from pgassay.mutation.model import Mutant
from pgassay.mutation.operators import OPERATORS
from pgassay.mutation.operators.base import Edit, Operator
from pgassay.mutation.reach import Reach, Reaches
from pgassay.mutation.things import Privilege, Seed, TableSecurity, View, bare_name
from pgassay.plpgsql.definitions import ROW_SECURITY, Definitions


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which mutants are wanted. `only`: operators, objects, ids, with `*` and `?`; shards count from 1."""

    only: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)

    def takes(self, mutant: Mutant) -> bool:
        number, shards = self.shard
        if int(mutant.id[-8:], 16) % shards != number - 1:
            return False
        return not self.only or any(_answers_to(mutant, given) for given in self.only)

    def check(self, mutants: Sequence[Mutant]) -> None:
        """Raise ConfigError for a name that no mutant answers to: nothing would be tried for its sake."""
        for given in self.only:
            if not any(_answers_to(mutant, given) for mutant in mutants):
                raise ConfigError(
                    f"Nothing was selected by {given!r}.",
                    why=f"None of {len(mutants)} mutants has an operator, object or id of this name.",
                    fixes=("name an operator, an object such as public.jobs, or an id of an earlier report",),
                )


def _answers_to(mutant: Mutant, given: str) -> bool:
    names = (mutant.operator, mutant.target.object, mutant.target.name, mutant.id)
    return given in names or any(fnmatchcase(name, given) for name in names)


def parse_shard(text: str) -> tuple[int, int]:
    """`i/n`: the i-th of n parts. Raises ConfigError for anything else."""
    number, slash, shards = text.partition("/")
    if slash and number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards):
        return int(number), int(shards)
    raise ConfigError(f"{text!r} is no shard.", fixes=("write the first of four as 1/4",))


def plan_mutants(
    things: Sequence[Thing],
    *,
    places: Definitions,
    unbound: Iterable[str] = (),
    unchanged: Collection[Thing] = (),
) -> tuple[Mutant, ...]:
    """All mutants of all things that are not among the `unchanged` ones, each change once.

    `unbound` are the roles that no policy binds.
    """
    found: dict[tuple[str, ...], Mutant] = {}
    reaches = Reaches(things, unbound=unbound)
    same = frozenset(unchanged)
    for thing in (thing for thing in things if thing not in same):
        place, reach = find_place(thing, places), reaches.find(thing)
        body = _place_body(thing, places)
        for operator in OPERATORS:
            if isinstance(thing, operator.kind):
                for mutant in _make_mutants(operator, thing, reach, (place, body)):
                    found.setdefault(mutant.statements, mutant)
    return tuple(found.values())


def _make_mutants(
    operator: Operator[Thing], thing: Thing, reach: Reach, places: tuple[Place | None, Place | None]
) -> Iterator[Mutant]:
    """`places` are those of the thing and, of a function, its body."""
    place, body = places
    for name, change in find_edits(operator, thing):
        yield Mutant(
            id=name,
            operator=operator.name,
            target=thing.key,
            description=_sentence(thing, change),
            statements=change.statements,
            thing=thing,
            reach=reach,
            place=replace(body, line=body.line + change.line - 1) if body and change.line else place,
            line=change.line,
        )


def find_edits(operator: Operator[Thing], thing: Thing) -> Iterator[tuple[str, Edit]]:
    """All changes of an operator, and the ids of their mutants: what they say, and of what."""
    seen: dict[str, int] = {}
    for edit in operator.changes(thing):
        seen[edit.what] = seen.get(edit.what, 0) + 1
        text = f"{thing}\0{edit.what}\0{seen[edit.what]}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield f"{operator.name}:{thing.key.object}:{digest[:8]}", edit


def _place_body(thing: Thing, places: Definitions) -> Place | None:
    """Where the body of a function begins."""
    if not isinstance(thing, Function):
        return None
    return places.bodies.get((bare_name(thing.function), thing.body))


def _sentence(thing: Thing, change: Edit) -> str:
    text = str(thing)
    return f"{text[0].upper()}{text[1:]} {change.what}."


def find_place(thing: Thing, places: Definitions) -> Place | None:
    """The statement that says what the thing is; None where no file has it in so many words."""
    key = thing.key
    match thing:
        case Privilege():
            kind = "grant on schema" if thing.kind == "schema" else "grant"
            return places.find(key._replace(kind=kind), thing.privilege)
        case TableSecurity():
            return places.find(key, ROW_SECURITY)
        case View() | Seed():
            return places.find(ObjectKey(kind="relation", object=key.object, name=""))
    return places.find(key)
