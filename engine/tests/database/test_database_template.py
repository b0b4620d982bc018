"""Templates are built once, whole or not at all; clones are one's own."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

import pgassay
from pgassay.database import Database, Layer, Recipe, choose_owner, clone, ensure_template
from pgassay.database.apply import connect
from pgassay.database.recipe import KeyedLayer, read_layers
from pgassay.errors import ConfigError, SchemaError, ServerError
from pgassay.server import Server


@pytest.fixture
def admin(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with closing(connect(server.conninfo(server.maintenance))) as connection:
        yield connection


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a SQL file whose content no other test shares, so that its template is new."""

    def write_file(text: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.sql"
        path.write_text(f"{text}\n-- {tmp_path}")
        return path

    return write_file


def recipe(owner: str, *paths: Path) -> Recipe:
    layers = tuple(Layer(name=f"layer {number}", scripts=(path,)) for number, path in enumerate(paths))
    return Recipe(owner=owner, layers=layers)


def exists(admin: psycopg.Connection[Any], name: str) -> bool:
    return admin.execute("select from pg_database where datname = %s", [name]).fetchone() is not None


def identity(admin: psycopg.Connection[Any], name: str) -> int:
    [(oid,)] = admin.execute("select oid from pg_database where datname = %s", [name]).fetchall()
    assert isinstance(oid, int)
    return oid


def templates(admin: psycopg.Connection[Any], layer: KeyedLayer) -> list[str]:
    """The names of all databases that look like templates of a layer."""
    query = "select datname from pg_database where starts_with(datname, %s) order by 1"
    return [name for (name,) in admin.execute(query, [layer.prefix])]


def query(database: Database, text: str, *, user: str | None = None) -> Any:
    with closing(database.connect(user=user, autocommit=True)) as connection:
        [(value,)] = connection.execute(text.encode()).fetchall()
        return value


def test_template_is_built_once_and_found_again(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path]
) -> None:
    schema = recipe(owner, write("create table t (x int)"))
    name = ensure_template(server, schema)
    built = identity(admin, name)
    assert ensure_template(server, schema) == name
    assert identity(admin, name) == built
    assert templates(admin, read_layers(server, schema)[-1]) == [name]


def test_layers_below_a_change_are_shared(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path]
) -> None:
    base, one, two = write("create table base ()"), write("create table one ()"), write("create table two ()")
    ensure_template(server, recipe(owner, base, one))
    below = templates(admin, read_layers(server, recipe(owner, base, two))[0])
    built = [identity(admin, name) for name in below]
    with clone(server, ensure_template(server, recipe(owner, base, two)), owner=owner) as made:
        names = (
            "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'public'"
        )
        assert query(made, names) == "base two"
    assert [identity(admin, name) for name in below] == built
    assert len(below) == 1


def test_key_depends_on_content_owner_and_who_applies(server: Server, write: Callable[[str], Path]) -> None:
    path = write("select 1")
    keys = {read_layers(server, made)[-1].key for made in (recipe("a", path), recipe("b", path))}
    keys |= {read_layers(server, Recipe(owner="a", layers=(layer,)))[-1].key for layer in _variants(path)}
    path.write_text("select 2")
    keys.add(read_layers(server, recipe("a", path))[-1].key)
    assert len(keys) == 6


def _variants(path: Path) -> tuple[Layer, ...]:
    return (
        Layer(name="layer 0", scripts=(path,), applied_by="superuser"),
        Layer(name="layer 0", scripts=(path,), fingerprint="2"),
        Layer(name="layer 0", scripts=(path, path)),
    )


def test_failed_build_leaves_no_template(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path]
) -> None:
    broken = recipe(owner, write("create table t (x int)"), write("select 1 / 0"))
    with pytest.raises(SchemaError, match="division by zero"):
        ensure_template(server, broken)
    assert [len(templates(admin, layer)) for layer in read_layers(server, broken)] == [1, 0]


def test_failed_build_is_dropped_even_when_its_statement_survived_the_watchdog(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path]
) -> None:
    stubborn = (
        "set statement_timeout = 0; do $$ begin loop begin perform pg_sleep(60);"
        " exception when query_canceled then null; end; end loop; end $$"
    )
    layers = (Layer(name="schema", scripts=(write(stubborn),)),)
    hostile = Recipe(owner=owner, layers=layers, timeout_seconds=0.1)
    with pytest.raises(SchemaError, match=r"stopped after 0\.1 s"):
        ensure_template(server, hostile)
    layer = read_layers(server, hostile)[0]
    assert templates(admin, layer) == []
    activity = "select count(*) from pg_stat_activity where starts_with(datname, %s)"
    assert admin.execute(activity, [layer.prefix]).fetchone() == (0,)


def test_unreadable_file_makes_no_database(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path], tmp_path: Path
) -> None:
    good = write("select 1")
    with pytest.raises(ConfigError, match="There is no file"):
        ensure_template(server, recipe(owner, good, tmp_path / "missing.sql"))
    assert templates(admin, read_layers(server, recipe(owner, good))[0]) == []


