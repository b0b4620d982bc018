"""What is no good project: an audit comes to an end, and says what it did not try."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.audit import scene
from pgassay.audit.rules import RULES
from pgassay.audit.rules.functions import find as find_functions
from pgassay.audit.rules.strangers import find as find_strangers
from pgassay.server import Server
from tests.audit.audit_support import audit_schema, told

pytestmark = pytest.mark.slow

NOTES = """
create table public.notes (id integer primary key, who uuid not null references auth.users, body text);
alter table public.notes enable row level security;
create policy "own" on public.notes for all to authenticated using (who = (select auth.uid()));
"""
LEAK = """
create function public.the_last(note integer) returns setof public.notes language sql
security definer set search_path = '' as $$ select * from public.notes where id = note $$;
"""
LEAKS = [("public.the_last(integer)", "critical", ("execute",))]


def test_an_empty_project(server: Server, tmp_path: Path) -> None:
    found = audit_schema(server, tmp_path, "", *RULES)
    assert (found.findings, found.untried) == ((), ())


def test_only_functions(server: Server, tmp_path: Path) -> None:
    schema = """
    create function public.both(a integer, b text) returns text language sql as $$ select a || b $$;
    create function public.nine(a integer, b integer, c integer) returns integer language sql
    as $$ select a + b + c + 1 + 2 + 3 + 4 + 5 + 6 $$;
    """
    found = audit_schema(server, tmp_path, schema, *RULES)
    assert found.findings == ()
    assert found.untried == (
        "public.nine(integer, integer, integer) with more than 48 of 512 lists of arguments",
    )


def test_names_of_every_kind(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public."Таблица" (
        "Ид" integer primary key, "Кто ""он"" тут" uuid not null references auth.users, "te'xt %s" text
    );
    alter table public."Таблица" enable row level security;
    create policy "сам {x}" on public."Таблица" for all to authenticated
    using ("Кто ""он"" тут" = (select auth.uid()));
    create function public."Gib %s"("Was" integer) returns setof public."Таблица" language sql
    security definer set search_path = '' as $$ select * from public."Таблица" where "Ид" = "Was" $$;
    """
    found = audit_schema(server, tmp_path, schema, *RULES)
    assert told(found, "functions") == [('public."Gib %s"(integer)', "critical", ("execute",))]
    assert found.untried == ()


@pytest.mark.parametrize(
    ("body", "remark"),
    [
        ("raise exception 'no'", False),
        ("execute 'copy (select 1) to ''{path}'''", False),
        ("drop table public.notes cascade", False),
        ("perform pg_catalog.pg_sleep(600)", True),
        ("loop null; end loop", True),
        (
            "loop begin perform pg_sleep(1); exception when query_canceled then null; end; end loop",
            True,
        ),
        ("perform pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())", True),
    ],
    ids=["raises", "writes a file", "drops a table", "sleeps", "loops", "does not stop", "ends the session"],
)
def test_functions_that_are_no_good(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, remark: bool
) -> None:
    monkeypatch.setattr(scene, "LONGEST", 500)
    bad = f"""
    create function public.bad() returns void language plpgsql security definer set search_path = '' as
    $$ begin {body.replace("{path}", str(tmp_path / "written"))}; end $$;
    """
    found = audit_schema(server, tmp_path, NOTES + bad + LEAK, find_functions)
    # What comes after it is looked at all the same.
    assert told(found, "functions") == LEAKS
    assert [text.startswith("public.bad() beyond") for text in found.untried] == [True] * remark
    assert not (tmp_path / "written").exists()


def test_a_table_whose_triggers_sleep(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "LONGEST", 500)
    schema = (
        NOTES
        + """
    create table public.hits (id integer primary key, path text);
    create function public.wait() returns trigger language plpgsql as
    $$ begin if current_user = 'authenticated' then perform pg_sleep(600); end if; return new; end $$;
    create trigger wait before update on public.notes for each row execute function public.wait();
    """
    )
    found = audit_schema(server, tmp_path, schema, find_strangers)
    assert [finding.object for finding in found.findings] == ["public.hits"]
    assert [text.partition(":")[0] for text in found.untried] == ["public.notes"]


REMOVED_SLOWLY = """
create policy "any" on public.notes for delete to authenticated using (true);
create policy "all" on public.notes for select to authenticated using (true);
create function public.wait() returns trigger language plpgsql as
$$ begin if current_user = 'authenticated' then perform pg_sleep(0.4); end if; return old; end $$;
create trigger wait before delete on public.notes for each row execute function public.wait();
"""


def test_a_table_of_which_many_rows_go_slowly(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "LONGEST", 600)
    found = audit_schema(server, tmp_path, NOTES + REMOVED_SLOWLY, find_strangers)
    assert told(found, "strangers") == [("public.notes", "high", ("delete",))]
    assert found.untried == ()


def test_slow_statements_end_an_audit(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "PATIENCE", 0.1)
    rules = (*[find_strangers] * 3, find_functions)  # more than there are workers
    found = audit_schema(server, tmp_path, NOTES + REMOVED_SLOWLY, *rules)
    cut = "strangers, strangers, strangers, functions"
    assert found.untried == (f"what is left of the rules {cut}: slow statements took 60 s",)


def test_a_rule_that_asks_too_much_says_so(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgassay.audit.beside.STATEMENTS", 3)
    found = audit_schema(server, tmp_path, NOTES + LEAK, find_functions, find_strangers)
    assert found.findings == ()
    rules = ("functions", "strangers")
    assert found.untried == tuple(
        f"the rule {name} beyond its first 3 statements: see --effort" for name in rules
    )


def test_a_request_that_is_always_refused_is_told(server: Server, tmp_path: Path) -> None:
    schema = NOTES + "alter role authenticator set pgrst.db_pre_request = 'public.gone';"
    found = audit_schema(server, tmp_path, schema, find_strangers)
    answers = [text.partition(": each request is refused: ") for text in found.untried]
    assert [(name, "gone" in why) for name, _, why in answers] == [
        (name, True) for name in ("anon", "alice", "bob")
    ]
