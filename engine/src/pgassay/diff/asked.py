"""What something asks otherwise in HEAD, and the experiment that a solution of it makes. Pure."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import Function
from pgassay.catalog.tables import CallRight
from pgassay.diff.conditions import TwoSchemas
from pgassay.diff.confirmation import SETTING
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import bodies, is_unique
from pgassay.diff.probes import SearchProbe
from pgassay.diff.variations import boasting
from pgassay.diff.weights import Scales
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona
from pgassay.solver.asking import merged
from pgassay.solver.model import Condition, Reached
from pgassay.solver.schema import Schema

_LONGEST = 60  # characters of a value that are told


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Both schemas, the rows that both have, and BASE's functions that HEAD has otherwise.

    `scales`: the tables that can be weighed.
    """

    schemas: TwoSchemas
    changes: Sequence[SchemaChange]
    samples: Sequence[Sample]
    schema: Schema
    former: Sequence[Function]
    rights: Sequence[CallRight]
    scales: Scales

    def near(self, name: str) -> tuple[SchemaChange, ...]:
        """The changes of what an object uses on one of the sides."""
        reach = self.reach(name)
        return tuple(change for change in self.changes if change.key.object in reach)

    def may_refuse(self, change: SchemaChange) -> bool:
        """Whether it is about what refuses a row, whoever writes it."""
        sides = (self.schemas.before, self.schemas.after)
        return change.key.kind == "constraint" or is_unique(change, *sides)

    def texts(self, name: str) -> tuple[str, ...]:
        """The bodies of the functions that it uses."""
        sides = (self.schemas.before, self.schemas.after)
        return tuple(dict.fromkeys(text for side in sides for text in bodies(self.reach(name), side)))

    def reach(self, name: str) -> frozenset[str]:
        """What an object uses on one of the sides."""
        return self.schemas.before.reach(name) | self.schemas.after.reach(name)


@dataclass(frozen=True, kw_only=True)
class Asked(ABC):
    """A condition that is true where HEAD lets `roles` do what BASE did not; `former`: BASE's part of it.

    `texts`: the bodies of functions that it may call. `within`: what should hold, too, if it can.
    """

    condition: Condition
    changes: tuple[SchemaChange, ...]
    roles: tuple[str, ...]
    texts: tuple[str, ...]
    former: str = ""
    within: str = ""

    @property
    def action(self) -> Action:
        """What it lets them do."""
        return Action.SELECT

    @property
    def object(self) -> str:
        """What they do it to."""
        return self.condition.table or self.condition.name

    @property
    def unwritten(self) -> bool:
        """Whether it is asked of a row that is not there yet."""
        return False

    def experiment(self, persona: Persona, reached: Reached) -> Experiment:
        """What to try once there is what was reached."""
        literals = find_literals([self.condition.text, *self.texts])
        with_claims = replace(persona, claims=merged(persona.claims, reached.claims))
        asking = boasting(with_claims, literals)
        return Experiment(
            changes=self.changes,
            attempts=tuple(self.probe(asking, reached, literals)),
            setup=(*self.prepare(reached), *_set(reached)),
            given=_describe(reached, literals, asking.claims if reached.claims else {}),
        )

    def prepare(self, reached: Reached) -> tuple[str, ...]:
        """What the owner does before."""
        return reached.statements

    @abstractmethod
    def probe(self, persona: Persona, reached: Reached, literals: Literals) -> Iterator[SearchProbe]:
        """The statements of the persona."""

    def __str__(self) -> str:
        return self.condition.name


def _set(reached: Reached) -> Iterator[str]:
    """The settings of the request."""
    for name, value in reached.settings.items():
        yield f"{SETTING}{literal(name)}, {literal(value)}, true)"


def _describe(reached: Reached, literals: Literals, claims: Mapping[str, Any]) -> str:
    """What there has to be, in words."""
    parts = [f"the claims {json.dumps(dict(claims))}"] if claims else []
    parts += [f"{name} = {literal(value)}" for name, value in reached.settings.items()]
    for made in reached.made:
        told = [f"{name} = {_shorten(made.values[name])}" for name in made.values if name in literals.words]
        values = " and ".join(told)
        parts.append(f"a row of {made.table}{f' with {values}' if values else ''}")
    return ", ".join(dict.fromkeys(parts))


def _shorten(value: str | None) -> str:
    """A value as SQL; of a long one how it begins, and its length."""
    if value is None or len(value) <= _LONGEST:
        return literal(value)
    return f"{literal(value[:_LONGEST])}… ({len(value)} characters)"
