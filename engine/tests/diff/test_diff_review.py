"""Two schemas on a real server: what the change lets whom do, and how the review judges it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.diff.difference import AccessChange
from pgassay.diff.outcome import Review
from pgassay.diff.review import review
from pgassay.diff.witness_scripts import render_script
from pgassay.errors import CannotJudgeError, ExitCode
from pgassay.matrix.baseline import render_baseline
from pgassay.pgtap.run import find_psql
from pgassay.server import open_server
from pgassay.workbench import Workbench
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow


def messages(changes: tuple[AccessChange, ...]) -> list[str]:
    return [change.message for change in changes]


def show(tenants: Tenants, found: Review) -> str:
    """What psql prints for the first gain on HEAD."""
    with Workbench(found.head.config, tenants.server).database() as database:
        psql: list[str | Path] = [
            find_psql(tenants.server.bin_dir),
            "-XAt",
            "-v",
            "ON_ERROR_STOP=1",
            database.url(),
        ]
        script = render_script(found.difference.gained[0])
        run = subprocess.run(psql, input=script, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_same_schema_has_no_difference(tenants: Tenants) -> None:
    found = tenants.review(tenants.head())
    assert (found.difference.gained, found.difference.lost, found.difference.changed) == ((), (), ())
    assert (found.difference.schema, found.tried, found.exit_code) == ((), 0, ExitCode.GOOD)


def test_widened_policy_is_one_finding_with_place_and_witness(tenants: Tenants) -> None:
    found = tenants.review(tenants.head('alter policy "owners see" on public.documents using (true);\n'))
    first, second = found.difference.gained
    assert first.message == (
        "alice and bob can now SELECT other people's rows of public.documents (was: filtered). "
        'Policy "owners see" on public.documents: USING is now true '
        "(was: (owner = ( SELECT auth.uid() AS uid)))."
    )
    assert second.message.startswith("alice and bob can now SELECT other people's rows of public.titles")
    assert first.place is not None
    assert first.place.line == (found.head.config.schema[0].read_text(encoding="utf-8")).count("\n")
    assert "4|south" not in show(tenants, found)  # the witness asks for one column, beside the key
    assert "\n4|" in show(tenants, found)
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


def test_trigger_that_no_longer_refuses_is_a_gain_for_these_rows_only(tenants: Tenants) -> None:
    found = tenants.review(tenants.head(old="if old.stage = 'PUBLISHED' then", new="if false then"))
    cause = "(was: rejected PT409). Function private.keep_published() has another body."
    assert messages(found.difference.gained) == [
        "alice can now UPDATE label and stage to DRAFT of their own rows of public.documents "
        f"where stage=PUBLISHED {cause}",
        f"bob can now UPDATE label of their own rows of public.documents where stage=PUBLISHED {cause}",
        f"bob can now UPDATE stage to DRAFT of their own rows of public.documents {cause}",
    ]
    assert show(tenants, found).endswith("UPDATE 1\nROLLBACK\n")


def test_write_that_does_something_else_besides_is_as_serious_as_a_gain(tenants: Tenants) -> None:
    old = "update public.members set role = role where"
    found = tenants.review(tenants.head(old=old, new="update public.members set role = 'editor' where"))
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM
    assert messages(found.difference.gained)[0].startswith(
        "alice: UPDATE label and stage to PUBLISHED of their own rows of public.documents where stage=DRAFT: "
        "also does public.members.role (did: nothing)."
    )


def test_new_table_open_to_all_is_gained_as_new(tenants: Tenants) -> None:
    change = (
        "create table public.prices (id integer primary key, price integer);\n"
        "insert into public.prices values (1, 5);\ngrant select on public.prices to anon;\n"
    )
    found = tenants.review(tenants.head(change))
    assert found.difference.added == ("relation public.prices",)
    gained = messages(found.difference.gained)
    # The environment grants everything on new tables by default, as older projects do.
    assert gained[0].startswith("alice, anon and bob can now DELETE rows of public.prices (new object).")
    assert len(found.difference.gained[0].causes) == 2


def test_tightened_and_dropped_access_is_reported_and_passes(tenants: Tenants) -> None:
    change = 'drop policy "owners edit" on public.documents;\ndrop view public.titles;\n'
    found = tenants.review(tenants.head(change))
    assert found.difference.gained == ()
    assert found.difference.dropped == ("relation public.titles",)
    lost = messages(found.difference.lost)
    assert any("can no longer UPDATE" in message and "(now: filtered)" in message for message in lost)
    assert any("public.titles (now: no longer there)" in message for message in lost)
    assert found.exit_code is ExitCode.GOOD


def test_change_of_a_role_is_a_gain_and_leaves_the_next_review_alone(tenants: Tenants) -> None:
    with open_server("embedded") as own:  # roles belong to all databases of a server
        alone = replace(tenants, server=own)
        found = alone.review(alone.head("alter role authenticated set statement_timeout = '1h';\n"))
        assert messages(found.difference.gained)[0].startswith("Roles changed. Role authenticated: settings")
        assert found.exit_code is ExitCode.SCHEMA_PROBLEM
        assert alone.review(alone.head()).exit_code is ExitCode.GOOD


def test_gain_that_stands_in_the_baseline_passes(tenants: Tenants) -> None:
    head = tenants.head('alter policy "owners see" on public.documents using (true);\n')
    found = tenants.review(head, whole=True)
    assert found.matrix is not None
    baseline = tenants.folder / "access.matrix"
    head = replace(head, config=replace(head.config, baseline=baseline))
    baseline.write_text(render_baseline(found.matrix), encoding="utf-8")
    accepted = tenants.review(head)
    assert (accepted.accepted, accepted.exit_code) == (True, ExitCode.GOOD)
    lines = baseline.read_text(encoding="utf-8").splitlines()
    baseline.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    assert tenants.review(head).exit_code is ExitCode.SCHEMA_PROBLEM


def test_head_that_does_not_load_its_world_is_a_finding(tenants: Tenants) -> None:
    found = tenants.review(tenants.head("alter table public.documents drop column label;\n"))
    assert found.fault is not None
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


def test_base_that_does_not_load_can_not_be_judged(tenants: Tenants) -> None:
    broken = tenants.head("select 1 / 0;\n")
    with pytest.raises(CannotJudgeError, match="BASE, base, does not load"):
        replace(tenants, config=broken.config).review(tenants.base)


def test_brackets_in_a_name_hide_neither_cause_nor_place(tenants: Tenants) -> None:
    table = 'public."Orders (old) [1]"'
    orders = f"""
