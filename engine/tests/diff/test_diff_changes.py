"""Changes of a schema as sentences, and the lines of its files that they are about."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.catalog.compare import compare_inventories
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey
from pgassay.database import Script
from pgassay.plpgsql.definitions import find_definitions

POLICY = ObjectKey("policy", "public.t", "own")
VIEW = ObjectKey("relation", "public.v", "")
GRANT = ObjectKey("grant", "public.t", "anon")


def inventory(**objects: dict[str, str]) -> Inventory:
    keys = {"policy": POLICY, "view": VIEW, "grant": GRANT}
    return Inventory(objects={keys[name]: properties for name, properties in objects.items()})


def compare(base: Inventory, head: Inventory) -> list[str]:
    return [str(change) for change in compare_inventories(base, head)]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ({"using": "a"}, {"using": "true"}, 'Policy "own" on public.t: USING is now true (was: a).'),
        ({"using": "a"}, {}, 'Policy "own" on public.t lost its USING clause.'),
        ({}, {"with check": "a"}, 'Policy "own" on public.t now has WITH CHECK a.'),
        (
            {"roles": "anon"},
            {"roles": "public"},
            'Policy "own" on public.t now applies to public (was: anon).',
        ),
        (
            {"using": f"{'(a = b) AND ' * 40}(c = 1)"},
            {"using": f"{'(a = b) AND ' * 40}(c = 2)"},
            'Policy "own" on public.t: USING is now … b) AND (c = 2) (was: … b) AND (c = 1)).',
        ),
    ],
)
def test_change_of_a_policy_reads_as_a_sentence(
    before: dict[str, str], after: dict[str, str], sentence: str
) -> None:
    assert compare(inventory(policy=before), inventory(policy=after)) == [sentence]


def test_changes_of_grants_and_views_read_as_sentences() -> None:
    base = inventory(grant={"select": "held"}, view={"security_invoker": "true"})
    head = inventory(grant={"update (a)": "held"}, view={})
    assert compare(base, head) == [
        "SELECT on public.t is no longer granted to anon.",
        "UPDATE (a) on public.t is now granted to anon.",
        "public.v lost its security_invoker.",
    ]


def test_renamed_trigger_is_known_by_its_content() -> None:
    old, new = (ObjectKey("trigger", "public.t", name) for name in ("a", "B"))
    base = Inventory(objects={old: {"definition": "CREATE TRIGGER a BEFORE UPDATE ON t"}})
    head = Inventory(objects={new: {"definition": 'CREATE TRIGGER "B" BEFORE UPDATE ON t'}})
    assert compare(base, head) == ['Trigger "B" on public.t had the name "a".']


def test_reach_follows_what_uses_what_in_circles_too() -> None:
    uses = {"v": frozenset({"t"}), "t": frozenset({"f", "v"})}
    assert Inventory(objects={}, uses=uses).reach("v") == {"v", "t", "f"}


FILE = """\
create table public.t (
    id int,
    constraint t_positive check (id > 0)
);
create policy own on t using (true);
alter table public.t enable row level security;
create trigger tidy before insert on public.t for each row execute function f();
grant select, update (id) on public.t to anon;
revoke all on all tables in schema public from authenticated;
do $$ begin create policy "in a block" on public.t using (true); end $$;
create function public.f(a int) returns int language sql as 'select 1';
drop policy own on public.t;
"""


@pytest.mark.parametrize(
    ("key", "what", "line"),
    [
        (ObjectKey("relation", "public.t", ""), "definition", 1),
        (ObjectKey("column", "public.t", "id"), "type", 2),
        (ObjectKey("constraint", "public.t", "t_positive"), "definition", 3),
        (ObjectKey("relation", "public.t", ""), "row level security", 6),
        (ObjectKey("trigger", "public.t", "tidy"), "enabled", 7),
        (ObjectKey("grant", "public.t", "anon"), "update (id)", 8),
        (ObjectKey("grant", "public.t", "authenticated"), "select", 9),
        (ObjectKey("policy", "public.t", "in a block"), "using", 10),
        (ObjectKey("function", "public.f(integer)", ""), "body", 11),
        (ObjectKey("policy", "public.t", "own"), "using", 12),
        (ObjectKey("policy", "public.t", "gone without a trace"), "using", 1),
    ],
)
def test_change_has_the_line_of_the_statement_that_it_is_about(key: ObjectKey, what: str, line: int) -> None:
    places = find_definitions([Script(path=Path("schema.sql"), text=FILE)])
    place = places.find(key, what)
    assert place is not None
    assert place.line == line


def test_file_that_pglast_can_not_parse_gives_no_places() -> None:
    places = find_definitions([Script(path=Path("schema.sql"), text="create table newer syntax")])
    assert places.find(POLICY) is None
