"""Arguments that become SQL: a quote in them is a syntax error of what the function executes."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, make_calls
from pgassay.audit.scene import Scene
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function
from pgassay.matrix.statements import TEXTS
from pgassay.observation import Persona

_SYNTAX = "42601"
_LISTS = 3
_QUOTES = ("'", '"')
_HARMLESS = ("pgassay", "1", "select 1")  # a word, an expression or a statement may be what it wants


def find_injection(scene: Scene, persona: Persona, function: Function) -> tuple[Call, int] | None:
    """A call with a quote that fails by its syntax, where one without does not; which argument, from 1."""
    if function.language != "plpgsql" or "execute" not in find_literals([function.text]).words:
        return None
    for some in argument_lists(scene, function)[:_LISTS]:
        for place, type_ in enumerate(function.types):
            if type_ in TEXTS and (found := _try(scene, persona, function, some, place)):
                return found, place + 1
    return None


def _try(
    scene: Scene, persona: Persona, function: Function, some: tuple[str | None, ...], place: int
) -> Call | None:
    def calls(texts: tuple[str, ...]) -> Iterator[Call]:
        for text in texts:
            arguments = (*some[:place], text, *some[place + 1 :])
            yield Call(function=function, arguments=arguments, persona=persona)

    answers = make_calls(scene, persona, [*calls(_QUOTES), *calls(_HARMLESS)])
    quoted, plain = answers[: len(_QUOTES)], answers[len(_QUOTES) :]
    if not any(answer.sqlstate != _SYNTAX for _, answer in plain):
        return None
    return next((call for call, answer in quoted if answer.sqlstate == _SYNTAX), None)
