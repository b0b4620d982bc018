"""Roles belong to the cluster: what a schema does to them reaches no other schema, and nobody's own roles."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgassay.database import Database, Layer, Recipe, choose_owner, clone, ensure_template, open_client
from pgassay.database.apply import connect
from pgassay.errors import ConfigError
from pgassay.server import Server, open_server

pytestmark = pytest.mark.slow

OWNER = "postgres"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    """A server of these tests' own, on a port: the roles of the run's server are everybody's."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with open_server("embedded", port=port) as server:
        yield server


@pytest.fixture(scope="module")
def attached(cluster: Server) -> Iterator[Server]:
    """The same cluster as somebody else's, with a role `postgres` that its superuser made."""
    with open_server(cluster.url("postgres")) as server:
        yield server


@pytest.fixture
def admin(cluster: Server) -> Iterator[psycopg.Connection[Any]]:
    with closing(connect(cluster.conninfo(cluster.maintenance))) as connection:
        yield connection


@pytest.fixture
def build(environment: Layer, tmp_path: Path) -> Callable[..., str]:
    """Make the template of a schema above the environment."""

    def ensure(server: Server, text: str, *, owner: str = OWNER) -> str:
        path = tmp_path / f"{abs(hash(text))}.sql"
        path.write_text(text)
        schema = Layer(name="schema", scripts=(path,))
        return ensure_template(server, Recipe(owner=owner, layers=(environment, schema)))

    return ensure


def ask(database: Database, text: str, *, user: str | None = None) -> Any:
    with closing(database.connect(user=user, autocommit=True)) as connection:
        [(value,)] = connection.execute(text.encode()).fetchall()
        return value


GOOD = "create table t (x int); revoke all on t from anon; grant select on t to service_role"
BYPASS = "select rolbypassrls from pg_roles where rolname = 'authenticated'"
MEMBER = "select pg_has_role('anon', 'service_role', 'member')"


@pytest.mark.parametrize(
    ("change", "changed"),
    [("alter role authenticated bypassrls", BYPASS), ("grant service_role to anon", MEMBER)],
)
def test_role_that_one_schema_changed_is_as_it_was_for_the_next(
    cluster: Server, build: Callable[..., str], change: str, changed: str
) -> None:
    good = build(cluster, GOOD)
    with clone(cluster, build(cluster, change), owner=OWNER) as database:
        assert ask(database, changed) is True
    assert build(cluster, GOOD) == good
    with clone(cluster, good, owner=OWNER) as database:
        assert ask(database, changed) is False


def test_schema_that_changes_a_role_does_so_again_when_its_template_is_found(
    cluster: Server, build: Callable[..., str]
) -> None:
    evil = build(cluster, "alter role authenticated bypassrls")
    build(cluster, GOOD)
    assert build(cluster, "alter role authenticated bypassrls") == evil
    with clone(cluster, evil, owner=OWNER) as database:
        assert ask(database, BYPASS) is True


CHANGES = """
    grant service_role to anon;
    grant service_role to supabase_auth_admin;
    alter role authenticated connection limit 0 valid until '2000-01-01';
    alter role authenticator set work_mem = '1MB';
    alter role current_user set work_mem = '1MB';
"""
LEFT = """
    select array_remove(array_agg(distinct case
        when m.roleid = 'service_role'::regrole then 'member ' || m.member::regrole
        when r.rolconnlimit = 0 or r.rolvaliduntil < now() then 'limits of ' || r.rolname
        when 'work_mem=1MB' = any (r.rolconfig) then 'settings of ' || r.rolname
    end), null)
    from pg_roles as r
    left join pg_auth_members as m on r.oid = m.member and r.rolname in ('anon', 'supabase_auth_admin')
"""


def test_nothing_of_what_a_schema_may_do_to_roles_is_left(cluster: Server, build: Callable[..., str]) -> None:
    with clone(cluster, build(cluster, CHANGES), owner=OWNER) as database:
        assert len(ask(database, LEFT)) == 5
    with clone(cluster, build(cluster, GOOD), owner=OWNER) as database:
        assert ask(database, LEFT) == []


def test_privileges_stay_with_names_that_two_roles_swapped(
    cluster: Server, build: Callable[..., str]
) -> None:
    build(cluster, GOOD)
    swap = (
        "alter role anon rename to other; alter role service_role rename to anon;"
        "alter role other rename to service_role"
    )
    build(cluster, swap)
    privileges = "select array[{}]::text".format(
        ", ".join(f"has_table_privilege('{role}', 't', 'select')" for role in ("anon", "service_role"))
    )
    with clone(cluster, build(cluster, GOOD), owner=OWNER) as database:
        assert ask(database, privileges) == "{f,t}"


