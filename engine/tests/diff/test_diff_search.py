"""Doors that no row of the world stands before: found by trying other rows and claims."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pgassay.catalog.literals import find_literals, find_marked
from pgassay.diff.review import review
from pgassay.diff.variations import vary_claims
from pgassay.errors import ExitCode
from pgassay.matrix.baseline import render_baseline
from pgassay.observation import Persona
from tests.diff.diff_support import Tenants
from tests.diff.test_diff_review import show

pytestmark = pytest.mark.slow

ENOUGH = 1_000_000  # statements; a search that finds nothing else ends by itself long before
OWN = "owner = (select auth.uid())"


@pytest.mark.parametrize(
    ("condition", "given"),
    [
        ("priority = 77", "priority = '77'"),
        ("priority > 40 and label = 'open'", "priority = '41' and label = 'open'"),
        ("label is null", "label = null"),
        (
            "exists (select from public.members as m where m.user_id = auth.uid() and m.role = 'admin')",
            "role = 'admin'",
        ),
        ("(select auth.jwt() -> 'app_metadata' ->> 'role') = 'admin'", '"app_metadata": {"role": "admin"}'),
        ("(select auth.jwt() ->> 'email') like '%@example.com'", '@example.com"'),
    ],
    ids=["number", "two columns", "null", "row of another table", "claim", "pattern"],
)
def test_door_without_a_row_before_it(tenants: Tenants, condition: str, given: str) -> None:
    found = tenants.review(
        tenants.head(f'alter policy "owners see" on public.documents using ({OWN} or {condition});\n'),
        search=ENOUGH,
    )
    [gain] = found.difference.gained
    assert "Found by search." in gain.message
    assert given in gain.message
    assert gain.place is not None
    assert show(tenants, found).count("\n") > 5
    assert (found.exit_code, found.accepted) == (ExitCode.SCHEMA_PROBLEM, False)


def test_write_that_only_new_values_get_through(tenants: Tenants) -> None:
    edit = 'alter policy "owners edit" on public.documents with check'
    head = tenants.head(f"{edit} ({OWN} and (stage <> 'REVIEW' or label = 'fast'));\n")
    [gain] = tenants.review(head, search=ENOUGH).difference.gained
    assert gain.witness is not None
    assert gain.witness.statement.startswith("update public.documents set stage = 'REVIEW', label = 'fast'")


@pytest.mark.parametrize(
    "condition", [f"{OWN} and true", f"not ({OWN}) is not true", f"{OWN} and priority < 50"]
)
def test_no_gain_is_said_after_a_search(tenants: Tenants, condition: str) -> None:
    head = tenants.head(f'alter policy "owners see" on public.documents using ({condition});\n')
    found = tenants.review(head, search=ENOUGH)
    assert found.difference.gained == ()
    assert found.tried > 0
    assert found.exit_code is ExitCode.GOOD


def test_clues_are_the_words_literals_and_claims_of_a_text() -> None:
    text = """((auth.jwt() -> 'app_metadata'::text) ->> 'role'::text) = 'é''s' and "A b" > 1.5 -- 'comment'"""
    literals = find_literals([text], ["n = 1 and m = 1.5"])
    assert (literals.strings, literals.numbers, literals.paths) == (
        ("é's",),
        ("1", "1.5"),
        (("app_metadata", "role"),),
    )
    assert {"A b", "n", "m", "auth"} <= literals.words
    assert find_literals(["'unterminated"]).strings == ()


@pytest.mark.parametrize(
    ("after", "before", "marked"),
    [
        (["a = 1", "b = 2"], ["b = 2", "a = 1"], {"a", "b", "1", "2"}),  # each says what the other said
        (["a = 1", "b = 3"], ["a = 1", "b = 2"], {"2", "3"}),
        (["a.f(x, y)", "a.g(x, z)"], ["b.f(x, y)", "b.g(x, z)"], {"a", "b"}),
        (["x = 1 and y"], ["x = 1 and z", "f = 5 or g"], {"y", "z", "f", "5", "or", "g", "="}),
        (["'unterminated", "a = 2"], ["'unterminated too", "a = 1"], {"1", "2"}),
        (["a = 'x'"], ["a = 'y'"], set()),  # what is compared is no word
    ],
)
def test_marked_is_what_only_one_version_says(after: list[str], before: list[str], marked: set[str]) -> None:
    assert find_marked(dict(enumerate(after)), dict(enumerate(before))) == marked
    others = {number + 100: text for number, text in enumerate(before)}  # of a schema with another name
    assert find_marked(dict(enumerate(after)), others) <= marked


def test_claims_are_varied_beside_those_that_are_there() -> None:
    persona = Persona(name="bob", role="authenticated", claims={"sub": "1", "app_metadata": {"plan": "free"}})
    literals = find_literals(
        ["auth.jwt() -> 'app_metadata' ->> 'role' = 'admin' and auth.jwt() ->> 'sub' = '2'"]
    )
    assert [dict(one.claims)["app_metadata"] for one in vary_claims(persona, literals)] == [
        {"plan": "free", "role": "admin"},
        {"plan": "free", "role": "2"},
        {"plan": "free", "role": True},
        {"plan": "free", "role": False},
    ]


PLANS = """
create table public.plans (
    id uuid primary key default gen_random_uuid(), name text not null{unique}, sold boolean, labels text[],
    facts jsonb not null default '{{}}'
);
insert into public.plans (name, sold) values ('small', true), ('{second}', true), ('old', false);
alter table public.plans enable row level security;
create policy "for sale" on public.plans for select to authenticated using (sold);
revoke all on public.plans from anon, authenticated;
grant select on public.plans to authenticated;
"""


@pytest.mark.parametrize(
    ("unique", "second", "shared"),
    [(" unique", "large", True), ("", "large", True), ("", "small", False)],
    ids=["another key", "a column that tells them apart", "nothing"],
)
def test_keys_that_are_drawn_anew_are_no_gain(
    tenants: Tenants, unique: str, second: str, shared: bool
) -> None:
    plans = PLANS.format(unique=unique, second=second)
    base = tenants.head(plans, name="base.sql")
    head = tenants.head(f'{plans}alter policy "for sale" on public.plans using (sold is true);\n')
    found = review(tenants.server, base, head, search=ENOUGH)
    assert found.difference.gained == ()
    assert found.tried > 0
    assert any("public.plans" in note for note in found.remarks) is not shared


NOTES = """
create table public.notes (
    id integer generated by default as identity primary key, owner uuid not null, body text
);
insert into public.notes (id, owner) values
(1, 'a11ce000-0000-4000-8000-000000000001'), (2, 'b0b00000-0000-4000-8000-000000000002');
alter table public.notes enable row level security;
create function private.is_mine(who uuid) returns boolean language sql stable as 'select who = auth.uid()';
grant usage on schema private to authenticated;
create policy "own" on public.notes to authenticated using (private.is_mine(owner));
revoke all on public.notes from anon, authenticated;
grant select, insert (owner, body) on public.notes to authenticated;
"""


WIDER = """
create or replace function private.keep_published() returns trigger language plpgsql security definer as $$
begin
    if old.stage = 'PUBLISHED' then
        raise exception 'what is published is published' using errcode = 'PT409';
    end if;
    return new;
