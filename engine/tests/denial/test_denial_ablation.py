"""What the search for a refusal reaches, what it cannot explain, and that it leaves nothing behind."""

from __future__ import annotations

import pytest

from pgassay.database import Database, Session
from pgassay.denial import NoPolicy, NotDeniedError, RoleMembership, RowSecurity, explain_denial
from pgassay.errors import CannotJudgeError
from pgassay.observation import Outcome, Persona
from tests.denial.guard_support import grant, policy


def test_a_view_of_its_invoker_takes_rights_on_the_columns_that_it_reads(
    session: Session, alice: Persona
) -> None:
    session.execute("revoke select (id, owner, body, banned, label, slug) on public.notes from authenticated")
    denial = explain_denial(session, alice, "select * from public.my_notes where id = 1")
    assert denial.guards == (grant("select", "public.notes", "id", "owner", "body", "secret"),)


def test_policies_are_found_behind_a_view_of_its_invoker(session: Session, alice: Persona) -> None:
    session.execute("grant select on public.notes to authenticated")
    denial = explain_denial(session, alice, "select id from public.my_notes where id = 2")
    assert denial.guards == (policy("public.notes", "read own"),)


def test_a_view_of_its_owner_needs_no_rights_on_what_it_reads(session: Session, alice: Persona) -> None:
    session.execute("revoke select on public.small_boards, public.boards from authenticated")
    denial = explain_denial(session, alice, "select id from public.small_boards")
    assert denial.guards == (grant("select", "public.small_boards", "id"),)


def test_parameters_by_name_are_understood(session: Session, alice: Persona) -> None:
    denial = explain_denial(session, alice, "select id from public.notes where id = %(id)s", {"id": 2})
    assert denial.guards == (policy("public.notes", "read own"),)


def test_guards_are_those_of_the_persona_at_hand(session: Session, anon: Persona) -> None:
    denial = explain_denial(session, anon, "select id from public.boards")
    assert denial.guards == (
        grant("select", "public.boards", "id", role="anon"),
        NoPolicy(table="public.boards", command="select", role="anon"),
    )


def test_a_query_without_row_security_is_refused_by_row_security(session: Session, alice: Persona) -> None:
    session.execute("set local row_security = off")
    denial = explain_denial(session, alice, "select id from public.notes")
    assert (denial.attempt.outcome, denial.guards) == (
        Outcome.DENIED_POLICY,
        (RowSecurity(table="public.notes"),),
    )


def test_set_role_is_refused_for_want_of_membership(shop: Database, session: Session, alice: Persona) -> None:
    if shop.server.version < 160000:
        pytest.skip("before PostgreSQL 16, who may grant a role may also become it")
    session.execute('create role "pgassay; stranger"')
    denial = explain_denial(session, alice, 'set role "pgassay; stranger"')
    assert denial.guards == (RoleMembership(role="pgassay; stranger", member=shop.owner),)


def test_nothing_is_left_behind_of_the_search(session: Session, alice: Persona) -> None:
    before = session.execute(
        "select polname, pg_get_expr(polqual, polrelid) from pg_policy order by oid"
    ).rows
    with session.act_as(alice):
        explain_denial(session, alice, "select id from public.notes where id = 4")
        assert session.value("select current_user") == "authenticated"
    after = session.execute("select polname, pg_get_expr(polqual, polrelid) from pg_policy order by oid").rows
    assert after == before


def test_an_absent_target_is_not_blamed_on_policies(session: Session, alice: Persona) -> None:
    denial = explain_denial(session, alice, "select id from public.notes where id = 99")
    assert (denial.guards, denial.alternatives) == ((), {})
    assert denial.cause == "Unexplained: no row is touched whatever is removed; does the target exist?"


def test_a_function_that_raises_is_no_guard(session: Session, alice: Persona) -> None:
    denial = explain_denial(session, alice, "select public.raise_directly()")
    assert (denial.guards, denial.attempt.sqlstate) == ((), "PT402")
    assert denial.unexplained == "nothing that can be removed lets it through: rejected PT402: never"


def test_what_is_behind_the_last_guard_is_told(session: Session, alice: Persona) -> None:
    denial = explain_denial(session, alice, "select hidden.refuse('x')")
    assert denial.guards == (grant("usage", "hidden", kind="schema"),)
    assert denial.unexplained == "nothing that can be removed lets it through: rejected 42501: x"


def test_a_guard_that_its_owner_alone_can_remove_is_told(session: Session, alice: Persona) -> None:
    long = "insert into storage.buckets (id, name) values ('long', repeat('x', 101))"
    denial = explain_denial(session, alice, long)
    assert denial.guards == ()
    assert "cannot remove: trigger enforce_bucket_name_length_trigger" in denial.unexplained
    assert "must be owner of table buckets" in denial.unexplained


def test_what_supautils_lets_its_owner_remove_is_a_guard(session: Session, alice: Persona) -> None:
    session.execute("insert into auth.users (id) values (gen_random_uuid())")
    denial = explain_denial(session, alice, "select id from auth.users")
    assert denial.guards == (
        grant("select", "auth.users", "id"),
        NoPolicy(table="auth.users", command="select", role="authenticated"),
    )
    assert denial.unexplained == ""


def test_an_allowed_statement_is_no_denial(session: Session, alice: Persona) -> None:
    with pytest.raises(NotDeniedError, match="alice was not refused: delete from") as caught:
        session.execute("grant delete on public.journal to authenticated")
        explain_denial(session, alice, "delete from public.journal where entry = 'first'")
    assert caught.value.attempt.rowcount == 1
    assert session.value("select count(*) from public.journal") == 1


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("select nosuch from public.notes", "wrong, not refused"),
        ("selct 1", "pglast cannot parse it"),
        ("copy public.notes to stdout", "takes a client of its own"),
    ],
)
def test_a_wrong_statement_cannot_be_judged(session: Session, alice: Persona, query: str, why: str) -> None:
    with pytest.raises(CannotJudgeError, match=why):
        explain_denial(session, alice, query)
    assert session.value("select 1") == 1


def test_a_denial_reads_as_two_lines(session: Session, alice: Persona) -> None:
    denial = explain_denial(session, alice, "update public.notes set secret = 'x' where id = 1")
    assert str(denial) == (
        "denied_grant 42501: permission denied for table notes\n"
        "held by 1: missing grant update (secret) on public.notes to authenticated"
    )
