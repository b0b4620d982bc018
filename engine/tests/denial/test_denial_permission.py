"""What is allowed is traced to the grants and policies that let it through, and to what binds nobody."""

from __future__ import annotations

from typing import LiteralString

import pytest

from pgassay.database import Session
from pgassay.denial.permission import Permission, explain_permission
from pgassay.observation import Outcome, Persona

SERVICE = Persona(name="service", role="service_role")


def told(permission: Permission) -> list[tuple[list[str], str]]:
    """What each support names, and what becomes of the statement without it."""
    return [
        (
            [str(thing) for thing in support.things],
            support.without.sqlstate or f"{support.without.rowcount} rows",
        )
        for support in permission.supports
    ]


def test_grant_and_policy_let_a_row_through(session: Session, alice: Persona) -> None:
    permission = explain_permission(session, alice, "update public.notes set body = 'x'")
    assert told(permission) == [
        (["grant update (body) on public.notes to authenticated"], "42501"),
        (['policy "edit own" on public.notes, for update'], "0 rows"),
    ]
    assert permission.notes == ()


def test_columns_that_are_read_are_one_grant(session: Session, alice: Persona) -> None:
    permission = explain_permission(session, alice, "select id, body from public.notes")
    assert told(permission) == [
        (["grant select (body, id) on public.notes to authenticated"], "42501"),
        (['policy "read own" on public.notes, for select'], "0 rows"),
    ]


def test_of_two_policies_either_does(session: Session, bob: Persona) -> None:
    with session.as_owner():
        session.execute("update public.boards set public = true")
    permission = explain_permission(session, bob, "select id from public.boards")
    assert told(permission)[1:] == [
        ([f'policy "{name}" on public.boards, for select' for name in ("own", "public")], "0 rows")
    ]


def test_policies_that_let_different_rows_through_are_told_apart(session: Session, bob: Persona) -> None:
    with session.as_owner():
        session.execute("insert into public.boards (id, public) values (2, true)")
    permission = explain_permission(session, bob, "select id from public.boards")
    assert told(permission)[1:] == [
        (['policy "own" on public.boards, for select'], "1 rows"),
        (['policy "public" on public.boards, for select'], "1 rows"),
    ]


def test_of_grants_to_a_role_and_to_everybody_either_does(session: Session, alice: Persona) -> None:
    with session.as_owner():
        session.execute("grant select on public.journal to public")
    permission = explain_permission(session, alice, "select entry from public.journal")
    [(things, without)] = told(permission)
    assert sorted(things) == [
        "grant select on public.journal to authenticated",
        "grant select on public.journal to public",
    ]
    assert without == "42501"


def test_what_binds_nobody_is_said(session: Session, alice: Persona, owner: str) -> None:
    off = explain_permission(session, alice, "select entry from public.journal")
    assert off.notes == ("row level security of public.journal is off",)
    with session.as_owner():
        session.execute("grant select on public.notes to service_role")
    bypassing = explain_permission(session, SERVICE, "select id from public.notes")
    assert bypassing.notes == ("no policy of public.notes binds service_role",)
    through = explain_permission(session, alice, "select id from public.small_boards")
    assert through.notes == (f"no policy of public.boards binds {owner}, with whose rights a view reads it",)


@pytest.mark.parametrize(
    ("call", "name"),
    [("select public.pay('1')", "public.pay(text)"), ("call public.nothing()", "public.nothing()")],
)
def test_function_is_let_through_by_its_grant(
    session: Session, alice: Persona, owner: str, call: LiteralString, name: str
) -> None:
    with session.as_owner():
        session.execute("create procedure public.nothing() security definer language plpgsql as 'begin end'")
        session.execute("revoke execute on all routines in schema public from anon, authenticated")
    permission = explain_permission(session, alice, call)
    assert told(permission) == [([f"grant execute on routine {name} to public"], "42501")]
    definer = (f"{name} runs with the rights of {owner}: security definer",)
    assert permission.notes == (definer if call.startswith("call") else ())


def test_nothing_of_what_was_tried_is_left(session: Session, alice: Persona) -> None:
    explain_permission(session, alice, "update public.notes set body = 'x'")
    with session.act_as(alice):
        again = session.attempt("select id from public.notes where body = 'alice'")
    assert (again.outcome, again.rowcount) == (Outcome.ALLOWED, 1)