create table {table} (id integer primary key, owner uuid);
insert into {table} values (1, 'a11ce000-0000-4000-8000-000000000001');
alter table {table} enable row level security;
create policy "own" on {table} for select to authenticated using (owner = auth.uid());
revoke all on {table} from anon, authenticated;
grant select on {table} to authenticated;
"""
    base = tenants.head(orders, name="base.sql")
    head = tenants.head(f'{orders}alter policy "own" on {table} using (true);\nselect 1;\n')
    [gain] = review(tenants.server, base, head).difference.gained
    assert 'Policy "own" on public."Orders (old) [1]": USING is now true' in gain.message
    assert gain.place is not None
    assert gain.place.line == head.config.schema[0].read_text(encoding="utf-8").count("\n") - 1


def test_public_bucket_is_a_gain_that_a_baseline_accepts_in_words_alone(tenants: Tenants) -> None:
    bucket = "insert into storage.buckets (id, name, public) values ('videos', 'videos', {});\n"
    base = tenants.head(bucket.format("false"), name="base.sql")
    head = tenants.head(bucket.format("true"))
    matrix = review(tenants.server, base, head).matrix
    assert matrix is not None
    baseline = tenants.folder / "access.matrix"
    baseline.write_text(render_baseline(matrix), encoding="utf-8")
    head = replace(head, config=replace(head.config, baseline=baseline))
    found = review(tenants.server, base, head)
    assert messages(found.difference.gained) == [
        "Everybody can now read the objects of bucket videos, and no policy is asked. "
        "Bucket videos: public is now true (was: false)."
    ]
    assert (found.accepted, found.exit_code) == (False, ExitCode.SCHEMA_PROBLEM)
    baseline.write_text(render_baseline(matrix, messages(found.difference.gained)), encoding="utf-8")
    found = review(tenants.server, base, head)
    assert (found.accepted, found.exit_code) == (True, ExitCode.GOOD)


def test_check_of_a_domain_is_a_change_of_the_schema(tenants: Tenants) -> None:
    domain = "create domain public.word as text constraint short check (length(value) < 9);\n"
    base = tenants.head(domain, name="base.sql")
    found = review(tenants.server, base, tenants.head(domain.replace("< 9", "< 99")), search=0)
    assert [str(change) for change in found.difference.schema] == [
        "Type public.word: constraint short is now CHECK ((length(VALUE) < 99)) "
        "(was: CHECK ((length(VALUE) < 9)))."
    ]


def test_column_may_have_the_name_that_queries_give_to_a_row(tenants: Tenants) -> None:
    noted = """