@pytest.mark.parametrize("marked", [False, True], ids=["left by a dead process", "squatted by a schema"])
def test_database_that_looks_like_a_template_is_dropped(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path], marked: bool
) -> None:
    ensure_template(server, Recipe(owner=owner, layers=()))  # the owner is there
    schema = recipe(owner, write("create table t (x int)"))
    layer = read_layers(server, schema)[0]
    false = f"{layer.prefix}00000000"
    admin.execute(f'create database {false} owner "{owner}" is_template {marked}')
    name = ensure_template(server, schema)
    assert templates(admin, layer) == [name] != [false]
    with clone(server, name, owner=owner) as made:
        assert query(made, "select count(*) from t") == 0


_BUILD = """
import json, sys
from pathlib import Path
from pgassay.database import Layer, Recipe, ensure_template
from pgassay.server import Server, open_server
values, owner, schema, log = json.loads(sys.argv[1])
def step(connection):
    with open(log, "a") as file:
        file.write("built\\n")
layer = Layer(name="schema", scripts=(Path(schema),), step=step)
print(ensure_template(Server.from_json(values), Recipe(owner=owner, layers=(layer,))))
"""


def test_two_processes_that_want_one_template_build_it_once(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path], tmp_path: Path
) -> None:
    schema, log = write("create table t (x int)"), tmp_path / "log"
    layers = (Layer(name="schema", scripts=(schema,)),)
    layer = read_layers(server, Recipe(owner=owner, layers=layers))[0]
    argument = json.dumps([server.to_json(), owner, str(schema), str(log)])
    environment = os.environ | {"PYTHONPATH": str(Path(pgassay.__file__).parents[1])}
    admin.execute("select pg_advisory_lock(%s)", [layer.lock])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _BUILD, argument], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    waiting = (
        "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        " and (classid::bigint::bit(32) || objid::bigint::bit(32))::bit(64)::bigint = %s"
    )
    deadline = time.monotonic() + 60
    while admin.execute(waiting, [layer.lock]).fetchone() != (2,) and time.monotonic() < deadline:
        time.sleep(0.01)
    admin.execute("select pg_advisory_unlock(%s)", [layer.lock])
    names = {worker.communicate(timeout=60)[0].strip() for worker in workers}
    assert list(names) == templates(admin, layer)
    assert log.read_text() == "built\n"


def test_step_gets_a_superuser_and_the_name_of_the_owner(
    server: Server, owner: str, write: Callable[[str], Path]
) -> None:
    seen = []

    def look(connection: psycopg.Connection[Any]) -> None:
        text = "select current_setting('is_superuser'), current_setting('pgassay.owner')"
        seen.append(connection.execute(text).fetchone())

    layer = Layer(name="step", scripts=(write("select 1"),), step=look, applied_by="superuser")
    ensure_template(server, Recipe(owner=owner, layers=(layer,)))
    assert seen == [("on", owner)]


def test_clone_belongs_to_an_owner_who_is_no_superuser(server: Server, owner: str, blank: str) -> None:
    with clone(server, blank, owner=owner) as made:
        facts = (
            "select (select rolsuper from pg_roles where rolname = session_user)::text || ' ' || session_user"
        )
        assert query(made, facts, user=owner) == f"false {owner}"
        assert (
            query(made, "select pg_get_userbyid(datdba) from pg_database where datname = current_database()")
            == owner
        )


def test_clones_are_independent(server: Server, owner: str, write: Callable[[str], Path]) -> None:
    template = ensure_template(
        server, recipe(owner, write("create table t (x int); insert into t values (1)"))
    )
    with clone(server, template, owner=owner) as one, clone(server, template, owner=owner) as two:
        assert query(one, "delete from t returning x") == 1
        assert (query(one, "select count(*) from t"), query(two, "select count(*) from t")) == (0, 1)


def test_clone_is_dropped_at_the_end_even_while_a_connection_is_open(
    server: Server, owner: str, admin: psycopg.Connection[Any], blank: str
) -> None:
    with clone(server, blank, owner=owner) as made:
        connection = made.connect()
    with closing(connection):
        assert not exists(admin, made.name)


def test_clone_is_dropped_when_its_block_raises(
    server: Server, owner: str, admin: psycopg.Connection[Any], blank: str
) -> None:
    with pytest.raises(ZeroDivisionError), clone(server, blank, owner=owner) as made:
        1 / 0  # noqa: B018
    assert not exists(admin, made.name)


def test_nobody_can_connect_to_a_template(server: Server, blank: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(server.conninfo(blank))


def test_superuser_is_never_chosen_as_owner(server: Server) -> None:
    assert choose_owner(server, server.user) == "pgassay_owner"
    assert choose_owner(server, "no_such_role_yet") == "no_such_role_yet"


def test_server_that_lets_nobody_make_the_owner_says_so(
    server: Server, owner: str, admin: psycopg.Connection[Any], write: Callable[[str], Path]
) -> None:
    admin.execute(f"create role pgassay_test_plain login createdb password '{server.password or ''}'")
    try:
        plain = dataclasses.replace(server, user="pgassay_test_plain")
        with pytest.raises(ServerError, match='Cannot create the role "no_such_owner"') as caught:
            ensure_template(plain, recipe("no_such_owner", write("select 1")))
        assert caught.value.fixes[0] == "attach as a superuser"
    finally:
        admin.execute("drop role pgassay_test_plain")
