"""Addresses of accounts, which only their users and the server know, where others read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgassay.audit.metadata import Document, Event, observe, sign_up
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix.statements import literal
from pgassay.observation import Persona


def find_addresses(scene: Scene, plain: Document, rule: str) -> Iterator[Finding]:
    """The address of an account, which only its user and the server know, stands where others read it."""
    event = sign_up(scene, plain)
    address = str(event.persona.claims["email"])
    [facts] = observe(scene, [event])
    for (table, column), values in (facts or {}).items():
        if address in values and table in scene.sample_of:
            look = f"select 1 from {table} where {quoted(column)}::text = {literal(address)}"
            with scene.session.undone():
                for text in event.statements:
                    run(scene.session, None, text)
                who = [p for p in scene.people if _reads(scene, p, look)]
            if who:
                yield _tell_address(scene, event, (table, column), who=who, look=look, rule=rule)


def _reads(scene: Scene, persona: Persona, look: str) -> bool:
    with scene.session.act_as(persona):
        return scene.session.attempt(look).rowcount > 0


def _tell_address(  # noqa: PLR0913 - what was seen, by name
    scene: Scene, event: Event, told: tuple[str, str], *, who: list[Persona], look: str, rule: str
) -> Finding:
    table, column = told
    return Finding(
        rule=rule,
        object=table,
        columns=(column,),
        actions=("select",),
        who=tuple(persona.name for persona in who),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(who)} reads in {table}.{column} the e-mail address of whoever signs up.",
        steps=(
            *(Step(statement=text) for text in event.statements),
            Step(who=who[0], statement=look, shows=ROWS),
        ),
        cause=f"strangers {table}",
        about=(ObjectKey(kind="relation", object=table, name=""),),
        candidates=_without(scene, table, column, who),
    )


def _without(scene: Scene, table: str, column: str, who: Sequence[Persona]) -> tuple[tuple[str, ...], ...]:
    """Everything else of the table goes on to be read."""
    roles = ", ".join(dict.fromkeys(persona.role for persona in who))
    others = ", ".join(quoted(name) for name in scene.surface.by_name[table].columns if name != column)
    if not others:
        return ()
    return ((f"revoke select on {table} from {roles}", f"grant select ({others}) on {table} to {roles}"),)
