"""What a migration says, did and is told of, as values: without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.database import Script
from pgassay.diff.difference import Difference
from pgassay.diff.outcome import Review
from pgassay.errors import ConfigError, ExitCode, Place, SchemaError
from pgassay.migration.command import check_formats
from pgassay.migration.contents import (
    Intent,
    TableChange,
    TableContents,
    compare_contents,
    read_intent,
    rewritten,
)
from pgassay.migration.hazards import Hazard, TableLock
from pgassay.migration.rehearsal import Rehearsal, RehearsalRun, Sameness, Upgrade
from pgassay.migration.report import report_upgrade
from pgassay.project.revisions import Side
from pgassay.render.output import Output
from pgassay.render.report import render_json, render_markdown, render_text

FILE = Path("/p/change.sql")
PLACE = Place(file=FILE, line=3)
AT = {"file": "/p/change.sql", "line": 3}
CONFIG = Config(root=Path("/p"), schema=(Path("/p/schema.sql"),))
REVIEW = Review(base=Side(label="base", config=CONFIG), head=Side(label="head", config=CONFIG))
BOOKS = TableContents(
    name="public.books",
    storage=1,
    columns={1: "id", 2: "title", 3: "remark"},
    key=(1,),
    rows=(("1", "Emma", "torn"), ("2", "Faust", None)),
)
GOOD = Rehearsal(
    scripts=(Script(path=FILE, text="select 1"),),
    intent=Intent(changes=frozenset({"public.books"})),
    run=RehearsalRun(
        locks=(
            TableLock(table="public.books", mode="AccessExclusiveLock", place=PLACE),
            TableLock(table="public.shelves", mode="ShareUpdateExclusiveLock", place=PLACE),
        ),
        unseen=(Place(file=FILE, line=9),),
        rows=(TableChange(table="public.books", changed=2, columns=("title",)),),
        rewritten=("public.books",),
        touched={},
        seconds=0.25,
    ),
    sameness=Sameness(difference=Difference()),
    unsafe=(Hazard(rule="ban-drop-table", message="It may break clients.", place=PLACE),),
)
assert GOOD.run
LOST = replace(GOOD, run=replace(GOOD.run, rows=(TableChange(table="public.books", lost=1),)))


def says(text: str) -> Intent:
    return read_intent([Script(path=FILE, text=text)])


def test_intent_is_read_from_comments_and_from_nothing_else() -> None:
    text = '-- pgassay: changes public.books, public."Old Books"\n/* pgassay: removes public.a */\n'
    assert says(f"{text}select '-- pgassay: changes public.b'; -- an ordinary comment") == Intent(
        changes=frozenset({"public.books", 'public."Old Books"'}), removes=frozenset({"public.a"})
    )


@pytest.mark.parametrize("comment", ["-- pgassay: changes books", "/* pgassay: adores public.books */"])
def test_comment_that_means_nothing_is_refused_with_its_place(comment: str) -> None:
    with pytest.raises(ConfigError, match=r"change\.sql:2:1: cannot understand"):
        says(f"select 1;\n{comment}\n")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(BOOKS, name="public.volumes", storage=2), []),
        (replace(BOOKS, columns={1: "number", 2: "title", 3: "remark"}), []),
        (replace(BOOKS, rows=BOOKS.rows[:1]), [TableChange(table="public.books", lost=1)]),
        (
            replace(BOOKS, rows=(("1", "EMMA", "torn"), ("2", "Faust", None), ("3", "Ulysses", None))),
            [TableChange(table="public.books", added=1, changed=1, columns=("title",))],
        ),
        (
            replace(BOOKS, columns={1: "id", 2: "title"}, rows=(("1", "Emma"), ("2", "Faust"))),
            [TableChange(table="public.books", emptied=("remark",))],
        ),
        (
            replace(
                BOOKS, key=(), columns={2: "title", 3: "remark"}, rows=(("Emma", "torn"), ("Faust", "new"))
            ),
            [TableChange(table="public.books", lost=1, added=1, emptied=("id",))],
        ),
        (None, [TableChange(table="public.books", lost=2)]),
    ],
    ids=[
        "renamed table",
        "renamed column",
        "deleted",
        "updated",
        "dropped column",
        "no key left",
        "dropped table",
    ],
)
def test_rows_are_compared_by_what_outlives_names(
    after: TableContents | None, expected: list[TableChange]
) -> None:
    assert list(compare_contents({7: BOOKS}, {7: after} if after else {})) == expected


def test_table_that_was_made_anew_under_its_name_keeps_its_rows() -> None:
    columns = {1: "title", 2: "id", 3: "isbn"}
    rows = (("Emma", "1", None), ("Faust, part one", "2", None))
    anew = replace(BOOKS, storage=9, columns=columns, key=(2,), rows=rows)
    assert list(compare_contents({7: BOOKS}, {8: anew})) == [
        TableChange(table="public.books", changed=1, columns=("title",), emptied=("remark",))
    ]
    assert rewritten({7: BOOKS}, {8: anew}) == ("public.books",)


def test_table_in_another_file_was_rewritten() -> None:
    assert rewritten({7: BOOKS}, {7: replace(BOOKS, storage=2)}) == ("public.books",)
    assert rewritten({7: BOOKS}, {7: BOOKS, 8: BOOKS}) == ()


@pytest.mark.parametrize(
    ("intent", "change", "missing"),
    [
        ("changes", TableChange(table="public.books", changed=1), ()),
        ("removes", TableChange(table="public.books", changed=1), ("changes",)),
        ("removes", TableChange(table="public.books", lost=1), ()),
        ("changes", TableChange(table="public.books", emptied=("remark",)), ("removes",)),
        ("removes", TableChange(table="public.books", lost=1, changed=1), ("changes",)),
        ("", TableChange(table="public.books", lost=1, changed=1), ("changes", "removes")),
        ("", TableChange(table="public.books", added=1), ()),
    ],
)
def test_stated_changes_cover_only_what_they_say(
    intent: str, change: TableChange, missing: tuple[str, ...]
) -> None:
    assert says(f"-- pgassay: {intent} public.books" if intent else "").lacks(change) == missing


def test_text_report_says_what_waits_and_what_was_not_seen() -> None:
    text = render_text(report_upgrade(Upgrade(review=REVIEW, rehearsal=GOOD)))
    assert text.startswith("""\
