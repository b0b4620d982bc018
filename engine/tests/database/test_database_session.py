"""Acting as personas, in one transaction and over real connections."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import LiteralString

import psycopg
import pytest

from pgassay.catalog.model import Constraint, Function
from pgassay.catalog.read import read_catalog
from pgassay.database import (
    Client,
    Database,
    Layer,
    Recipe,
    Session,
    clone,
    ensure_template,
    open_client,
    request,
)
from pgassay.database.actor import Tried
from pgassay.observation import Attempt, Outcome, Persona
from pgassay.server import Server

ALICE = Persona(
    name="alice",
    role="authenticated",
    claims={"sub": "a11ce000-0000-4000-8000-000000000001", "email": "o'alice@example.com"},
)
BOB = Persona(name="bob", role="authenticated", claims={"sub": "b0b00000-0000-4000-8000-000000000002"})
ANON = Persona(name="anon", role="anon")

SCHEMA = """
create table public.notes (
    id int primary key generated always as identity,
    owner uuid not null default auth.uid(),
    body text constraint notes_body_short check (length(body) < 10)
);
alter table public.notes enable row level security;
create policy own on public.notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
revoke all on public.notes from anon, authenticated;
grant select, insert, update on public.notes to authenticated;
create function public.refuse() returns void language plpgsql as
$$
begin
    raise exception 'not today' using errcode = current_setting('test.code'), detail = 'd', hint = 'h';
