"""What SQL asks for is found wherever it stands, and versions are blanked out in their places."""

from __future__ import annotations

import pytest
from pglast import parser

from pgassay.extensions.statements import changes_roles, mentions_xml, presumed, requested, without_version


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
    ("texts", "names"),
    [
        (["drop extension a"], {"a"}),
        (["drop extension if exists a"], set()),
        (["create extension a", "drop extension a"], set()),
        (["drop extension a", "create extension a"], {"a"}),
        (["alter extension \"A-b\" update; comment on extension c is 'x'"], {"A-b", "c"}),
        (["do $$ begin drop extension d; end $$"], {"d"}),
        (["comment on table extension is 'drop extension'"], set()),
    ],
)  # fmt: skip
def test_extensions_that_nobody_created_are_presumed(texts: list[str], names: set[str]) -> None:
    assert presumed(texts) == names


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


@pytest.mark.parametrize(
    ("text", "xml"),
    [
        ("create table a (x xml)", True),
        ("do $$ begin perform xmlparse(document '<a/>'); end $$", True),
        ("select xpath('/a', x) from a", True),
        ("select 'no xml here, but words of it'", False),
        ("create table xmls (a integer)", False),
    ],
)
def test_xml_is_noticed_where_it_is_used(text: str, *, xml: bool) -> None:
    assert mentions_xml(text) is xml


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("create role reader", True),
        ("alter user app set work_mem = '1MB'", True),
        ("do $$ begin if true then drop role x; end if; end $$", True),
        ("set role anon; grant anon to app", False),
        ("comment on table t is 'create role'", False),
    ],
)
def test_changes_of_roles_are_seen_in_bodies_too(text: str, changed: bool) -> None:
    assert changes_roles(text) is changed
