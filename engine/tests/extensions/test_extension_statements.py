"""What SQL asks for is found wherever it stands, and versions are blanked out in their places."""

from __future__ import annotations

import pytest
from pglast import parser

from pgassay.extensions.statements import requested, without_version


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("create extension pgcrypto", {"pgcrypto"}),
        ('CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA extensions;', {"uuid-ossp"}),
        ("create extension PgCrypto; create extension \"Odd\"\"name\";", {"pgcrypto", 'Odd"name'}),
        ("do $$ begin create extension if not exists a; end $$;", {"a"}),
        ("do $x$ begin execute 'create extension b'; execute $q$create extension c$q$; end $x$;", {"b", "c"}),
        ("do 'begin execute ''create extension d''; end'", {"d"}),
        ("-- create extension e\nselect 1 /* create extension f */", set()),
        ("drop extension g; alter extension h update", set()),
        ("select 'unterminated", set()),
        ("create extension", set()),
    ],
)  # fmt: skip
def test_extensions_are_found_in_statements_bodies_and_strings(text: str, names: set[str]) -> None:
    assert requested(text) == names


@pytest.mark.parametrize(
    ("text", "blanked"),
    [
        (
            "create extension é version '1.0' schema x cascade",
            "create extension é               schema x cascade",
        ),
        ("create extension version schema x version two", "create extension version schema x            "),
        ('alter extension a update to "2"', "alter extension a update       "),
        ("alter extension a update", "alter extension a update"),
        ("alter extension a set schema version", "alter extension a set schema version"),
        ("select 'version 1'", "select 'version 1'"),
    ],
)
def test_version_gives_way_to_blanks_of_the_same_length(text: str, blanked: str) -> None:
    before = "select 'é', 1;"
    raw = parser.parse_sql(before + text)[1]
    assert raw.stmt is not None
    assert without_version(raw.stmt, text, start=len(before)) == blanked
    assert len(blanked) == len(text)
