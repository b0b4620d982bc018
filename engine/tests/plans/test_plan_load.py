"""Loading by COPY: the schema afterwards is the schema before, and what triggers keep is looked at."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pgassay.errors import CannotJudgeError, ConfigError, ServerError
from pgassay.plans.load import Load, fill, read_load, read_shape
from tests.plans.plan_support import LOAD


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return make(tmp_path, LOAD)


def make(folder: Path, text: str) -> Load:
    (folder / "load.py").write_text(text, encoding="utf-8")
    return read_load(folder / "load.py")


def count(notes: psycopg.Connection) -> int:
    [(rows,)] = notes.execute("select count(*) from public.notes").fetchall()
    assert isinstance(rows, int)
    return rows


def test_triggers_keys_and_indexes_are_back_after_loading(notes: psycopg.Connection, load: Load) -> None:
    before = triggers, foreign_keys, indexes = read_shape(notes)
    assert [trigger.restoration for trigger in triggers] == [
        "alter table public.notes enable trigger first",
        "alter table public.notes enable always trigger second",
    ]
    assert (len(foreign_keys), len(indexes)) == (1, 3)
    fill(notes, load=load, scale=0.01)
    assert (count(notes), read_shape(notes)) == (5000, before)
    with pytest.raises(psycopg.errors.RaiseException):
        notes.execute("insert into public.notes (person_id, body) select id, 'x' from public.people")


def test_loading_says_what_it_is_at(notes: psycopg.Connection, load: Load) -> None:
    heard: list[str] = []
    fill(notes, load=load, scale=0.04, on_progress=heard.append)
    loading = [stage for stage in heard if stage.startswith("loading public.")]
    assert loading == [
        "loading public.people: 0 lines",
        "loading public.notes: 0 lines",
        "loading public.notes: 16,384 lines",
    ]
    assert heard[len(loading) :][0] == "putting back people_pkey"
    assert heard[-2:] == ["gathering statistics", "checking invariants"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (LOAD.replace("note {n}", ""), "notes_body_check"),  # checks judge each row
        (
            LOAD.replace("(1, 50)", "(0, 50)") + "IDS[1] = IDS[0]",
            "people_pkey",
        ),  # keys all of them at the end
        (LOAD.replace("IDS[n % 50]", "n + 1000:032x"), "notes_person_id_fkey"),
        (LOAD.replace('"body"', '"title"'), 'column "title" of relation "notes" does not exist'),
        (LOAD.replace("name = ''", "name = 'nobody'"), "breaks an invariant"),
    ],
)
def test_load_that_does_not_fit_can_not_be_judged(
    notes: psycopg.Connection, tmp_path: Path, wrong: str, reason: str
) -> None:
    with pytest.raises(CannotJudgeError) as refusal:
        fill(notes, load=make(tmp_path, wrong), scale=0.001)
    assert reason in str(refusal.value)


def test_server_that_fails_in_mid_load_is_not_blamed_on_the_load(
    notes: psycopg.Connection, tmp_path: Path
) -> None:
    text = LOAD.replace(
        "select id from public.people where name = ''", "select pg_terminate_backend(pg_backend_pid())"
    )
    with pytest.raises(ServerError, match="could not take the load"):
        fill(notes, load=make(tmp_path, text), scale=0.001)


@pytest.mark.parametrize(
    ("text", "reason"), [("x = 1", "defines no function `generate`"), ("1 / 0", "ZeroDivisionError")]
)
def test_file_that_is_no_load_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        make(tmp_path, text)
    assert reason in str(refusal.value)
