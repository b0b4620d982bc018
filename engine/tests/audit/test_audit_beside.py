"""Rules side by side, and what they look at together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pgassay.audit.changing import find_changed, opened_by
from pgassay.audit.model import Finding, Severity
from pgassay.audit.planning import find_misdeclared
from pgassay.audit.reach import Reach, measure, measure_seen
from pgassay.audit.scene import Scene
from pgassay.catalog.model import Function, Relation
from pgassay.catalog.read import Catalog
from pgassay.errors import ServerError
from pgassay.server import Server
from tests.audit.audit_support import audit_schema

_LONG = 60  # seconds that nobody waits
NOTES = """
create table public.notes (id integer primary key, user_id uuid not null references auth.users);
alter table public.notes enable row level security;
create policy own on public.notes for all to authenticated using (user_id = (select auth.uid()));
"""


def found_by(name: str) -> Finding:
    return Finding(
        rule=name, object=name, actions=("select",), who=("anon",), severity=Severity.LOW, sentence=f"{name}."
    )


def test_rules_ask_side_by_side_and_tell_in_their_order(server: Server, tmp_path: Path) -> None:
    done = Event()

    def waits(scene: Scene) -> Iterator[Finding]:
        assert done.wait(_LONG)
        scene.untried.append("first")
        yield found_by("first")

    def goes(scene: Scene) -> Iterator[Finding]:
        scene.untried.append("second")
        yield found_by("second")
        done.set()

    found = audit_schema(server, tmp_path, NOTES, waits, goes)
    assert [one.rule for one in found.findings] == ["first", "second"]
    assert found.untried == ("first", "second")


def test_who_is_interrupted_does_not_wait_for_the_others(server: Server, tmp_path: Path) -> None:
    sleeps, over, ended = Event(), Event(), list[Exception]()

    def rule(scene: Scene) -> Iterator[Finding]:
        if current_thread() is main_thread():
            assert sleeps.wait(_LONG)
            raise KeyboardInterrupt
        scene.session.value("select 1")  # the transaction is open
        sleeps.set()
        try:
            scene.session.value("select pg_sleep(4)")
        except (psycopg.Error, ServerError) as error:
            ended.append(error)
            raise
        finally:
            over.set()
        yield found_by("slept")

    with pytest.raises(KeyboardInterrupt):
        audit_schema(server, tmp_path, NOTES, rule, rule)
    assert over.wait(_LONG)
    assert [isinstance(error, psycopg.OperationalError) for error in ended] == [True]


def test_a_rule_whose_session_was_lost_asks_again_once(server: Server, tmp_path: Path) -> None:
    seen: list[Scene] = []

    def rule(scene: Scene) -> Iterator[Finding]:
        seen.append(scene)
        if len(seen) == 1:
            scene.session.connection.close()
        scene.session.value("select 1")
        yield found_by("asked")

    found = audit_schema(server, tmp_path, NOTES, rule)
    assert ([one.rule for one in found.findings], len(seen), found.untried) == (["asked"], 2, ())


def test_a_rule_that_loses_each_session_says_so(server: Server, tmp_path: Path) -> None:
    def rule(scene: Scene) -> Iterator[Finding]:
        scene.session.connection.close()
        scene.session.value("select 1")
        yield from ()

    [remark] = audit_schema(server, tmp_path, NOTES, rule).untried
    assert remark.startswith("the rule test_audit_beside to its end: ")


def test_what_one_rule_has_planned_the_next_one_uses(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgassay.audit.beside._WORKERS", 1)
    asked: list[str] = []

    def rule(scene: Scene) -> Iterator[Finding]:
        asked.extend(scene.planned(text) for text in ("select 1", f"select {len(asked)}"))
        yield from ()

    audit_schema(server, tmp_path, NOTES, rule, rule)
    assert asked == [f"execute pgassay_{number}" for number in (0, 1, 0, 2)]


PARTLY = f"""
{NOTES}
create table public.secrets (id integer primary key, user_id uuid not null references auth.users);
revoke all on public.secrets from authenticated, anon;
create view public.halves as select 1 / (id - id) as id from public.notes;
"""


@pytest.mark.parametrize("schema", [NOTES, PARTLY])
def test_what_is_seen_is_the_same_where_a_part_of_it_is_refused(
    server: Server, tmp_path: Path, schema: str
) -> None:
    looks: list[Reach] = []

    def look(scene: Scene) -> Iterator[Finding]:
        alice = next(one for one in scene.people if one.name == "alice")
        looks.extend(look(scene, alice) for look in (measure, measure_seen))
        [own] = [row.key for row in scene.sample_of["public.notes"].rows if row.owners == {alice.id}]
        assert looks[0].seen["public.notes"] == {own}
        yield from ()

    audit_schema(server, tmp_path, schema, look)
    writing, alone = looks
    assert writing.seen == alone.seen
    assert writing.seen.keys() & {"public.notes", "public.secrets", "public.halves"} == {"public.notes"}
    assert (writing.written["public.notes", "delete"], alone.written) == (1, {})


GRANTED = f"""
{PARTLY}
grant all on public.secrets to service_role;
create function public.let_in() returns void language sql security definer set search_path = '' as
$$ grant select on public.secrets to authenticated $$;
"""


def test_what_is_granted_meanwhile_is_seen(server: Server, tmp_path: Path) -> None:
    found: list[bool] = []

    def look(scene: Scene) -> Iterator[Finding]:
        alice = next(one for one in scene.people if one.name == "alice")
        for call in ("select 1", "select public.let_in()"):
            with scene.session.undone(), scene.session.act_as(alice):
                scene.session.execute(call)
                found.append("public.secrets" in measure_seen(scene, alice).seen)
        yield from ()

    audit_schema(server, tmp_path, GRANTED, look)
    assert found == [False, True]


CARRIED = f"""
{NOTES}
create table public.parts (id integer primary key, note integer references public.notes on delete cascade);
create table public.logs (id integer primary key, what text);
create table public.apart (id integer primary key);
create view public.all_logs as select what from public.logs;
create function public.note_log() returns trigger language plpgsql as
$$ begin insert into public.logs values (1, 'x'); return new; end $$;
create trigger log after insert on public.parts for each row execute function public.note_log();
create function public.run(what text) returns void language plpgsql as $$ begin execute what; end $$;
"""


def test_what_a_write_changes_is_followed_through_keys_triggers_and_bodies(
    server: Server, tmp_path: Path
) -> None:
    found: dict[str, Any] = {}

    def look(scene: Scene) -> Iterator[Finding]:
        changed = find_changed(scene, ["public.notes"])
        found["notes"] = changed
        found["opened"] = opened_by(scene, ["public.logs"])
        found["apart"] = find_changed(scene, ["public.apart"])
        found["run"] = find_changed(scene, ["public.run(text)"])
        yield from ()

    audit_schema(server, tmp_path, CARRIED, look)
    assert {"public.parts", "public.logs"} <= found["notes"]
    assert "public.apart" not in found["notes"]
    assert found["opened"] == {"public.logs", "public.all_logs"}
    assert (found["apart"], found["run"]) == ({"public.apart"}, None)


TAGS = {Relation: (SimpleNamespace(relation="tags"),)}


@pytest.mark.parametrize(
    ("arguments", "body", "is_misdeclared"),
    [
        ("", "select 1 from tags", True),
        ("tags text[]", "select cardinality(tags)", False),
        ("public.tags", "select 1 from tags", True),
        ("tags[]", "select 1 from tags", True),
        ("name text", "select lower(name)", False),
        ("email text, other text", "select email || other", False),
        ("email text", "select email()", True),
        ("a numeric(4, 2), INOUT email text", "select a || email", False),
        ("a text DEFAULT f(1, email())", "select a || email()", True),
        ("email text", "select current_setting(email)", True),
    ],
)
def test_a_function_that_names_its_argument_as_others_are_named_is_immutable(
    arguments: str, body: str, is_misdeclared: bool
) -> None:
    catalog = Catalog(
        user="owner",
        search_path=(),
        exposed=(),
        things={
            **TAGS,
            Function: (function("email", "", "select 'x'", "s"), function("f", arguments, body, "i")),
        },
    )
    assert (find_misdeclared(catalog) == {"public.f()"}) == is_misdeclared


@pytest.mark.parametrize("returns", ["SETOF text", "TABLE(tag text)"])
def test_a_function_that_returns_a_set_is_never_asked_while_planning(returns: str) -> None:
    told = replace(function("f", "", "select name from tags", "i"), returns=returns)
    catalog = Catalog(user="owner", search_path=(), exposed=(), things={Function: (told,), **TAGS})
    assert find_misdeclared(catalog) == frozenset()
    asking = function("g", "", "select f()", "i")
    computed = replace(catalog, things={Function: (told, asking), **TAGS})
    assert find_misdeclared(computed) == {"public.g()"}  # it is computed, and asks the set
    single = replace(told, returns="text")
    assert find_misdeclared(replace(catalog, things={Function: (single,), **TAGS})) == {"public.f()"}


def function(name: str, arguments: str, body: str, volatility: str) -> Function:
    return Function(
        function=f"public.{name}()",
        name=name,
        schema="public",
        language="sql",
        arguments=arguments,
        definition="",
        body=body,
        definer=False,
        volatility=volatility,
        strict=False,
    )
