"""What functions ask otherwise in HEAD, and what a solution lets somebody try. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgassay.catalog.model import Function
from pgassay.diff.asked import Asked, Scene
from pgassay.diff.bodies import read_function
from pgassay.diff.call_probes import Near, find_near, probe_call, repeated
from pgassay.diff.calls import POLYMORPHIC, spell_argument
from pgassay.diff.probes import SearchProbe
from pgassay.diff.queries import Departure, contrast
from pgassay.diff.row_arguments import plain_value
from pgassay.matrix.model import Action
from pgassay.matrix.statements import literal
from pgassay.observation import Persona
from pgassay.solver.model import Condition, Reached, Source
from pgassay.solver.scope import write
from pgassay.solver.signatures import Parameter, read_arguments


def find_functions(scene: Scene) -> Iterator[AskedFunction]:
    """Functions of the API: whose bodies, or those of functions that they call, are others.

    And those that name a table which may no longer refuse what is written twice.
    """
    before = {one.function: one for one in scene.former}
    rename = scene.schemas.former.rename
    for function in scene.schema.catalog.of(Function):
        roles = tuple(
            one.role
            for one in scene.rights
            if one.object == function.function and one.privilege == "execute" and one.held and one.usage
        )
        parameters, old = read_arguments(function.arguments), before.get(function.function)
        if not roles or parameters is None:
            continue
        new = read_function(function, scene.schema)
        if old is not None:
            former = replace(old, body=rename(old.body))
            departures = tuple(contrast(read_function(former, scene.schema), new))
        elif any(map(scene.may_refuse, scene.near(function.function))):
            departures = tuple(contrast((), new)) or (Departure("true"),)
        else:
            continue
        for departure in departures:
            yield AskedFunction(
                condition=Condition(
                    text=departure.text,
                    source=Source.WHERE,
                    name=function.function,
                    asks=function.owner if function.definer else "",
                    parameters=tuple(
                        (one.name or f"${n}", POLYMORPHIC.get(one.type, one.type))
                        for n, one in enumerate(parameters, 1)
                    ),
                ),
                changes=scene.near(function.function),
                roles=roles,
                texts=scene.texts(function.function),
                within=departure.within,
                parameters=parameters,
                widens=old is not None and departure.widens and function.result != "boolean",
                near=find_near(
                    scene.samples, scene.reach(function.function), function.function, scene.schemas.after
                ),
            )


@dataclass(frozen=True, kw_only=True)
class AskedFunction(Asked):
    """Of the rows that a function looks for, and of its arguments.

    `widens`: it then answers with a row that BASE leaves out. Not where it says yes or no: who knows to what.
    `near`: what it may write; then it is called twice, too.
    """

    parameters: tuple[Parameter, ...]
    widens: bool
    near: Near

    @property
    def action(self) -> Action:
        return Action.EXECUTE

    def probe(self, persona: Persona, reached: Reached, _: object) -> Iterator[SearchProbe]:
        given = [_argument(number, one, reached, persona) for number, one in enumerate(self.parameters, 1)]
        near = self.near.watching(reached.made)
        call = probe_call(self.condition.name, ", ".join(given), persona, near)
        # Where it finds what is the caller's own, BASE may have found what is not.
        is_own = any(persona.id in made.values.values() for made in reached.made if persona.id)
        yield replace(call, widens=self.widens and not is_own, reveals=True, is_own=is_own)
        if self.near.tables:
            yield repeated(call)


def _argument(number: int, one: Parameter, reached: Reached, persona: Persona) -> str:
    """What was solved; else the default, the caller's own id, or whatever its type takes."""
    name = one.name or f"${number}"
    if name in reached.arguments:
        text = literal(reached.arguments[name])
    elif one.default is not None:
        text = write(one.default)
    else:
        text = literal(persona.id if one.type == "uuid" else plain_value(one.type))
    return spell_argument(text, one)
