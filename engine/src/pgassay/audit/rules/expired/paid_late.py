"""Functions that pay for a row whose time is over: an expired coupon, what is cancelled afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of, setups
from pgassay.audit.model import Step, Steps
from pgassay.audit.purses import find_purses
from pgassay.audit.rules.expired.terms import Term
from pgassay.audit.rules.expired.told_late import names_one
from pgassay.audit.rules.functions.gains import grown_by
from pgassay.audit.scene import Scene, run
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function
from pgassay.observation import Persona

_CALLS = 16
_SETUPS = 8


def paid_late(scene: Scene, term: Term) -> Iterator[tuple[Persona, Function, Steps]]:
    """Calls that name such a row, and after which a number of the caller's own row is more.

    Of functions that nowhere ask for the moment.
    """
    for persona in scene.users:
        for function in callable_by(scene, persona):
            is_writing = function.definer and function.volatility == "v" and bool(function.types)
            is_about = is_writing and term.sample in samples_of(scene, function)
            if (
                is_about
                and not asks_for(scene, function.function, term)
                and (steps := _try(scene, term, persona, function))
            ):
                yield persona, function, steps


def asks_for(scene: Scene, function: str, term: Term) -> bool:
    """Whether a function, or one that it uses, names the moment."""
    names = {function, *scene.inventory.reach(function)}
    texts = [f.text for name in names if (f := scene.functions.get(name)) and scene.is_ours(f)]
    return term.column.name in find_literals(texts).words


def _try(scene: Scene, term: Term, persona: Persona, function: Function) -> Steps | None:
    calls = [
        Call(function=function, arguments=some, persona=persona)
        for some in argument_lists(scene, function)
        if names_one(term.sample, some)
    ][:_CALLS]
    for purse in find_purses(scene, persona, samples_of(scene, function)) if calls else ():
        for setup in islice(setups(scene, function), _SETUPS):
            ready = (*purse.setup(scene.users), *setup, term.over)
            with scene.session.undone():
                if not all(run(scene.session, None, text) for text in ready):
                    continue
                grown = grown_by(purse, scene, calls, persona)
            for call, some in zip(calls, grown, strict=False):
                if some and some[0] > 0:
                    return (
                        *(Step(statement=text) for text in ready),
                        Step(who=persona, statement=call.statement),
                        purse.more(persona),
                    )
    return None
