"""SQL files as statements with places: pure, no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.database import Script, parse_script, read_script
from pgassay.errors import ConfigError, ExitCode, Place, SchemaError


def script(text: str) -> Script:
    return Script(path=Path("schema.sql"), text=text)


def places(text: str) -> list[tuple[int, int]]:
    return [(statement.place.line, statement.place.column) for statement in parse_script(script(text))]


def test_statement_starts_at_its_first_token_after_comments() -> None:
    assert places("-- a\n\n  /* b */ select 1;\nselect 2; select 3") == [(3, 11), (4, 1), (4, 11)]


def test_places_count_characters_not_bytes() -> None:
    text = "-- ünïcödé 🐘\nselect 'é🐘'; select 2;"
    assert places(text) == [(2, 1), (2, 14)]
    assert [statement.text for statement in parse_script(script(text))] == ["select 'é🐘'", "select 2"]


def test_statement_text_keeps_semicolons_inside_bodies() -> None:
    body = "create function f() returns int language sql begin atomic select 1; select 2; end"
    assert [statement.text for statement in parse_script(script(f"{body};\ndo $$ begin; end $$;"))] == [
        body,
        "do $$ begin; end $$",
    ]


@pytest.mark.parametrize(
    ("text", "transactional"),
    [
        ("create table t (x int)", True),
        ("create index i on t (x)", True),
        ("analyze t", True),
        ("reindex table t", True),
        ("alter table t detach partition p", True),
        ("create index concurrently i on t (x)", False),
        ("drop index concurrently i", False),
        ("reindex table concurrently t", False),
        ("reindex schema public", False),
        ("alter table t detach partition p concurrently", False),
        ("vacuum", False),
        ("create database d", False),
        ("alter system set work_mem = '1MB'", False),
        ("begin", False),
        ("commit", False),
        ("savepoint s", False),
    ],
)
def test_statements_that_need_no_transaction_around_them_are_known(text: str, transactional: bool) -> None:
    assert [statement.transactional for statement in parse_script(script(text))] == [transactional]


def test_what_pglast_cannot_parse_is_one_statement_for_the_server_to_judge() -> None:
    (whole,) = parse_script(script("\n select 1;\nselect frm frm frm;"))
    assert (whole.text, whole.place) == (
        "select 1;\nselect frm frm frm;",
        Place(file=Path("schema.sql"), line=2, column=2),
    )


def test_expression_too_deep_for_the_parser_is_left_to_the_server() -> None:
    assert len(parse_script(script(f"select {'(' * 20000}1{')' * 20000}; select 2"))) == 1


def test_psql_meta_command_is_named_with_its_place() -> None:
    with pytest.raises(SchemaError) as caught:
        parse_script(script("select 1;\n  \\i other.sql\n"))
    assert caught.value.exit_code == ExitCode.SCHEMA_PROBLEM
    assert str(caught.value) == (
        "schema.sql:2:3: \\i is a command of psql, and not SQL.\n"
        "     2 |   \\i other.sql\n"
        "       |   ^\n"
        "Files are sent to the server itself, without psql. `supabase db push` does so and fails here, too.\n"
        "To fix this, take it out; what it would include can be listed as a file of its own"
    )


@pytest.mark.parametrize("rows", ["1\tx\n\\.\n", "alice\n\\.\n", "it's\n\\.\n", "\\.\n", ""])
def test_copy_from_stdin_is_refused_whatever_its_rows(rows: str) -> None:
    with pytest.raises(
        SchemaError, match=r"^schema\.sql:2:1: COPY from STDIN or to STDOUT needs a client"
    ) as caught:
        parse_script(script(f"create table t (x text);\ncopy t from stdin;\n{rows}"))
    assert (caught.value.place, caught.value.fixes) == (
        Place(file=Path("schema.sql"), line=2, column=1),
        ("write the rows as INSERT statements",),
    )


def test_long_line_is_shown_as_a_window_around_the_column() -> None:
    long = script(f"select {'1 + ' * 100}oops")
    shown = long.excerpt(long.place(long.text.index("oops")), caret=True).splitlines()
    assert max(map(len, shown)) <= 100
    assert shown[1].index("^") == shown[0].index("oops")


def test_byte_order_mark_is_refused_as_the_server_would(tmp_path: Path) -> None:
    path = tmp_path / "bom.sql"
    path.write_bytes(b"\xef\xbb\xbfselect 1")
    with pytest.raises(SchemaError) as caught:
        parse_script(read_script(path))
    assert (caught.value.sqlstate, caught.value.fixes) == ("42601", ("save it as UTF-8 without the mark",))
    assert caught.value.what == (
        f"{path}:1:1: the file begins with a byte order mark, which is a syntax error to PostgreSQL."
    )


@pytest.mark.parametrize("content", [b"", b" \n\t\n", b"-- nothing\n/* at all */\n"])
def test_file_without_statements_is_legal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "1_empty.sql"
    path.write_bytes(content)
    assert parse_script(read_script(path)) == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_one_sentence_and_exit_2(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "1_wide.sql"
    mark = "" if encoding == "utf-16" else "\ufeff"
    path.write_bytes((mark + "select 1;").encode(encoding))
    with pytest.raises(ConfigError) as caught:
        read_script(path)
    assert (caught.value.what, caught.value.exit_code) == (f"{path} is UTF-16, not UTF-8.", 2)


def test_places_count_lines_that_end_in_cr_lf() -> None:
    assert places("select 1;\r\n\r\nselect 2;\r\n") == [(1, 1), (3, 1)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no file {}."),
        (b"select 'caf\xe9'", "{} is not UTF-8: byte 12 makes no character."),
        (b"select 1;\0drop", "{} is not a SQL file: it has a NUL byte."),
    ],
)
def test_unusable_file_is_one_sentence_and_exit_2(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "schema file.sql"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        parse_script(read_script(path))
    assert (str(caught.value), caught.value.exit_code) == (message.format(path), ExitCode.CANNOT_JUDGE)


def test_directory_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_script(tmp_path)
    assert (str(caught.value), caught.value.exit_code) == (f"{tmp_path} is a directory, not a SQL file.", 2)
