"""A migration carried out on a real server: what it makes of schema, rows and other people's work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.errors import ExitCode
from pgassay.migration.contents import TableChange
from pgassay.migration.hazards import find_squawk
from pgassay.migration.rehearsal import Rehearsal, RehearsalRun, Sameness, Upgrade
from pgassay.migration.report import report_upgrade
from pgassay.render.report import render_text
from tests.migration.library_support import Library

pytestmark = pytest.mark.slow

ROUGH = """\
-- pgassay: removes public.visits
alter table public.books alter column pages type integer;
update public.books set title = upper(title) where id < 3;
create index books_shelf_idx on public.books (shelf_id);
create index shelves_room_idx on public.shelves (room);
delete from public.visits where ctid in (select v.ctid from public.visits as v limit 1);
insert into public.shelves (id, room) values (3, 'attic');
alter table public.books drop column remark;
"""
SMOOTH = """\
create index concurrently books_title_idx on public.books (title);
alter table public.books add column rating smallint;
grant select (rating), update (rating) on public.books to authenticated;
update public.books set rating = 1;
alter table public.visits add column a integer, add column b integer;
"""
SMOOTH_HEAD = """
alter table public.visits add column b integer, add column a integer;
alter table public.books add column rating smallint;
grant select (rating), update (rating) on public.books to authenticated;
create index books_title_idx on public.books (title);
"""
WITHOUT_REMARK = ("update public.books set remark = 'torn' where id = 1;", "")
ROUGH_HEAD = """
alter table public.books alter column pages type integer, drop column remark;
create index books_shelf_idx on public.books (shelf_id);
create index shelves_room_idx on public.shelves (room);
"""


def carry_out(
    library: Library, change: str, *, head: str = "", world: tuple[str, str] = ("", "")
) -> Rehearsal:
    found = library.rehearse(change, head=head, world=world).rehearsal
    assert found
    return found


def run_of(found: Rehearsal) -> RehearsalRun:
    assert found.run, found.fault
    return found.run


def sameness_of(found: Rehearsal) -> Sameness:
    assert found.sameness, found.fault
    return found.sameness


@pytest.fixture(scope="module")
def rough(library: Library) -> Rehearsal:
    """Everything at once that hurts."""
    return carry_out(library, ROUGH, head=ROUGH_HEAD, world=WITHOUT_REMARK)


@pytest.fixture(scope="module")
def smooth(library: Library) -> Upgrade:
    """Nothing that hurts."""
    return library.rehearse(SMOOTH, head=SMOOTH_HEAD)


def test_rows_lost_and_changed_are_counted_by_key_or_by_content(rough: Rehearsal) -> None:
    assert run_of(rough).rows == (
        TableChange(table="public.books", changed=2, columns=("title",), emptied=("remark",)),
        TableChange(table="public.shelves", added=1),
        TableChange(table="public.visits", lost=1),
    )


def test_rows_that_the_migration_says_nothing_of_are_a_problem(rough: Rehearsal) -> None:
    assert [change.table for change in rough.unmeant] == ["public.books"]  # visits were stated
    assert rough.exit_code is ExitCode.SCHEMA_PROBLEM
    assert rough.sameness and rough.sameness.holds


def test_rewritten_tables_are_named(rough: Rehearsal) -> None:
    assert run_of(rough).rewritten == ("public.books",)


def test_strongest_lock_of_each_table_is_named_with_its_statement(rough: Rehearsal) -> None:
    assert [(k.table, k.spelled, k.blocks, k.place.line) for k in run_of(rough).locks] == [
        ("public.books", "ACCESS EXCLUSIVE", "reads and writes", 2),
        ("public.shelves", "SHARE", "writes", 5),
        ("public.visits", "ROW EXCLUSIVE", "", 6),
    ]


def test_unsafe_statements_are_squawks(rough: Rehearsal) -> None:
    assert rough.unsafe is not None
    assert ("changing-column-type", 2) in [(one.rule, one.place.line) for one in rough.unsafe]
    assert ("require-concurrent-index-creation", 4) in [(one.rule, one.place.line) for one in rough.unsafe]


def test_missing_squawk_is_named(smooth: Upgrade, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_squawk() is None
    assert smooth.rehearsal
    without = replace(smooth, rehearsal=replace(smooth.rehearsal, unsafe=None))
    assert "unsafe     not looked for: squawk is not installed" in render_text(report_upgrade(without))


def test_migration_that_makes_head_is_good(smooth: Upgrade) -> None:
    assert smooth.rehearsal and smooth.rehearsal.exit_code is ExitCode.GOOD
    assert "is HEAD, in catalog and matrix" in render_text(report_upgrade(smooth))


def test_backfill_of_a_new_column_is_neither_a_changed_row_nor_a_stray(smooth: Upgrade) -> None:
    assert smooth.rehearsal and run_of(smooth.rehearsal).rows == ()
    assert sameness_of(smooth.rehearsal).difference.changed == ()


def test_column_in_another_place_is_only_remarked(smooth: Upgrade) -> None:
    assert smooth.rehearsal and sameness_of(smooth.rehearsal).reordered == ("public.visits",)


def test_locks_of_a_statement_outside_transactions_are_named_as_unseen(smooth: Upgrade) -> None:
    assert smooth.rehearsal
    run = run_of(smooth.rehearsal)
    assert [place.line for place in run.unseen] == [1]
    assert [(k.table, k.spelled, k.place.line) for k in run.locks] == [
        ("public.books", "ACCESS EXCLUSIVE", 2),
        ("public.visits", "ACCESS EXCLUSIVE", 5),
    ]


def test_blocks_of_a_migration_are_seen_and_what_begins_and_ends_them_is_nothing_unseen(
    library: Library,
) -> None:
    change = "alter table public.books add column a integer;\n"
    run = run_of(carry_out(library, f"begin;\n{change}savepoint one;\ncommit;\n", head=change))
    assert run.unseen == ()
    assert [(k.spelled, k.place.line) for k in run.locks] == [("ACCESS EXCLUSIVE", 2)]


def test_role_of_another_load_is_explained(library: Library) -> None:
    found = carry_out(library, "create role anon nologin;\n")
    # Before PostgreSQL 16 the schema's owner makes no roles at all.
    expected = ("42710", "whole server") if library.server.version >= 160000 else ("42501", "superuser")
    assert found.fault is not None
    assert (found.fault.sqlstate, expected[1] in found.fault.why) == (expected[0], True)


def test_text_that_squawk_cannot_read_is_told_once(library: Library) -> None:
    found = carry_out(library, "hello world\n")
    assert (found.fault and found.fault.sqlstate, len(found.unsafe or ())) == ("42601", 1)


def test_forgotten_comment_and_grant_are_strays(library: Library) -> None:
    change = "alter table public.books add column rating smallint;\n"
    grant = "grant select (rating) on public.books to authenticated;\n"
    head = f"{change}{grant}comment on table public.visits is 'Days.';\n"
    found = carry_out(library, change, head=head)
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM
    assert list(map(str, sameness_of(found).difference.schema)) == [
        "Comment on table public.visits was dropped.",
        "SELECT (rating) on public.books is no longer granted to authenticated.",
    ]
    [lost] = sameness_of(found).difference.lost
    assert lost.message.startswith("alice can no longer SELECT rating of their own rows of public.books")


def test_comments_that_differ_at_their_end_are_strays_however_long(
    library: Library,
) -> None:
    function = f"function public.{'f' * 50}"
    change = "".join(
        f"create {function}_{n}() returns integer language sql as 'select 1';\n"
        f"comment on {function}_{n}() is '{'Long. ' * 20}One';\n"
        for n in (1, 2)
    )
    found = carry_out(library, change, head=change.replace("One", "Two"))
    strays = [str(stray) for stray in sameness_of(found).difference.schema]
    assert [stray.partition(":")[0] for stray in strays] == [f"Comment on {function}_{n}()" for n in (1, 2)]


def test_failed_migration_names_its_statement_and_leaves_nothing(library: Library) -> None:
    change = (
        "alter table public.books drop column remark;\nalter table public.books add check (pages > 300);\n"
    )
    found = carry_out(library, change)
    assert found.fault is not None
    assert (found.fault.sqlstate, found.fault.place and found.fault.place.line) == ("23514", 2)
    assert (found.exit_code, found.run) == (ExitCode.SCHEMA_PROBLEM, None)


def test_broken_result_is_told_with_catalog_rows_and_locks(library: Library) -> None:
    policy = """
create function public.is_seen() returns boolean language plpgsql security definer as $$
begin return exists (select from public.books as b where b.remark is not null); end $$;
create policy "seen" on public.books for select to authenticated using (public.is_seen());
"""
    dropped = "alter table public.books drop column remark;\n"
    upgrade = library.rehearse(f"{policy}{dropped}", head=policy)
    rehearsal = upgrade.rehearsal
    assert rehearsal is not None
    assert rehearsal.fault is not None
    assert "remark does not exist" in str(rehearsal.fault)
    assert ("public.books", "ACCESS EXCLUSIVE") in [(k.table, k.spelled) for k in run_of(rehearsal).locks]
    assert run_of(rehearsal).rows
    assert [str(change) for change in sameness_of(rehearsal).difference.schema] == [
        "Column remark of public.books was dropped."
    ]
    assert upgrade.exit_code is ExitCode.SCHEMA_PROBLEM
    assert "broken" in render_text(report_upgrade(upgrade))