create table public.noted (id integer generated always as identity primary key, t text);
create function private.note() returns trigger language plpgsql security definer as $$
begin insert into public.noted (t) values (new.label); return new; end $$;
create trigger note after update on public.documents for each row execute function private.note();
"""
    found = review(tenants.server, tenants.base, tenants.head(noted), search=0)
    assert any("also does public.noted +1" in change.message for change in found.difference.changed)


def test_rows_are_made_for_policies_of_what_may_differ_alone(tenants: Tenants) -> None:
    change = 'alter policy "owners see" on public.documents using (owner = auth.uid() and priority < 9);'
    sides = [
        replace(one, config=replace(one.config, fill_world=True))
        for one in (tenants.base, tenants.head(change))
    ]
    found = review(tenants.server, *sides, search=0)
    assert {one.atom.condition.table for one in found.world.atoms} == {"public.documents"}


PURSES = """
create table public.purses (
    id uuid primary key default gen_random_uuid(), holder uuid not null references auth.users, kind text
);
create table public.coins (id integer primary key, purse uuid not null references public.purses);
alter table public.purses enable row level security;
alter table public.coins enable row level security;
create policy "own" on public.purses using (holder = (select auth.uid()));
create policy "own" on public.coins using (
    exists (select from public.purses as p where p.id = purse and p.holder = (select auth.uid()))
);
grant all on public.purses, public.coins to authenticated;
"""
AT_SIGN_UP = """
create function private.give_purse() returns trigger language plpgsql security definer as $$
begin insert into public.purses (holder, kind) values (new.id, 'first'); return new; end $$;
create trigger give after insert on auth.users for each row execute function private.give_purse();
"""


@pytest.mark.slow
def test_rows_that_a_sign_up_makes_now_are_no_gain_where_the_rules_are_the_same(tenants: Tenants) -> None:
    sides = [
        replace(one, config=replace(one.config, fill_world=True, world=None))
        for one in (tenants.head(PURSES, name="base.sql"), tenants.head(PURSES + AT_SIGN_UP))
    ]
    found = review(tenants.server, *sides, search=0)
    assert found.fault is None
    assert [gain.message for gain in found.difference.gained] == []
    assert found.probes > 0


FITTING = """
create function public.fits(label text) returns boolean language sql immutable as $$ select {} $$;
create table public.labels (
    id integer primary key, owner uuid not null, label text check (public.fits(label))
);
insert into public.labels values (1, 'a11ce000-0000-4000-8000-000000000001', 'a');
alter table public.labels enable row level security;
create policy "own" on public.labels using (owner = (select auth.uid()));
grant select, update on public.labels to authenticated;
"""


@pytest.mark.slow
def test_a_check_whose_function_lets_more_through_is_a_gain(tenants: Tenants) -> None:
    sides = (
        tenants.head(FITTING.format("label = 'a'"), name="base.sql"),
        tenants.head(FITTING.format("label <> 'b'")),
    )
    found = review(tenants.server, *sides, search=0)
    [gain] = found.difference.gained
    assert (
        "alice can now UPDATE label of their own rows of public.labels (was: rejected 23514)" in gain.message
    )
