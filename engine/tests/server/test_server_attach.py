"""Attaching looks before it leaps, and refuses what cannot work."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgassay.database import Layer, Recipe, ensure_template
from pgassay.errors import ConfigError, ServerError
from pgassay.server import Server, describe_loss, open_server


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with open_server("embedded") as server:
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
            connection.execute("create role builder login createdb")
            connection.execute("create role weak login")
        yield server


def databases(server: Server) -> list[str]:
    with psycopg.connect(server.conninfo("postgres")) as connection:
        return [name for (name,) in connection.execute("select datname from pg_database order by 1")]


@pytest.mark.parametrize("form", ["conninfo", "url"])
def test_attached_server_is_described_and_left_running(running: Server, form: str) -> None:
    choice = getattr(running, form)("template1", user="builder")
    with open_server(choice) as server:
        assert (server.origin, server.host, server.port) == ("attached", running.host, running.port)
        assert (server.user, server.version, server.maintenance) == ("builder", running.version, "template1")
        assert server.bin_dir is not None and (server.bin_dir / "psql").exists()
        with psycopg.connect(server.conninfo("postgres")) as connection:
            assert connection.info.user == "builder"
        assert Server.from_json(server.to_json()) == server
    assert databases(running) == ["postgres", "template0", "template1"]


def test_connection_parameters_are_kept_and_the_password_belongs_to_its_role(running: Server) -> None:
    choice = running.conninfo("postgres", user="builder") + " password=secret application_name='a b'"
    with (
        open_server(choice) as server,
        psycopg.connect(server.conninfo("postgres", user="weak")) as connection,
    ):
        assert connection.info.parameter_status("application_name") == "a b"
        assert connection.info.password == ""
        assert server.password == "secret"
        assert "secret" not in repr(server)


def test_platform_loads_on_a_server_whose_superuser_has_another_name(environment: Layer) -> None:
    recipe = Recipe(owner="maker", layers=(environment,))
    with open_server("embedded") as own:
        with psycopg.connect(own.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(
                "create role boss superuser login; create role builder login createdb;"
                "create role maker login createdb createrole bypassrls"
            )
        with psycopg.connect(own.conninfo("postgres", user="boss"), autocommit=True) as connection:
            connection.execute("alter role supabase_admin rename to somebody")
        with (
            open_server(own.conninfo("postgres", user="builder")) as plain,
            pytest.raises(ConfigError) as caught,
        ):
            ensure_template(plain, recipe)
        assert caught.value.fixes == ("attach as a superuser: its statements need one",)
        with open_server(own.conninfo("postgres", user="boss")) as attached:
            assert ensure_template(attached, recipe)


def test_role_that_cannot_create_databases_is_refused(running: Server) -> None:
    with pytest.raises(ServerError) as caught, open_server(running.conninfo("postgres", user="weak")):
        pass
    assert caught.value.what.startswith('Role "weak" may not create databases on ')
    assert 'let it: alter role "weak" createdb' in caught.value.fixes
    assert databases(running) == ["postgres", "template0", "template1"]


@pytest.mark.parametrize(
    "choice", ["postgresql:///x?host=/nonexistent", "host=/nonexistent", "postgresql://h:port/"]
)
def test_no_connection_is_an_error_that_says_why(choice: str) -> None:
    with (
        pytest.raises(ServerError, match="Could not connect to the PostgreSQL server") as caught,
        open_server(choice),
    ):
        pass
    assert caught.value.why
    assert caught.value.exit_code == 2


def test_database_url_is_never_read(running: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", running.url("postgres"))
    with pytest.raises(ServerError, match="Could not connect"), open_server("host=/nonexistent"):
        pass


def test_port_of_an_attached_server_cannot_be_chosen(running: Server) -> None:
    refused = pytest.raises(ServerError, match="only for a server that is started here")
    with refused, open_server(running.url("postgres"), port=5433):
        pass


def test_lost_attached_server_is_named(running: Server) -> None:
    with open_server(running.url("postgres")) as server:
        loss = describe_loss(server, psycopg.OperationalError("terminating connection"))
    assert loss.what == f"Lost the connection to the PostgreSQL server {running.host}:{running.port}."
    assert loss.why == "terminating connection"
