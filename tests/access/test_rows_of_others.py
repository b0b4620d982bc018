"""Row level security beyond one row at a time: whole tables, forged owners, statuses, tokens of nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

import pytest

from pgassay.database import Database, Session, open_client
from pgassay.observation import Outcome, Persona

OWNED: dict[str, LiteralString] = {
    "users": "id",
    "jobs": "user_id",
    "payments": "user_id",
    "credit_transactions": "user_id",
    "user_preferences": "user_id",
}

USERS = {"alice", "bob", "dave"}

EVERYBODYS: dict[str, LiteralString] = {
    "users": "update public.users set full_name = 'Mine'",
    "jobs": "update public.jobs set job_name = 'Mine'",
    "user_preferences": "update public.user_preferences set theme = 'light'",
}

STATUSES = (
    *("PENDING", "UPLOADING", "QUEUED", "TRANSCRIBING", "ANALYZING", "RENDERING"),
    *("COMPLETED", "FAILED", "CANCELLED"),
)
OPEN = ("PENDING", "UPLOADING", "QUEUED")

# A role without a token, a token without a user, and one of a user that never existed.
NOBODIES = [
    Persona(name="without sub", role="authenticated", claims={}),
    Persona(name="empty sub", role="authenticated", claims={"sub": ""}),
    Persona(name="null sub", role="authenticated", claims={"sub": None}),
    Persona(name="unknown sub", role="authenticated", claims={"sub": "ffffffff-0000-4000-8000-00000000000f"}),
]


def owners(session: Session, table: str) -> list[str]:
    """The owner of each row of a table that the session sees."""
    return [
        row["id"]
        for row in session.execute(f"select {OWNED[table]}::text as id from public.{table} order by 1").rows
    ]


@pytest.mark.parametrize("table", OWNED)
@pytest.mark.parametrize(
    ("name", "share"), [("alice", {"alice"}), ("bob", {"bob"}), ("dave", set()), ("service", USERS)]
)
def test_persona_sees_exactly_its_share(
    session: Session, personas: Mapping[str, Persona], name: str, share: set[str], table: str
) -> None:
    everything = owners(session, table)
    assert set(everything) == {personas[user].id for user in USERS}
    seen = {personas[user].id for user in share}
    with session.act_as(personas[name]):
        assert owners(session, table) == [owner for owner in everything if owner in seen]


@pytest.mark.parametrize("table", OWNED)
def test_account_closed_a_moment_ago_sees_nothing(session: Session, alice: Persona, table: str) -> None:
    with session.act_as(alice):
        assert owners(session, table) != []
    session.execute("delete from auth.users where id = %s", [alice.id])
    assert alice.id in owners(session, table)
    with session.act_as(alice):
        assert owners(session, table) == []


@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        ("payments", "provider, amount_thb, credits_purchased", "'MANUAL', 1, 1"),
        ("credit_transactions", "type, amount, balance_after", "'BONUS', 1, u.credits + 1"),
    ],
)
def test_closed_account_would_write_no_money_even_if_users_could(
    session: Session, alice: Persona, dave: Persona, table: str, columns: str, values: str
) -> None:
    session.execute(f"grant insert on public.{table} to authenticated")
    session.execute("grant update on public.users to authenticated")  # the balance follows in a trigger
    session.execute(f"create policy mine on public.{table} for insert to authenticated with check (true)")
    for persona, outcome in ((alice, Outcome.ALLOWED), (dave, Outcome.DENIED_POLICY)):
        balance = session.value("select credits from public.users where id = %s", [persona.id])
        row = values.replace("u.credits", str(balance))
        with session.act_as(persona):
            insert = f"insert into public.{table} (user_id, {columns}) values (%s, {row})"
            assert session.attempt(insert, [persona.id]).outcome is outcome


@pytest.mark.parametrize("table", EVERYBODYS)
def test_update_of_everything_touches_own_rows_only(
    session: Session, alice: Persona, bob: Persona, table: str
) -> None:
    own = f"select count(*) from public.{table} where {OWNED[table]} = %s"
    if table == "jobs":
        own += " and status in ('PENDING', 'UPLOADING', 'QUEUED')"
    others = f"""
        select string_agg(t::text, '' order by t::text) from public.{table} as t
        where {OWNED[table]} <> %s
    """
    expected, untouched = session.value(own, [alice.id]), session.value(others, [alice.id])
    with session.act_as(alice):
        attempt = session.attempt(EVERYBODYS[table])
    assert (attempt.outcome, attempt.rowcount) == (Outcome.ALLOWED, expected)
    assert session.value(others, [alice.id]) == untouched


@pytest.mark.parametrize("nobody", NOBODIES, ids=lambda nobody: nobody.name)
@pytest.mark.parametrize("table", OWNED)
def test_token_of_nobody_sees_no_row(session: Session, nobody: Persona, table: str) -> None:
    assert owners(session, table) != []
    with session.act_as(nobody):
        assert owners(session, table) == []


@pytest.mark.parametrize("nobody", NOBODIES, ids=lambda nobody: nobody.name)
@pytest.mark.parametrize("owner", ["alice's", "its own", "null"])
def test_token_of_nobody_adds_no_job(session: Session, alice: Persona, nobody: Persona, owner: str) -> None:
    statement = "insert into public.jobs (user_id) values (%s)"
    user = {"alice's": alice.id, "its own": nobody.id or None, "null": None}[owner]
    with session.act_as(nobody):
        assert session.attempt(statement, [user]).outcome is Outcome.DENIED_POLICY
    with session.act_as(alice):
        assert session.attempt(statement, [alice.id]).rowcount == 1


def test_malformed_sub_is_an_error_and_shows_nothing(session: Session) -> None:
    forger = Persona(name="forger", role="authenticated", claims={"sub": "' or true --"})
    with session.act_as(forger):
        attempt = session.attempt("select * from public.users")
    assert (attempt.sqlstate, attempt.rows) == ("22P02", [])


def test_claimed_role_gives_no_rights(session: Session, alice: Persona) -> None:
    """The database role decides, not what the token says of it."""
    claims = {"sub": alice.id, "app_metadata": {"role": "service_role"}, "user_role": "admin"}
    with session.act_as(Persona(name="boaster", role="authenticated", claims=claims)):
        assert set(owners(session, "users")) == {alice.id}
        assert session.attempt("select * from public.webhook_logs").outcome is Outcome.DENIED_GRANT


@pytest.mark.parametrize(
    ("table", "outcome"), [("jobs", Outcome.DENIED_GRANT), ("user_preferences", Outcome.DENIED_POLICY)]
)
def test_own_row_can_not_be_given_away(
    session: Session, alice: Persona, bob: Persona, table: str, outcome: Outcome
) -> None:
    # The row that Bob would get instead of his own is free: the key must not be what refuses.
    session.execute("delete from public.user_preferences where user_id = %s", [bob.id])
    with session.act_as(alice):
        attempt = session.attempt(f"update public.{table} set user_id = %s", [bob.id])
    assert attempt.outcome is outcome


def test_upsert_reaches_no_row_of_another(session: Session, alice: Persona, bob: Persona) -> None:
    upsert = """
        insert into public.user_preferences (user_id, theme) values (%s, 'light')
        on conflict (user_id) do update set theme = excluded.theme
    """
    with session.act_as(alice):
        assert session.attempt(upsert, [bob.id]).outcome is Outcome.DENIED_POLICY
        assert session.attempt(upsert, [alice.id]).rowcount == 1
    themes = "select theme from public.user_preferences where user_id = %s"
    assert [session.value(themes, [user.id]) for user in (alice, bob)] == ["light", "auto"]


@pytest.mark.parametrize("status", STATUSES)
def test_users_start_jobs_in_an_open_status_only(session: Session, alice: Persona, status: str) -> None:
    session.act_as(alice)
    attempt = session.attempt(
        "insert into public.jobs (user_id, status, input_video_path) values (%s, %s::public.job_status, %s)",
        [alice.id, status, f"{alice.id}/new.mp4"],
    )
    assert attempt.sqlstate == ("" if status in OPEN else "42501")


@pytest.mark.parametrize("status", STATUSES)
def test_users_edit_a_job_until_work_begins(session: Session, alice: Persona, status: str) -> None:
    parameters = [alice.id, status]
    where = "where user_id = %s and status = %s::public.job_status"
    assert session.value(f"select count(*) from public.jobs {where}", parameters) == 1
    session.act_as(alice)
    attempt = session.attempt(f"update public.jobs set job_name = 'Changed' {where}", parameters)
    assert attempt.outcome is (Outcome.ALLOWED if status in OPEN else Outcome.FILTERED)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("former", OPEN)
def test_users_move_a_job_within_open_statuses_or_cancel_it(
    session: Session, alice: Persona, former: str, status: str
) -> None:
    session.act_as(alice)
    attempt = session.attempt(
        """
        update public.jobs set status = %s::public.job_status
        where user_id = %s and status = %s::public.job_status
        """,
        [status, alice.id, former],
    )
    onward = {"PENDING": OPEN, "UPLOADING": OPEN[1:], "QUEUED": OPEN[2:]}[former]
    own_to_write = status in (*OPEN, "CANCELLED")
    expected = "" if status in (*onward, "CANCELLED") else "PT409" if own_to_write else "42501"
    assert attempt.sqlstate == expected


def test_resetting_the_role_of_a_request_gives_nothing(clone: Database, alice: Persona) -> None:
    """What only a real login can show: behind a request there is nobody but authenticator."""
    with open_client(clone) as client, client.request(alice):
        client.execute("reset role")
        assert client.attempt("select * from public.users").outcome is Outcome.DENIED_GRANT
        assert client.attempt("set session authorization default").sqlstate == ""
        assert client.value("select session_user::text") == "authenticator"


def test_pooled_connection_forgets_the_former_user(clone: Database, alice: Persona, bob: Persona) -> None:
    query = "select id::text from public.users"
    with open_client(clone) as client:
        for persona in (alice, bob, alice):
            with client.request(persona):
                assert client.value(query) == persona.id
        client.execute("set local role authenticated")
        assert client.attempt(query).rows == []