end
$$;
"""


def test_number_that_only_base_draws_twice_is_no_gain(tenants: Tenants) -> None:
    """No sequence goes back: what one side alone tries, the other draws later."""
    ahead = "select setval('public.notes_id_seq', 100);"
    base = tenants.head(NOTES, name="base.sql")
    head = tenants.head(NOTES.replace("= auth.uid()", "= (select auth.uid())") + ahead)
    found = review(tenants.server, base, head, search=ENOUGH)
    assert [one.message for one in found.difference.gained] == []


def test_column_with_another_name_is_no_gain_and_hides_none(tenants: Tenants) -> None:
    renamed = "alter table public.documents rename column pages to sheets;"
    opened = f"alter policy \"owners see\" on public.documents using ({OWN} or label = 'open');"
    assert [
        one.message for one in tenants.review(tenants.head(renamed + WIDER), search=ENOUGH).difference.gained
    ] == []
    found = tenants.review(tenants.head(f"{renamed}{opened}"), search=ENOUGH).difference.gained
    assert any("SELECT 1 of the rows of public.documents (was: 0)" in one.message for one in found)


def test_witness_names_rows_by_what_every_load_of_the_world_shares(tenants: Tenants) -> None:
    plans = PLANS.format(unique=" unique", second="large")
    base = tenants.head(plans, name="base.sql")
    head = tenants.head(f'{plans}alter policy "for sale" on public.plans using (true);\n')
    first, *_ = review(tenants.server, base, head).difference.gained
    assert first.witness is not None
    assert first.witness.statement.endswith("where name in ('large', 'old', 'small')")


@pytest.mark.parametrize(
    ("condition", "given"),
    [
        (
            "facts ->> 'open' = 'yes'",
            """facts = '{"open": "yes"}'""",
        ),
        ("""facts @> '{"open": true}'""", """facts = '{"open": true}'"""),
        ("'new' = any (labels)", """labels = '{new}'"""),
        ("(auth.jwt() ->> 'level')::integer > 5", '"level": "6"'),
        ("(auth.jwt() ->> 'guest')::boolean is false", '"guest": false'),
    ],
    ids=["path", "document", "array", "number in a claim", "false in a claim"],
)
def test_door_of_rows_that_have_no_key_in_common(tenants: Tenants, condition: str, given: str) -> None:
    plans = PLANS.format(unique="", second="large")
    base = tenants.head(plans, name="base.sql")
    head = tenants.head(f'{plans}alter policy "for sale" on public.plans using (sold or {condition});\n')
    [gain] = review(tenants.server, base, head, search=ENOUGH).difference.gained
    assert given in gain.message


def test_trigger_that_no_longer_puts_back_what_a_write_set(tenants: Tenants) -> None:
    keep = """
