"""Defences are taken away for a moment, and their worth against an attack is told."""

from __future__ import annotations

import psycopg
import pytest

from pgassay.database import Session
from pgassay.denial import (
    CannotRemoveError,
    Constraint,
    FunctionProperty,
    Grant,
    Guard,
    NotNull,
    Policy,
    RowSecurity,
    Trigger,
    UniqueIndex,
    ViewOption,
    needed,
    removed,
)
from pgassay.observation import Outcome, Persona

PAY = "update public.orders set paid = true where id = 1"
GRANT = Grant(privilege="update", object="public.orders", columns=("paid",), role="authenticated")
TRIGGER = Trigger(table="public.orders", name="keep_unpaid")
CHECK = Policy(table="public.orders", name="edit", clause="WITH CHECK")
CONSTRAINT = Constraint(table="public.orders", name="orders_are_unpaid")
ALL = (GRANT, TRIGGER, CHECK, CONSTRAINT)


def pays(session: Session, persona: Persona) -> bool:
    with session.act_as(persona):
        return session.attempt(PAY).outcome is Outcome.ALLOWED


def test_a_guard_is_gone_inside_and_back_outside(session: Session, alice: Persona) -> None:
    query = "select count(*) from public.notes"
    with removed(session, [RowSecurity(table="public.notes")]):
        assert session.value("select current_user") == session.value("select session_user")
        with session.act_as(alice):
            assert session.value(query) == 4
    with session.act_as(alice):
        assert session.value(query) == 1


def test_who_acted_before_acts_again_after_an_error(session: Session, alice: Persona) -> None:
    session.act_as(alice)
    with pytest.raises(psycopg.errors.DivisionByZero), removed(session, []):
        session.act_as(alice)
        session.execute("select 1/0")
    assert session.value("select current_user || ' ' || auth.uid()::text") == f"authenticated {alice.id}"
    with session.as_owner():
        pass
    assert session.value("select current_user") == "authenticated"


def test_removals_nest(session: Session, alice: Persona) -> None:
    with removed(session, ALL[:2]):
        with removed(session, ALL[2:]):
            assert pays(session, alice)
        assert not pays(session, alice)


def test_what_happens_without_guards_is_undone_too(session: Session) -> None:
    with removed(session, ()):
        session.execute("delete from public.journal")
    assert session.value("select count(*) from public.journal") == 1


@pytest.mark.parametrize(
    ("guard", "why"),
    [
        (Trigger(table="public.orders", name="nosuch"), 'trigger "nosuch" for table "orders" does not exist'),
        (RowSecurity(table="auth.users"), "must be owner of table users"),
    ],
)
def test_what_cannot_be_removed_is_named(session: Session, guard: Guard, why: str) -> None:
    with pytest.raises(CannotRemoveError) as caught, removed(session, [TRIGGER, guard]):
        pytest.fail("the block ran")
    assert caught.value.guard == guard
    assert str(caught.value).startswith(f"Cannot remove the {guard}.\n{guard.removal}: {why}")
    assert session.value("select tgenabled::text from pg_trigger where tgname = 'keep_unpaid'") == "O"


@pytest.mark.parametrize(
    ("guard", "probe"),
    [
        (
            FunctionProperty(function="public.keep_unpaid()", name="security definer"),
            "select not prosecdef from pg_proc where proname = 'keep_unpaid'",
        ),
        (
            ViewOption(view="public.my_notes", option="security_invoker"),
            "select reloptions is null from pg_class where relname = 'my_notes'",
        ),
        (UniqueIndex(index="public.notes_slug_once"), "select to_regclass('public.notes_slug_once') is null"),
        (
            NotNull(table="public.notes", column="owner"),
            "select not attnotnull from pg_attribute"
            " where attrelid = 'public.notes'::regclass and attname = 'owner'",
        ),
        (
            Constraint(table="public.notes", name="notes_pkey"),  # a foreign key rests on it
            "select not exists (select from pg_constraint where conname = 'notes_pkey')",
        ),
    ],
    ids=str,
)
def test_a_property_is_gone_inside_and_back_outside(session: Session, guard: Guard, probe: str) -> None:
    assert session.value(probe) is False
    with removed(session, [guard]):
        assert session.value(probe) is True
    assert session.value(probe) is False


def test_defences_that_overlap_are_told(session: Session, alice: Persona) -> None:
    worth = needed(session, ALL, lambda: pays(session, alice))
    assert (worth.intact, worth.together, worth.sole, worth.idle) == (False, True, (), ())
    assert worth.overlap == ALL
    assert worth.proven
    assert str(worth).splitlines()[1] == f"overlap: {'; '.join(map(str, ALL))}"


def test_a_defence_that_stands_alone_is_told(session: Session, alice: Persona) -> None:
    with removed(session, [GRANT, TRIGGER, CHECK]):
        worth = needed(session, [CONSTRAINT], lambda: pays(session, alice))
    assert (worth.sole, worth.idle, worth.overlap, worth.proven) == ((CONSTRAINT,), (), (), True)
    assert str(worth) == f"1 declared: {CONSTRAINT}\nalone: {CONSTRAINT}"


def test_a_defence_that_has_no_part_in_it_is_idle(session: Session, alice: Persona) -> None:
    other = Constraint(table="public.orders", name="orders_note_exists")
    worth = needed(session, (*ALL, other), lambda: pays(session, alice))
    assert (worth.idle, worth.overlap, worth.proven) == ((other,), ALL, False)


def test_a_defence_that_is_not_enough_by_half_is_told(session: Session, alice: Persona) -> None:
    worth = needed(session, [GRANT], lambda: pays(session, alice))
    assert (worth.together, worth.sole, worth.overlap, worth.proven) == (False, (), (), False)
    assert str(worth).splitlines()[1] == "the attack fails even with all of them removed"


def test_an_attack_that_succeeds_anyway_is_told(session: Session) -> None:
    worth = needed(session, [GRANT], lambda: True)
    assert (worth.intact, worth.proven) == (True, False)
    assert str(worth).splitlines()[1] == "the attack succeeds although nothing was removed"