end
$$;
insert into public.notes (owner, body) values ('a11ce000-0000-4000-8000-000000000001', 'alice');
"""


@pytest.fixture(scope="module")
def template(server: Server, owner: str, environment: Layer, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("schema") / "notes.sql"
    path.write_text(SCHEMA)
    return ensure_template(
        server, Recipe(owner=owner, layers=(environment, Layer(name="schema", scripts=(path,))))
    )


@pytest.fixture(scope="module")
def shared(server: Server, owner: str, template: str) -> Iterator[Session]:
    with clone(server, template, owner=owner) as made, closing(made.connect()) as connection:
        yield Session(connection, owner=owner, prepares=True)


@pytest.fixture
def session(shared: Session) -> Iterator[Session]:
    with shared.transaction():
        yield shared


@pytest.fixture
def database(server: Server, owner: str, template: str) -> Iterator[Database]:
    with clone(server, template, owner=owner) as made:
        yield made


# The login is authenticator's only in a request: a session's is the owner's.
AS = "select current_user::text"
WHO = "select session_user || ' ' || current_user"
CLAIMS = "select coalesce(nullif(current_setting('request.jwt.claims', true), ''), 'none')"


def test_persona_is_what_postgrest_makes_of_a_token(session: Session) -> None:
    with session.act_as(ALICE):
        assert session.value(AS) == "authenticated"
        token = session.value("select current_setting('request.jwt.claims')::jsonb")
        claimed = {
            "aud": "authenticated",
            "email": "o'alice@example.com",
            "role": "authenticated",
            "sub": ALICE.id,
        }
        assert {name: token[name] for name in claimed} == claimed
        assert session.value("select auth.uid()::text") == ALICE.id


def test_persona_without_a_subject_is_nobody(session: Session) -> None:
    with session.act_as(ANON):
        assert session.value(AS) == "anon"
        assert session.value("select auth.uid()") is None


def test_nothing_of_a_persona_is_left_behind(session: Session, owner: str) -> None:
    before = session.value("select current_setting('statement_timeout')")
    with session.act_as(ALICE):
        pass
    assert session.value(WHO) == f"{owner} {owner}"
    assert session.value(CLAIMS) == "none"
    assert session.value("select current_setting('statement_timeout')") == before


def test_rolled_back_claims_are_gone(shared: Session) -> None:
    with shared.transaction():
        shared.act_as(ALICE)
        assert shared.value(AS) == "authenticated"
    with shared.transaction():
        assert shared.value(CLAIMS) == "none"
        assert shared.value("select session_user = current_user")


def test_legacy_claims_do_not_win(session: Session) -> None:
    session.execute("select set_config('request.jwt.claim.sub', %s, true)", [BOB.id])
    with session.act_as(ALICE):
        assert session.value("select auth.uid()::text") == ALICE.id


def test_act_as_nests_and_returns_to_the_outer_persona(session: Session, owner: str) -> None:
    with session.act_as(ALICE):
        with session.act_as(BOB), session.as_owner():
            assert session.value(AS) == owner
        assert session.value("select auth.uid()::text") == ALICE.id
        assert session.value(AS) == "authenticated"


def test_act_as_works_as_a_plain_call(session: Session) -> None:
    session.act_as(ALICE)
    session.act_as(ANON)
    assert session.value(AS) == "anon"


def test_settings_of_the_role_and_the_login_apply_as_in_postgrest(session: Session) -> None:
    role = "select split_part(s, '=', 2) from pg_roles, unnest(rolconfig) s where rolname = %s and s like %s"
    for persona in (ALICE, ANON):
        expected = session.value(role, [persona.role, "statement_timeout=%"])
        with session.act_as(persona):
            assert session.value("select current_setting('statement_timeout')") == expected
            assert session.value("select current_setting('lock_timeout')") == session.value(
                role, ["authenticator", "lock_timeout=%"]
            )


def test_role_that_authenticator_cannot_become_has_no_settings_of_its_login(session: Session) -> None:
    before = session.value("select current_setting('lock_timeout')")
    with session.act_as(Persona(name="reader", role="pg_monitor")):
        assert session.value(AS) == "pg_monitor"
        assert session.value("select current_setting('lock_timeout')") == before


def test_execute_gives_rows_and_counts(session: Session) -> None:
    with session.act_as(ALICE):
        assert session.execute("select body from notes").rows == [{"body": "alice"}]
        assert session.execute("update notes set body = %s", ["new"]).rowcount == 1
        assert session.value("select body from notes where id = -1") is None


def attempt(session: Session, persona: Persona, query: str) -> Attempt:
    with session.act_as(persona):
        return session.attempt(query)


@pytest.mark.parametrize(
    ("persona", "query", "outcome", "sqlstate"),
    [
        (ALICE, "select * from notes", Outcome.ALLOWED, ""),
        (ALICE, "update notes set body = 'x'", Outcome.ALLOWED, ""),
        (ALICE, "set local search_path = public", Outcome.ALLOWED, ""),
        (BOB, "select * from notes", Outcome.FILTERED, ""),
        (BOB, "update notes set body = 'x'", Outcome.FILTERED, ""),
        (ANON, "select * from notes", Outcome.DENIED_GRANT, "42501"),
        (ALICE, "delete from notes", Outcome.DENIED_GRANT, "42501"),
        (ALICE, "set role dashboard_user", Outcome.DENIED_GRANT, "42501"),
        (BOB, f"insert into notes (owner) values ('{ALICE.id}')", Outcome.DENIED_POLICY, "42501"),
        (ALICE, f"update notes set owner = '{BOB.id}'", Outcome.DENIED_POLICY, "42501"),
        (ALICE, "insert into notes (body) values ('far too long')", Outcome.REJECTED, "23514"),
        (ALICE, "select set_config('test.code', 'PT402', true), refuse()", Outcome.REJECTED, "PT402"),
        (ALICE, "select set_config('test.code', '42501', true), refuse()", Outcome.REJECTED, "42501"),
        (ALICE, "slect 1", Outcome.ERROR, "42601"),
        (ALICE, "select * from nowhere", Outcome.ERROR, "42P01"),
        (ALICE, "select 1 / 0", Outcome.ERROR, "22012"),
    ],
)
def test_attempt_tells_outcomes_apart(
    session: Session, persona: Persona, query: str, outcome: Outcome, sqlstate: str
) -> None:
    made = attempt(session, persona, query)
    assert (made.outcome, made.sqlstate) == (outcome, sqlstate)


def test_failed_attempt_leaves_the_transaction_usable_and_undoes_itself(session: Session) -> None:
    with session.act_as(ALICE):
        session.execute("insert into notes (body) values ('kept')")
        assert (
            session.attempt("insert into notes (body) values ('one'), ('far too long')").sqlstate == "23514"
        )
        assert session.value("select count(*) from notes") == 2
        assert session.value(AS) == "authenticated"


def test_attempt_names_what_the_server_named(session: Session) -> None:
    made = attempt(session, ALICE, "insert into notes (body) values ('far too long')")
    assert (made.constraint, made.table, made.column) == ("notes_body_short", "notes", "")
    assert made.message.startswith('new row for relation "notes" violates check constraint')
    assert made.detail == ""  # PostgreSQL does not show a row to somebody whom RLS binds
    assert session.attempt("update notes set body = 'far too long'").detail.startswith("Failing row contains")
    raised = attempt(session, ALICE, "select set_config('test.code', 'P0001', true), refuse()")
    assert (raised.detail, raised.hint) == ("d", "h")
    assert raised.context.startswith("PL/pgSQL function refuse() line 3 at RAISE")


def test_attempt_keeps_only_its_own_notices(session: Session) -> None:
    session.execute("do $$ begin raise notice 'before'; end $$")
    assert session.attempt("do $$ begin raise notice 'during'; end $$").notices == ("during",)


def test_transaction_rolls_everything_back(shared: Session) -> None:
    with shared.transaction():
        shared.execute("delete from notes")
    with shared.transaction():
        assert shared.value("select count(*) from notes") == 1


def test_undone_block_leaves_neither_rows_nor_another_identity(session: Session) -> None:
    session.act_as(ALICE)
    with session.undone():
        session.as_owner()
        session.execute("delete from notes")
    assert session.value("select auth.uid()::text") == ALICE.id
    with pytest.raises(psycopg.errors.DivisionByZero), session.undone():
        session.act_as(BOB)
        session.value("select 1 / 0")
    assert session.value("select auth.uid()::text") == ALICE.id
    session.act_as(ANON)
    assert session.value(AS) == "anon"
    session.as_owner()
    assert session.value("select count(*) from notes") == 1


def test_isolated_test_that_repeats_takes_three_messages_and_parses_no_query(
    database: Database, owner: str
) -> None:
    with closing(database.connect()) as connection, TemporaryFile() as record:
        session = Session(connection, owner=owner, prepares=True)
        for round in range(8):
            if round == 7:
                connection.pgconn.trace(record.fileno())
            with session.transaction():
                session.act_as(ALICE)
                assert session.value("select count(*) from notes") == 1
        connection.pgconn.untrace()
        record.seek(0)
        sent = [part[3] for line in record if (part := line.split(b"\t"))[1] == b"F"]
        assert [sent.count(kind) for kind in (b"Query", b"Parse", b"Execute")] == [2, 0, 1]


def test_identity_that_was_prepared_and_deallocated_is_taken_on_all_the_same(
    database: Database, owner: str
) -> None:
    with closing(database.connect()) as connection:
        session = Session(connection, owner=owner, prepares=True)
        for round in range(8):
            for persona in (ALICE, BOB):
                with session.transaction(), session.act_as(persona):
                    assert session.value("select auth.uid()::text") == persona.id
                    assert session.value(AS) == "authenticated"
            if round == 5:
                assert len([text for text in prepared(session) if text.startswith("prepare pgassay_")]) == 2
                connection.execute("deallocate all")


def test_connection_that_is_lost_is_an_operational_error_also_in_what_the_session_sends_itself(
    database: Database, owner: str
) -> None:
    with closing(database.connect()) as connection:
        session = Session(connection, owner=owner)
        with pytest.raises(psycopg.OperationalError), session.transaction():
            session.act_as(ALICE)
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)


def test_error_inside_act_as_does_not_hide_itself(shared: Session) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), shared.transaction(), shared.act_as(ALICE):
        shared.value("select 1 / 0")
    with shared.transaction():
        assert shared.value("select session_user = current_user")


def test_request_is_really_logged_in_as_authenticator(database: Database) -> None:
    with request(database, ALICE) as client:
        assert client.value(WHO) == "authenticator authenticated"
        assert client.attempt(f"set session authorization {database.server.user}").sqlstate == "42501"
        client.execute("reset session authorization; reset role")
        assert client.value(WHO) == "authenticator authenticator"
        assert client.value("select current_setting('is_superuser')") == "off"


def _write(client: Client, body: str) -> None:
    client.execute("insert into notes (body) values (%s)", [body])


def test_request_commits_at_its_end_and_rolls_back_when_it_raises(database: Database) -> None:
    with open_client(database) as client:
        with client.request(BOB):
            _write(client, "one")
        with pytest.raises(psycopg.errors.CheckViolation), client.request(BOB):
            _write(client, "two")
            _write(client, "far too long")
        with client.request(BOB):
            assert client.execute("select body from notes").rows == [{"body": "one"}]


def test_reused_connection_leaks_nothing_into_the_next_request(database: Database) -> None:
    with open_client(database) as client:
        with client.request(ALICE):
            assert client.value("select count(*) from notes") == 1
        with client.request(ANON):
            assert client.value("select auth.uid()") is None
            assert client.value("select current_setting('statement_timeout')") == "3s"
            assert client.attempt("select * from notes").outcome is Outcome.DENIED_GRANT
        between = client.connection.execute(f"{WHO} || ' ' || ({CLAIMS})").fetchone()
        assert between == ("authenticator authenticator none",)
        with client.request(BOB):
            assert client.value("select count(*) from notes") == 0


def test_claims_are_data_and_never_sql(session: Session) -> None:
    nasty = Persona(
        name="nasty", role="authenticated", claims={"sub": "'; reset role; --", "x": "\\' $$ %s {}"}
    )
    with session.act_as(nasty):
        assert session.value(AS) == "authenticated"
        assert (
            session.value("select current_setting('request.jwt.claims')::json ->> 'sub'")
            == "'; reset role; --"
        )


def prepared(session: Session) -> set[str]:
    rows = session.connection.execute("select statement from pg_prepared_statements", prepare=False)
    return {row[0] for row in rows}


def test_what_repeats_is_prepared_and_a_plan_from_before_a_change_is_not_used(
    server: Server, blank: str, owner: str
) -> None:
    query: LiteralString = "select * from kept"
    with clone(server, blank, owner=owner) as database, closing(database.connect()) as connection:
        connection.execute("create table kept as select 1 as a")
        connection.commit()
        session = Session(connection, owner=database.owner, prepares=True)
        session.execute("prepare own as select 2")
        for _ in range(8):
            with session.transaction():
                assert session.execute(query).rows == [{"a": 1}]
                assert session.attempt("select * from missing").sqlstate == "42P01"
        assert {query, "prepare own as select 2"} <= prepared(session)
        with session.transaction():
            session.execute("do 'begin alter table kept add b integer; end'")
            assert session.execute(query).rows == [{"a": 1, "b": None}]
            assert session.attempt(query).rows == [{"a": 1, "b": None}]
        with session.transaction():
            assert session.execute(query).rows == [{"a": 1}]


def test_limits_of_statements_are_no_limits_of_our_own_reading(session: Session) -> None:
    """A big schema takes longer to read than a function may run; and a role's own limit may be any."""
    session.execute("set local statement_timeout = '1ms'")
    read = read_catalog(session.connection, Function, Constraint)
    assert {function.name for function in read.of(Function)} >= {"refuse"}
    with pytest.raises(psycopg.errors.QueryCanceled):
        session.execute("select pg_sleep(1)")