create function private.keep() returns trigger language plpgsql as $$
begin new.label := old.label; return new; end $$;
create trigger keep before update on public.documents for each row execute function private.keep();
"""
    base = tenants.head(keep, name="base.sql")
    head = tenants.head(f"{keep}drop trigger keep on public.documents;\n")
    found = review(tenants.server, base, head, search=ENOUGH)
    [gain] = found.difference.gained
    assert gain.message.startswith(
        "alice and bob can now UPDATE label of 1 of the rows of public.documents for good"
    )
    assert re.search(r"UPDATE 1\nSET\n1\|.*\|DRAFT\|0\|PUBLISHED\|1\n", show(tenants, found))


def test_rule_that_no_longer_swallows_a_write(tenants: Tenants) -> None:
    keep = "create rule keep as on update to public.documents do instead nothing;\n"
    base = tenants.head(keep, name="base.sql")
    head = tenants.head(f"{keep}drop rule keep on public.documents;\n")
    found = review(tenants.server, base, head, search=ENOUGH)
    gain = next(one for one in found.difference.gained if "UPDATE label" in one.message)
    assert gain.message.endswith('(was: filtered). Rule "keep" on public.documents was dropped.')
    lines = head.config.schema[0].read_text(encoding="utf-8").splitlines()
    assert gain.place is not None
    assert lines[gain.place.line - 1] == "drop rule keep on public.documents;"


def test_view_that_shows_its_owner_nothing(tenants: Tenants) -> None:
    mine = "create view public.mine as select id, label from public.documents where {};\n"
    grant = (
        "revoke all on public.mine from anon, authenticated; grant select on public.mine to authenticated;\n"
    )
    base = tenants.head(mine.format(OWN) + grant, name="base.sql")
    head = tenants.head(mine.format("auth.uid() is not null") + grant)
    [gain] = review(tenants.server, base, head, search=ENOUGH).difference.gained
    assert gain.message.startswith("alice and bob can now SELECT 5 of the rows of public.mine (was: 3)")


def test_door_behind_functions_that_call_each_other(tenants: Tenants) -> None:
    levels = """
create table private.levels (user_id uuid primary key, level integer not null);
insert into private.levels values ('a11ce000-0000-4000-8000-000000000001', 5);
create function private.level() returns integer language sql stable security definer as $$
    select l.level from private.levels as l where l.user_id = auth.uid()
$$;
create function private.is_high() returns boolean language plpgsql stable security definer as $$
begin return private.level() > 900; end
$$;
grant usage on schema private to authenticated;
grant execute on function private.is_high() to authenticated;
create policy "high" on public.documents for select to authenticated using (private.is_high());
"""
    base = tenants.head(levels, name="base.sql")
    head = tenants.head(levels.replace("select l.level from", "select l.level + 1 from"))
    [gain] = review(tenants.server, base, head, search=ENOUGH).difference.gained
    assert "level = '900'" in gain.message


def test_door_of_a_partitioned_table(tenants: Tenants) -> None:
    events = """