migration /p/change.sql
  result     is HEAD, in catalog and matrix
  rows       public.books: 2 changed (title)
  rewritten  public.books
  locks      ACCESS EXCLUSIVE, reads and writes wait: public.books
               (change.sql:3)
             SHARE UPDATE EXCLUSIVE, no reads or writes wait: public.shelves
               (change.sql:3)
             not seen: those of change.sql:9, which runs outside a transaction
  unsafe     change.sql:3: It may break clients. [ban-drop-table]

""")
    assert text.endswith("\nmigration: good\n")


def test_json_report_keeps_its_contract() -> None:
    document = json.loads(render_json(report_upgrade(Upgrade(review=REVIEW, rehearsal=LOST))))
    assert (document["version"], document["verdict"]) == (1, "problem")
    assert document["migration"] == {
        "files": ["/p/change.sql"],
        "verdict": "problem",
        "fault": None,
        "differs": [],
        "reordered": [],
        "rows": [
            {
                "table": "public.books",
                "lost": 1,
                "added": 0,
                "changed": 0,
                "columns": [],
                "emptied": [],
                "stated": False,
            }
        ],
        "rewritten": ["public.books"],
        "locks": [
            {"table": "public.books", "mode": "ACCESS EXCLUSIVE", "blocks": "reads and writes", **AT},
            {"table": "public.shelves", "mode": "SHARE UPDATE EXCLUSIVE", "blocks": "", **AT},
        ],
        "unseen": [{"file": "/p/change.sql", "line": 9}],
        "unsafe": [{"rule": "ban-drop-table", "message": "It may break clients.", **AT}],
        "seconds": 0.25,
    }


def test_text_report_says_what_to_write_for_rows_that_are_meant_to_go() -> None:
    assert """
  rows       public.books: 1 lost; the migration does not say so
             if that is meant, write in it: -- pgassay: removes public.books
""" in render_text(report_upgrade(Upgrade(review=REVIEW, rehearsal=LOST)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("select 1; select 2", "Nothing of /p/change.sql was kept: it is one transaction."),
        ("begin; select 1", "Kept: what /p/change.sql had committed by then. It is not one transaction."),
    ],
)
def test_failed_migration_says_what_is_in_the_database_by_then(text: str, kept: str) -> None:
    first, failed, never = (
        Script(path=Path(f"/p/{name}.sql"), text=text) for name in ("first", "change", "never")
    )
    fault = SchemaError("It fails.", place=PLACE)
    told = render_text(
        report_upgrade(
            Upgrade(review=REVIEW, rehearsal=Rehearsal(scripts=(first, failed, never), fault=fault))
        )
    )
    assert f"Kept: all of /p/first.sql, which was applied before. {kept}" in " ".join(told.split())
    assert "never" not in told.partition("failed")[2]


def test_failed_migration_is_a_problem_and_says_why() -> None:
    failed = Rehearsal(scripts=GOOD.scripts, fault=SchemaError("It does not apply."))
    assert failed.exit_code is ExitCode.SCHEMA_PROBLEM
    assert "\n| failed | It does not apply. |\n" in render_markdown(
        report_upgrade(Upgrade(review=REVIEW, rehearsal=failed))
    )
    assert "not rehearsed: HEAD does not load" in render_text(report_upgrade(Upgrade(review=REVIEW)))


def test_page_of_a_migration_is_refused_before_any_work() -> None:
    with pytest.raises(ConfigError, match="no html report"):
        check_formats(Output(files=(("html", FILE),)))
