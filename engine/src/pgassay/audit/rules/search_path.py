"""Search path: a definer function looks names up where its caller says, and so finds the caller's objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by
from pgassay.audit.model import Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.audit.slow import TIMEOUT
from pgassay.audit.words import anyone
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, ObjectKey, Trigger
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix.model import Action
from pgassay.observation import Outcome, Persona

RULE = "search-path"
_NO_COLUMN = "42703"  # the object without columns was found instead
_CALLS = 6


def find(scene: Scene) -> Iterator[Finding]:
    """Each definer function that is called, or fired, by somebody with a temporary table of his own."""
    for function in scene.catalog.of(Function):
        if not function.definer or not scene.is_ours(function) or scene.is_unending(function):
            continue
        for table in _named(scene, function):
            shown = next(_proofs(scene, function, table), None)
            if shown:
                yield _tell(scene, function, table, *shown)
                break


def _named(scene: Scene, function: Function) -> list[Table]:
    """Tables that its text may look up without a schema."""
    words = find_literals([function.text]).words
    return [t for t in scene.surface.tables.values() if t.relation in words and t.kind in "rpv"]


def _proofs(scene: Scene, function: Function, table: Table) -> Iterator[tuple[Persona, str]]:
    """Who runs into his own object, and by what statement: without the object it has no such error."""
    own = f"create temporary table {quoted(table.relation)} ()"
    for persona in scene.people:
        texts = list(_statements(scene, function, persona))[:_CALLS]
        plain = scene.ask(persona, [[text] for text in texts])
        if any(answer.sqlstate == TIMEOUT for answer in plain):
            scene.unending.add(function.function)
            return
        good = [text for text, answer in zip(texts, plain, strict=True) if answer.sqlstate != _NO_COLUMN]
        for text, answer in zip(good, scene.ask(persona, [[own, text] for text in good]), strict=True):
            if answer.sqlstate == _NO_COLUMN:
                yield persona, text


def _statements(scene: Scene, function: Function, persona: Persona) -> Iterator[str]:
    """Calls; of a trigger's function, writes of the matrix that fire it."""
    if function.result == "trigger":
        yield from _firing(scene, function, persona)
    elif function in callable_by(scene, persona):
        for some in argument_lists(scene, function):
            yield Call(function=function, arguments=some, persona=persona).statement


def _firing(scene: Scene, function: Function, persona: Persona) -> Iterator[str]:
    for trigger in scene.catalog.of(Trigger):
        for action in (
            (Action.INSERT, Action.UPDATE, Action.DELETE) if trigger.function_oid == function.oid else ()
        ):
            for cell in scene.cells.get((trigger.table, action), ()):
                if cell.key.persona == persona.name and cell.outcome is Outcome.ALLOWED:
                    yield cell.witness.statement


def _tell(scene: Scene, function: Function, table: Table, persona: Persona, statement: str) -> Finding:
    pinned = "search_path" in function.settings
    who = [p for p in scene.people if function.result == "trigger" or function in callable_by(scene, p)]
    own = f"create temporary table {quoted(table.relation)} ()"
    where = (
        "although it sets search_path: pg_temp comes first there" if pinned else "it does not set search_path"
    )
    return Finding(
        rule=RULE,
        object=function.function,
        actions=("execute",),
        who=tuple(p.name for p in who),
        severity=Severity.LOW if pinned else Severity.MEDIUM,
        sentence=f"{function.function} runs with its owner's rights, and takes for {table.name} what "
        f"{anyone(who)} calls {quoted(table.relation)}; {where}.",
        steps=(
            Step(who=persona, statement=own),
            Step(who=persona, statement=statement, shows=_NO_COLUMN),
        ),
        cause=f"search_path {function.function}",
        about=(ObjectKey(kind="function", object=function.function, name=""),),
        candidates=tuple(_pinned(function, _path(scene, function))),
    )


def _path(scene: Scene, function: Function) -> str:
    """What it looks through today, as far as a file says it, and temporary objects last."""
    said = next((s.partition("=")[2] for s in function.configuration if s.startswith("search_path=")), "")
    return said.strip('"') or ", ".join(map(quoted, scene.catalog.exposed))


def _pinned(function: Function, path: str) -> Sequence[tuple[str, ...]]:
    return ((f"alter function {function.function} set search_path = {path}, pg_temp",),)
