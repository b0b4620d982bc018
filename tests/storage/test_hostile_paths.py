"""A path means the same to the schema and to a parser of addresses, such as storage-js in a browser."""

from __future__ import annotations

import pytest
from psycopg import sql

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, BOB

COLUMNS = ["input_video_path", "output_video_path", "thumbnail_path"]
# After Alice's folder and a slash, and what `new URL(…).pathname` of Node 20 makes of the whole.
HOSTILE = {
    f"%2e%2e/{BOB}/v": f"{BOB}/v",
    f"%2E%2e/{BOB}/v": f"{BOB}/v",
    f".%2e/{BOB}/v": f"{BOB}/v",
    f"../{BOB}/v": f"{BOB}/v",
    f"a/../../{BOB}/v": f"{BOB}/v",
    f"..\\{BOB}\\v": f"{BOB}/v",
    f"\\..\\{BOB}\\v": f"{ALICE}/{BOB}/v",
    f"..\t/{BOB}/v": f"{BOB}/v",
    f".\t./{BOB}/v": f"{BOB}/v",
    f".\n./{BOB}/v": f"{BOB}/v",
    f".\r./{BOB}/v": f"{BOB}/v",
    "..": "",
    ".. ": "",
    ".": f"{ALICE}/",
    "%2e/v": f"{ALICE}/v",
    "v/.. ": f"{ALICE}/",
    "v/. ": f"{ALICE}/v/",
    "v ": f"{ALICE}/v",
    "v\x1f": f"{ALICE}/v",
    "v?x": f"{ALICE}/v",
    "v#x": f"{ALICE}/v",
    f"a//..//../{BOB}/v": f"{ALICE}/a/{BOB}/v",
    # Not another path in a browser, but for who decodes once more or maps letters.
    f"%252e%252e/{BOB}/v": f"{ALICE}/%252e%252e/{BOB}/v",
    f"..%2f{BOB}/v": f"{ALICE}/..%2f{BOB}/v",
    f"%c0%ae%c0%ae/{BOB}/v": f"{ALICE}/%c0%ae%c0%ae/{BOB}/v",
    f"\uff0e\uff0e/{BOB}/v": f"{ALICE}/%EF%BC%8E%EF%BC%8E/{BOB}/v",
    f"\u2025/{BOB}/v": f"{ALICE}/%E2%80%A5/{BOB}/v",
    f".. /{BOB}/v": f"{ALICE}/..%20/{BOB}/v",
    f" ../{BOB}/v": f"{ALICE}/%20../{BOB}/v",
    # What follows a semicolon are parameters of the segment, for who parses as RFC 2396 said.
    "..;/v": f"{ALICE}/..;/v",
    ";a": f"{ALICE}/;a",
}
# The same path for a browser, once it has decoded it.
HARMLESS = [
    *("AZaz09-_!.*'() &$@=;:+,/a", "b/..c/d.", "...", ".a", "a..", "a b.mp4", "a;b", ":/a", "@/a"),
    *("a:b", "c:/d", "+", "a=b&c"),
]


def test_the_table_holds_what_leaves_the_folder() -> None:
    leaves = [path for path, parsed in HOSTILE.items() if not parsed.startswith(f"{ALICE}/")]
    assert (len(HOSTILE), len(leaves)) == (31, 12)


def write(column: str) -> sql.Composed:
    return sql.SQL("update public.jobs set {} = %s where id = %s").format(sql.Identifier(column))


@pytest.mark.parametrize("tail", HOSTILE)
@pytest.mark.parametrize("column", COLUMNS)
def test_hostile_path_is_refused_to_the_backend_too(backend: Session, column: str, tail: str) -> None:
    tried = backend.attempt(write(column).as_string(), [f"{ALICE}/{tail}", ALICE_JOBS["PENDING"]])
    name = column.replace("_video", "").removesuffix("_path")
    expected = (Outcome.REJECTED, "23514", f"jobs_{name}_path_is_own")
    assert (tried.outcome, tried.sqlstate, tried.constraint) == expected


@pytest.mark.parametrize("tail", HOSTILE)
@pytest.mark.parametrize("status", ["PENDING", "QUEUED"])
def test_client_starts_no_job_with_a_hostile_path(
    session: Session, alice: Persona, status: str, tail: str
) -> None:
    start = "insert into public.jobs (user_id, status, input_video_path) values (%s, %s, %s)"
    with session.act_as(alice):
        assert session.attempt(start, [ALICE, status, f"{ALICE}/{tail}"]).sqlstate == "23514"
        assert session.attempt(start, [ALICE, status, f"{ALICE}/v"]).rowcount == 1


@pytest.mark.parametrize("tail", HARMLESS)
@pytest.mark.parametrize("column", COLUMNS)
def test_path_that_every_parser_reads_alike_is_admitted(backend: Session, column: str, tail: str) -> None:
    path = f"{ALICE}/{tail}"
    tried = backend.attempt(f"{write(column).as_string()} returning {column}", [path, ALICE_JOBS["PENDING"]])
    assert tried.rows == [{column: path}]
