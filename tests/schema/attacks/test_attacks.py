"""Every attack of the catalogue: refused as it says, by what it says, and not by anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from attacks.attack import PARAMETERS, Attack, Section
from attacks.catalogue import SECTIONS
from pgassay.access import explain_denial, needed
from pgassay.database import Session
from pgassay.observation import Outcome, Persona


def attacks(sections: tuple[Section, ...]) -> list[Attack]:
    return [attack for section in sections for attack in section.attacks if isinstance(attack, Attack)]


each_attack = pytest.mark.parametrize(
    "attack", attacks(SECTIONS), ids=lambda attack: f"{attack.by}: {attack.name}"
)


def prepare(session: Session, attack: Attack) -> None:
    for statement in attack.prepare:
        session.execute(statement, PARAMETERS)


@each_attack
def test_attack_ends_as_it_must_and_changes_nothing(
    session: Session, personas: Mapping[str, Persona], fingerprint: Callable[[], str], attack: Attack
) -> None:
    prepare(session, attack)
    before = fingerprint()
    with session.act_as(personas[attack.by]):
        attempt = session.attempt(attack.sql, PARAMETERS)
    assert (attempt.outcome, attempt.sqlstate) == (attack.outcome, attack.sqlstate), attempt.message
    assert fingerprint() == before


@each_attack
def test_who_may_succeeds(session: Session, personas: Mapping[str, Persona], attack: Attack) -> None:
    prepare(session, attack)
    with session.act_as(personas[attack.control.by]):
        control = session.attempt(attack.control.sql, PARAMETERS)
    assert control.outcome is Outcome.ALLOWED, control.message


@each_attack
def test_attack_is_refused_by_its_defences_alone(
    session: Session, personas: Mapping[str, Persona], attack: Attack
) -> None:
    prepare(session, attack)
    denial = explain_denial(session, personas[attack.by], attack.sql, PARAMETERS)
    assert sorted(denial.guards) == sorted(attack.defences), denial.cause
    assert denial.unexplained == ""


@each_attack
def test_naive_twin_falls(session: Session, personas: Mapping[str, Persona], attack: Attack) -> None:
    prepare(session, attack)

    def succeeds() -> bool:
        with session.act_as(personas[attack.by]):
            attempt = session.attempt(attack.sql, PARAMETERS)
        return attempt.outcome is Outcome.ALLOWED and (
            not attack.succeeds or bool(session.value(attack.succeeds, PARAMETERS))
        )

    worth = needed(session, attack.defences, succeeds)
    assert worth.proven, str(worth)
