"""What a request of a persona carries, over the owner's connection and over authenticator's own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgassay.database import (
    Actor,
    Database,
    Layer,
    Recipe,
    choose_owner,
    clone,
    ensure_template,
    open_session,
    request,
)
from pgassay.matrix.summary import summarise
from pgassay.matrix.survey import survey
from pgassay.observation import Outcome, Persona
from pgassay.server import Server, open_server
from pgassay.supabase.settings import remember_settings, settings_script

ALICE_ID = "a11ce000-0000-4000-8000-000000000001"
ALICE = Persona(name="alice", role="authenticated", claims={"sub": ALICE_ID})
USER = f"""
    insert into auth.users (id, email, phone, raw_app_meta_data, raw_user_meta_data) values
        ('{ALICE_ID}', 'alice@example.com', '4930', '{{"provider": "email"}}', '{{"name": "Alice"}}');
"""
DOORS = ["owner's", "authenticator's"]


def run_script(script: str, connection: psycopg.Connection[Any]) -> None:
    connection.execute(script.encode())


@contextmanager
def loaded(
    server: Server, owner: str, environment: Layer, folder: Path, schema: str, *, settings: str = ""
) -> Iterator[Database]:
    file = folder / "schema.sql"
    file.write_text(USER + schema)
    layers = [environment, Layer(name="schema", scripts=(file,), step=remember_settings)]
    if settings:
        configured = Layer(
            name="settings",
            applied_by="superuser",
            step=partial(run_script, settings),
            fingerprint=settings,
        )
        layers.insert(1, configured)
    template = ensure_template(server, Recipe(owner=owner, layers=tuple(layers)))
    with clone(server, template, owner=owner) as database:
        yield database


@contextmanager
def acting(database: Database, persona: Persona, door: str) -> Iterator[Actor]:
    if door == "owner's":
        with open_session(database) as session, session.act_as(persona):
            yield session
    else:
        with request(database, persona) as client:
            yield client


@pytest.fixture
def plain(server: Server, owner: str, environment: Layer, tmp_path: Path) -> Iterator[Database]:
    with loaded(server, owner, environment, tmp_path, "") as database:
        yield database


def token_of(actor: Actor) -> dict[str, Any]:
    token = actor.value("select auth.jwt()")
    assert isinstance(token, dict)
    return token


@pytest.mark.parametrize("door", DOORS)
def test_token_has_what_auth_writes_into_it(plain: Database, door: str) -> None:
    with acting(plain, ALICE, door) as actor:
        token = token_of(actor)
    issued = token.pop("iat")
    assert abs(issued - time.time()) < 600
    assert token.pop("exp") == issued + 3600
    assert token.pop("amr") == [{"method": "password", "timestamp": issued}]
    assert token == {
        "aal": "aal1",
        "app_metadata": {"provider": "email"},
        "aud": "authenticated",
        "email": "alice@example.com",
        "is_anonymous": False,
        "iss": "https://project.supabase.co/auth/v1",
        "phone": "4930",
        "role": "authenticated",
        "session_id": "1c92b2a3-3624-cc91-7843-abe7a8bd8433",
        "sub": ALICE_ID,
        "user_metadata": {"name": "Alice"},
    }


def test_what_a_persona_claims_wins(plain: Database) -> None:
    claims = {"aal": "aal2", "exp": 1, "app_metadata": {"tenant": 7}, "email": "other@example.com"}
    persona = Persona(name="alice", role="authenticated", claims={**ALICE.claims, **claims})
    with acting(plain, persona, "authenticator's") as actor:
        token = token_of(actor)
    assert {name: token[name] for name in claims} == claims


def test_a_guest_is_anonymous_because_its_row_says_so(
    server: Server, owner: str, environment: Layer, tmp_path: Path
) -> None:
    schema = f"update auth.users set is_anonymous = true, email = null where id = '{ALICE_ID}';"
    with (
        loaded(server, owner, environment, tmp_path, schema) as database,
        acting(database, ALICE, "authenticator's") as actor,
    ):
        token = token_of(actor)
    assert (token["is_anonymous"], token["email"], token["role"]) == (True, "", "authenticated")


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_a_key_is_nobody_in_particular(plain: Database, role: str) -> None:
    with acting(plain, Persona(name=role, role=role), "authenticator's") as actor:
        assert sorted(token_of(actor)) == ["exp", "iat", "iss", "role"]
        assert actor.value("select auth.uid()") is None


@pytest.mark.parametrize("door", DOORS)
def test_settings_of_a_request(plain: Database, door: str) -> None:
    names = ["request.method", "request.path", "request.headers", "request.cookies", "search_path"]
    with acting(plain, ALICE, door) as actor:
        found = [actor.value("select current_setting(%s)", [name]) for name in names]
    assert found == ["POST", "/", "{}", "{}", '"public", "extensions"']


@pytest.mark.parametrize("role", ["authenticated", "anon"])
def test_nobody_reads_the_users_through_the_tokens(plain: Database, role: str) -> None:
    with acting(plain, Persona(name="x", role=role), "authenticator's") as actor:
        made = actor.attempt("select pgassay.token('{}')")
        assert (made.outcome, made.sqlstate) == (Outcome.DENIED_GRANT, "42501")


ASKING = """
    create table public.notes (id int primary key);
    insert into public.notes values (1);
    alter table public.notes enable row level security;
    create function public.who() returns text language plpgsql as $$ begin return session_user; end $$;
    create function public.who_sql() returns name language sql return session_user;
    create view public.me as select session_user as login;
    grant select on public.notes, public.me to authenticated;
    create policy p on public.notes for select using (session_user = 'postgres' and 'session_user' <> '');