def test_template_is_not_its_owners_to_rename(cluster: Server, build: Callable[..., str]) -> None:
    template = build(cluster, GOOD)
    with (
        clone(cluster, template, owner=OWNER) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner of database"),
    ):
        ask(database, f"alter database {template} rename to mine")


def test_superusers_layer_above_the_owners_is_refused() -> None:
    layers = (Layer(name="schema"), Layer(name="world", applied_by="superuser"))
    with pytest.raises(ValueError, match="a superuser's layer above one of the owner's"):
        Recipe(owner=OWNER, layers=layers)


def test_no_superuser_enters_a_database_that_was_made(cluster: Server, build: Callable[..., str]) -> None:
    with clone(cluster, build(cluster, GOOD), owner=OWNER) as database:
        assert (
            ask(database, "select session_user || ' ' || current_setting('is_superuser')") == "postgres off"
        )
        with pytest.raises(ValueError, match='"supabase_admin" does not enter'):
            database.connect(user=cluster.user)


def test_url_of_a_database_is_its_owners_through_tcp_too(cluster: Server, build: Callable[..., str]) -> None:
    with (
        clone(cluster, build(cluster, GOOD), owner=OWNER) as database,
        closing(psycopg.connect(database.url())) as connection,
    ):
        assert (connection.info.user, connection.info.host) == (OWNER, "127.0.0.1")
        assert connection.info.password != cluster.password


@pytest.fixture
def foreign(admin: psycopg.Connection[Any], attached: Server) -> str:
    """An owner that exists already, with the password that everybody has on such a server."""
    admin.execute(
        "create role foreign_owner login replication noinherit connection limit 5"
        f" password '{attached.password}'"
    )
    admin.execute("alter role foreign_owner set work_mem = '5MB'")
    return "foreign_owner"


ROLE = """
    select rolinherit, rolbypassrls, rolreplication, rolcreatedb, rolconnlimit, rolconfig
    from pg_roles where rolname = %s
"""


def test_owner_that_is_not_ours_keeps_what_does_not_stand_in_the_way(
    attached: Server, admin: psycopg.Connection[Any], foreign: str, build: Callable[..., str]
) -> None:
    template = build(attached, GOOD, owner=foreign)
    assert admin.execute(ROLE, [foreign]).fetchone() == (True, True, True, False, 5, ["work_mem=5MB"])
    with clone(attached, template, owner=foreign) as database:
        assert ask(database, "select session_user::text") == foreign


def test_owner_on_an_attached_server_reaches_no_other_session(
    attached: Server, admin: psycopg.Connection[Any], build: Callable[..., str]
) -> None:
    build(attached, GOOD, owner="pgassay_owner")
    reached = """
        select rolname from pg_roles
        where rolname in ('pg_monitor', 'pg_read_all_data', 'pg_signal_backend', 'anon')
            and pg_has_role('pgassay_owner', oid, 'member')
    """
    assert admin.execute(reached).fetchall() == [("anon",)]


def test_owner_on_our_own_server_keeps_its_memberships_when_another_process_attaches(
    cluster: Server, attached: Server, admin: psycopg.Connection[Any], build: Callable[..., str]
) -> None:
    monitors = "select pg_has_role('postgres', 'pg_monitor', 'member')"
    build(cluster, GOOD)
    assert admin.execute(monitors).fetchone() == (True,)
    build(attached, "create table of_the_other_process (x int)", owner=OWNER)
    assert admin.execute(monitors).fetchone() == (True,)


def test_roles_made_on_an_attached_server_log_in_with_passwords_of_their_own(
    attached: Server, build: Callable[..., str]
) -> None:
    assert (attached.origin, choose_owner(attached, attached.user)) == ("attached", "pgassay_owner")
    template = build(attached, GOOD, owner="pgassay_owner")
    with clone(attached, template, owner="pgassay_owner") as made, open_client(made) as client:
        assert client.value("select session_user::text") == "authenticator"
        assert ask(made, "select current_user::text") == "pgassay_owner"
        for role in ("authenticator", "pgassay_owner"):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(attached.conninfo(made.name), user=role)


def test_owner_that_could_run_programs_is_refused(
    attached: Server, admin: psycopg.Connection[Any], build: Callable[..., str]
) -> None:
    admin.execute("create role dangerous login")
    admin.execute("grant pg_execute_server_program to dangerous")
    with pytest.raises(ConfigError, match="it is a member of pg_execute_server_program"):
        build(attached, GOOD, owner="dangerous")