create table public.events (id integer primary key, owner uuid, kind text not null) partition by range (id);
create table public.events_1 partition of public.events for values from (0) to (100);
insert into public.events values (1, 'a11ce000-0000-4000-8000-000000000001', 'x');
alter table public.events enable row level security;
create policy "own" on public.events for select to authenticated using (owner = auth.uid());
revoke all on public.events, public.events_1 from anon, authenticated;
grant select on public.events to authenticated;
"""
    base = tenants.head(events, name="base.sql")
    head = tenants.head(events.replace(" using (owner", " using (kind = 'open' or owner"))
    [gain] = review(tenants.server, base, head, search=ENOUGH).difference.gained
    assert "kind = 'open'" in gain.message


def test_what_is_accepted_does_not_end_the_search(tenants: Tenants) -> None:
    policy = "create policy a on public.documents to anon using (id = 1);\n"
    accepted = f"grant select on public.documents to anon;\n{policy}"
    baseline = tenants.folder / "access.matrix"
    wide = f'alter policy "owners see" on public.documents using ({OWN} or priority = 77);\n'
    found = tenants.review(tenants.head(accepted), search=0)
    assert found.matrix is not None
    baseline.write_text(render_baseline(found.matrix), encoding="utf-8")
    head = tenants.head(accepted + wide)
    head = replace(head, config=replace(head.config, baseline=baseline))
    found = tenants.review(head, search=ENOUGH)
    assert "Found by search." in found.difference.gained[-1].message
    assert (found.accepted, found.exit_code) == (False, ExitCode.SCHEMA_PROBLEM)


LABELLING = """
create function public.labels(who uuid) returns setof text language sql security definer as $$
    select d.label from public.documents as d where d.owner = who and who = auth.uid()
$$;
create function public.first_label(who uuid) returns text language sql security definer as $$
    select d.label from public.documents as d where d.owner = who and who = auth.uid() order by d.id limit 1
$$;
create function public.label(document integer, text text, stage public.stage default 'DRAFT') returns void
language plpgsql security definer as $$
begin
    if not exists (select from public.documents where id = document and owner = auth.uid()) then
        raise exception 'not yours' using errcode = '42501';
    end if;
    update public.documents set label = text where id = document;
end
$$;
create function public.relabel(document integer, text text) returns void language sql security definer as $$
    update public.documents set label = text where id = document and owner = auth.uid()
$$;
grant execute on all functions in schema public to authenticated;
"""


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            "d.owner = who and who = auth.uid()\n",
            "can now EXECUTE public.labels(uuid) to get 3 of its rows (was: 0).",
        ),
        ("who = auth.uid() order", "EXECUTE public.first_label(uuid) to get 1 of its rows (was: 0)."),
        (
            " and owner = auth.uid()) then",
            "EXECUTE public.label(integer, text, public.stage) to write more (was: refused, 42501), ",
        ),
        (" and owner = auth.uid()\n", "EXECUTE public.relabel(integer, text) to write more (was: less)"),
    ],
    ids=["set", "scalar", "refusal", "silence"],
)
def test_function_that_no_longer_checks_its_caller(tenants: Tenants, check: str, message: str) -> None:
    base = tenants.head(LABELLING, name="base.sql")
    head = tenants.head(LABELLING.replace(check, check.replace("owner = auth.uid()", "true")))
    if "who" in check:
        head = tenants.head(LABELLING.replace(check, check.replace("who = auth.uid()", "true")))
    found = review(tenants.server, base, head, search=ENOUGH)
    [gain] = found.difference.gained
    assert message in gain.message
    assert show(tenants, found)


@pytest.mark.parametrize(
    ("old", "new"),
    [("begin if", "begin  if"), ("(user_id)", "(user_id) on delete cascade")],
    ids=["trigger", "another key"],
)
def test_reference_to_a_key_that_was_drawn_anew_is_no_gain(tenants: Tenants, old: str, new: str) -> None:
    orders = """
create table public.orders (
    id integer primary key, plan uuid not null references public.plans (id), note text not null,
    member uuid references public.members (user_id)
);
insert into public.orders select 1, id, name from public.plans where name = 'small';
create function private.check_order() returns trigger language plpgsql as $$
begin if new.note = 'bad' then raise exception 'bad'; end if; return new; end $$;
create trigger check_order before insert on public.orders for each row execute function private.check_order();
revoke all on public.orders from anon, authenticated;
grant insert on public.orders to authenticated;
"""
    text = PLANS.format(unique=" unique", second="large") + orders
    base = tenants.head(text, name="base.sql")
    assert old in text
    found = review(tenants.server, base, tenants.head(text.replace(old, new)), search=ENOUGH)
    assert found.difference.gained == ()
    assert found.tried > 0
