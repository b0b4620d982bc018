"""The files of a folder in one database: what one commits, those after it find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest

from pgassay.pgtap.folder import FolderRun, list_pgtap_files
from pgassay.pgtap.run import PgtapDatabase, find_psql, run_file
from pgassay.pgtap.source import find_pgtap, install_pgtap
from pgassay.pgtap.verdict import FileVerdict
from tests.pgtap.pgtap_support import PgtapServer

pytest_plugins = ["tests.pgtap.pgtap_support"]

FILES = {
    "000-setup.sql": "create table helpers (n integer); begin; select plan(1); select pass(); rollback;",
    "010-first.pg": "select plan(1); select is_empty('select from helpers'); insert into helpers values (1);",
    "sub/020-second.sql": "select plan(1); select results_eq('select n from helpers', array[1]);",
    "notes.txt": "no test",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path, pgtap_embedded: PgtapServer) -> Iterator[FolderRun]:
    @contextmanager
    def lend() -> Iterator[PgtapDatabase]:
        name = f"folder_{token_hex(8)}"
        conninfo = pgtap_embedded.create_database(name)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            install_pgtap(connection, find_pgtap(connection))
        yield PgtapDatabase(conninfo=conninfo, psql=find_psql(pgtap_embedded.server.bin_dir), timeout=60)
        pgtap_embedded.drop_database(name)

    folder_run = FolderRun(folder, lend)
    yield folder_run
    folder_run.close()


def judge(run: FolderRun, file: Path) -> FileVerdict:
    with run.open(file) as database:
        return run_file(file, database)


def test_files_find_what_those_before_them_left(run: FolderRun, folder: Path) -> None:
    verdicts = [judge(run, folder / name) for name in FILES if not name.endswith(".txt")]
    assert [(len(verdict.assertions), verdict.passed) for verdict in verdicts] == [(1, True)] * 3


def test_later_file_alone_finds_the_same_and_an_earlier_one_begins_anew(run: FolderRun, folder: Path) -> None:
    last, first = folder / "sub/020-second.sql", folder / "010-first.pg"
    # The first file would find the row that itself has inserted, were the database still the same.
    assert [judge(run, file).passed for file in (last, first, last, last)] == [True] * 4


def test_files_are_included_relative_to_the_folder(run: FolderRun, folder: Path) -> None:
    (folder / "inc.psql").write_text("select pass('included');\n", encoding="utf-8")
    file = folder / "sub/020-second.sql"
    file.write_text("select plan(1);\n\\i ./inc.psql\n", encoding="utf-8")
    assert [assertion.description for assertion in judge(run, file).assertions] == ["included"]


def test_files_are_in_the_order_of_pg_prove(tmp_path: Path) -> None:
    for name in ("a/1.sql", "a-b/1.pg", "a.sql", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = [str(path.relative_to(tmp_path)) for path in list_pgtap_files(tmp_path)]
    assert files == ["a-b/1.pg", "a.sql", "a/1.sql"]