def test_statement_in_one_message_stays_and_a_refusal_leaves_nothing(
    session: Session,
) -> None:
    """What `try_as` says, what the next statement sees, and as whom it is sent."""
    own = "insert into public.notes (body) values ('two')"
    assert session.try_as(ALICE, own) == Tried(count=1)
    assert session.try_as(BOB, "select from public.notes") == Tried(count=0)
    assert session.try_as(ALICE, "select from public.notes") == Tried(count=2)
    assert session.try_as(ANON, "select from public.notes") == Tried(sqlstate="42501")
    assert session.try_as(ALICE, "update public.notes set body = 'longer than 9'") == Tried(sqlstate="23514")
    assert session.try_as(None, "select from public.notes -- all") == Tried(count=2)
    assert session.value("select auth.uid()::text is null and current_user = session_user") is True


def test_block_that_is_undone_as_somebody_ends_as_it_began(session: Session) -> None:
    with session.act_as(BOB):
        with session.undone_as(ALICE, then="savepoint mine"):
            session.execute("insert into public.notes (body) values ('gone')")
            session.run_plainly("rollback to savepoint mine")
            assert session.value("select count(*) from public.notes") == 1
            session.execute("insert into public.notes (body) values ('gone')")
        assert session.value("select auth.uid()::text") == BOB.id
        assert session.value("select count(*) from public.notes") == 0
    assert session.value("select count(*) from public.notes") == 1