"""


@pytest.mark.parametrize("door", DOORS)
def test_a_request_has_logged_in_as_authenticator(
    server: Server, owner: str, environment: Layer, tmp_path: Path, door: str
) -> None:
    with loaded(server, owner, environment, tmp_path, ASKING) as database:
        with acting(database, ALICE, door) as actor:
            assert actor.value("select count(*) from public.notes") == 0
            assert actor.value("select public.who()") == "authenticator"
            assert actor.value("select public.who_sql()") == "authenticator"
            assert actor.value("select login from public.me") == "authenticator"
        with database.connect() as connection:
            assert connection.execute("select public.who()").fetchone() == (owner,)


PRE_REQUEST = """
    create function public.enter() returns void language plpgsql as $$
    begin
        perform set_config('app.tenant', auth.jwt() ->> 'role' || ' ' || current_user, true);
    end $$;
    alter role authenticator set pgrst.db_pre_request to 'public.enter';
"""


@pytest.fixture(scope="module")
def alone(server: Server) -> Iterator[Server]:
    """A server of our own: authenticator's settings are the whole cluster's until a schema is loaded."""
    with open_server(str(server.bin_dir)) as private:
        yield private


@pytest.mark.parametrize("door", DOORS)
def test_pre_request_runs_after_role_and_claims_are_set(
    alone: Server, environment: Layer, tmp_path: Path, door: str
) -> None:
    server, owner = alone, choose_owner(alone, "postgres")
    if server.version < 160000:
        pytest.skip("before PostgreSQL 16 the owner cannot change authenticator's settings")
    with (
        loaded(server, owner, environment, tmp_path, PRE_REQUEST) as database,
        acting(database, ALICE, door) as actor,
    ):
        assert actor.value("select current_setting('app.tenant')") == "authenticated authenticated"


def test_pre_request_of_one_schema_is_none_of_another(
    alone: Server, environment: Layer, tmp_path: Path
) -> None:
    server, owner = alone, choose_owner(alone, "postgres")
    if server.version < 160000:
        pytest.skip("before PostgreSQL 16 the owner cannot change authenticator's settings")
    with (
        loaded(server, owner, environment, tmp_path, "") as base,
        loaded(server, owner, environment, tmp_path, PRE_REQUEST),
        acting(base, ALICE, "owner's") as actor,
    ):
        assert not actor.value("select current_setting('app.tenant', true)")


HOOK = """
    create function public.shape(event jsonb) returns jsonb language plpgsql stable as $$
    begin
        if event ->> 'user_id' <> event -> 'claims' ->> 'sub' or current_user <> 'supabase_auth_admin' then
            return '{"error": {"http_code": 403, "message": "who?"}}';
        end if;
        return jsonb_set(event, '{claims,plan}', '"gold"');
    end $$;
    revoke execute on function public.shape from public;
    grant execute on function public.shape to supabase_auth_admin;
"""


@pytest.mark.parametrize("door", DOORS)
def test_hook_shapes_the_claims_as_auth(
    server: Server, owner: str, environment: Layer, tmp_path: Path, door: str
) -> None:
    settings = settings_script(access_token_hook="public.shape")
    with (
        loaded(server, owner, environment, tmp_path, HOOK, settings=settings) as database,
        acting(database, ALICE, door) as actor,
    ):
        assert token_of(actor)["plan"] == "gold"


CREATED = """
    create table public.made (id int);
    select set_config('test.x', '', false);
"""


@pytest.mark.parametrize("exposed", [True, False])
def test_default_privileges_are_open_or_closed(
    server: Server, owner: str, environment: Layer, tmp_path: Path, exposed: bool
) -> None:
    settings = settings_script(expose_new_tables=exposed)
    with (
        loaded(server, owner, environment, tmp_path, CREATED, settings=settings) as database,
        acting(database, ALICE, "authenticator's") as actor,
    ):
        made = actor.attempt("select * from public.made")
        assert made.sqlstate == ("" if exposed else "42501")


def test_settings_are_plain_json(plain: Database) -> None:
    with plain.connect() as connection:
        (roles,) = connection.execute(
            "select value from pgassay.settings where name = 'roles'"
        ).fetchone() or ({},)
    assert "statement_timeout=3s" in json.loads(json.dumps(roles))["anon"]


def test_request_that_a_pre_request_function_refuses_is_told_and_leaves_no_trace(
    alone: Server, environment: Layer, tmp_path: Path
) -> None:
    server, owner = alone, choose_owner(alone, "postgres")
    if server.version < 160000:
        pytest.skip("before PostgreSQL 16 the owner cannot change authenticator's settings")
    refusing = PRE_REQUEST.replace("begin", "begin if auth.uid() is null then raise 'no guests'; end if;")
    with (
        loaded(server, owner, environment, tmp_path, refusing) as database,
        open_session(database) as session,
    ):
        assert session.refusal(ALICE) is None
        refusal = session.refusal(Persona(name="guest", role="anon"))
        assert refusal is not None
        assert (refusal.sqlstate, refusal.message) == ("P0001", "no guests")
        assert session.value("select current_user") == owner
        assert not session.value("select current_setting('app.tenant', true)")
        matrix = survey(session, [ALICE, Persona(name="guest", role="anon")])
        [(name, why)] = matrix.refused
        assert (name, why.partition(" (")[0]) == ("guest", "every request is refused: no guests")
        sections = {section.title: section.entries for section in summarise(matrix)}
        assert [entry.cells for entry in sections["Refused whatever they send"]] == [(name, why)]
