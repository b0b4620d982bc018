"""Every attack of the catalogue is refused as it says, by the defences that it names, and by no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from pgassay.database import Database, Session
from pgassay.denial import Denial, Guard, explain_denial, removed
from pgassay.observation import Attempt, Outcome, Persona
from tests.attacks.attack import PARAMETERS, Attack
from tests.attacks.catalogue import SECTIONS

ATTACKS = [attack for section in SECTIONS for attack in section.attacks if isinstance(attack, Attack)]
# Many attacks share a control; each is tried once.
CONTROLS = {
    (attack.control.by, attack.control.sql or attack.sql, attack.prepare): attack for attack in ATTACKS
}


def _label(attack: Attack) -> str:
    return f"{attack.by}: {attack.title}"


each_attack = pytest.mark.parametrize("attack", ATTACKS, ids=_label)


@pytest.fixture(scope="session")
def actors(personas: Mapping[str, Persona], shared_database: Database) -> Mapping[str, Persona]:
    """The personas, and the role that owns the schema."""
    return {**personas, "owner": Persona(name="owner", role=shared_database.owner)}


def prepare(session: Session, attack: Attack) -> None:
    for statement in attack.prepare:
        session.execute(statement, PARAMETERS)


@each_attack
def test_attack_ends_as_it_must_and_changes_nothing(
    session: Session, actors: Mapping[str, Persona], fingerprint: Callable[[], str], attack: Attack
) -> None:
    prepare(session, attack)
    before = fingerprint()
    with session.act_as(actors[attack.by]):
        attempt = session.attempt(attack.sql, PARAMETERS)
    assert (attempt.outcome, attempt.sqlstate) == (attack.outcome, attack.sqlstate), attempt.message
    assert attack.constraint in {"", attempt.constraint}
    assert fingerprint() == before


@pytest.mark.parametrize("attack", CONTROLS.values(), ids=_label)
def test_who_may_succeeds(session: Session, actors: Mapping[str, Persona], attack: Attack) -> None:
    prepare(session, attack)
    with session.act_as(actors[attack.control.by]):
        control = session.attempt(attack.control.sql or attack.sql, PARAMETERS)
    assert control.outcome is Outcome.ALLOWED, control.message


@pytest.mark.slow
@each_attack
def test_attack_is_refused_by_its_defences_alone_and_succeeds_without_them(
    session: Session, actors: Mapping[str, Persona], attack: Attack
) -> None:
    prepare(session, attack)
    denial = explain_denial(session, actors[attack.by], attack.sql, PARAMETERS)
    assert _held(denial, attack) == sorted(attack.defences), denial.cause
    assert denial.unexplained == ""
    _try_naive_twins(session, actors[attack.by], attack)


def _held(denial: Denial, attack: Attack) -> list[Guard]:
    """What refuses; of guards whose removal would come to the same, the one that the attack names."""
    groups = [(guard, *denial.alternatives.get(guard, ())) for guard in denial.guards]
    return sorted(next((guard for guard in group if guard in attack.defences), group[0]) for group in groups)


def _try_naive_twins(session: Session, attacker: Persona, attack: Attack) -> None:
    """The schema without all of the attack's defences, without one of several, without what they rest on."""

    def succeeds_without(*guards: Guard) -> bool:
        with removed(session, guards):
            with session.act_as(attacker):
                attempt = session.attempt(attack.sql, PARAMETERS)
            return _gained(session, attack, attempt)

    assert succeeds_without(*attack.defences)
    for guard in attack.defences if len(attack.defences) > 1 else ():
        assert not succeeds_without(guard), f"only the {guard} holds"
    for guard in attack.rests_on:
        assert succeeds_without(guard), f"nothing rests on the {guard}"


def _gained(session: Session, attack: Attack, attempt: Attempt) -> bool:
    touched = attempt.outcome is Outcome.ALLOWED
    return touched and (not attack.succeeds or bool(session.value(attack.succeeds, PARAMETERS)))
