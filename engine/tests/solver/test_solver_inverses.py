"""Each rule of inversion: for random values, what it proposes makes PostgreSQL's own answer true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgassay.database import Session
from pgassay.solver.asking import Asker
from pgassay.solver.model import RowRef, Truth
from pgassay.solver.schema import Schema, read_schema
from pgassay.solver.scope import BoundRow, Scope, Term, parse_expression
from pgassay.solver.search import Search
from pgassay.solver.state import State

PAPERS = RowRef("public.papers")
SCOPE = Scope(rows={"papers": BoundRow(PAPERS)}, path=("public",))
WORDS = st.text("abcxyz019", min_size=1, max_size=6)
NUMBERS = st.integers(1, 28)

# An expression of one unknown, and what it may have to be.
TEXTS = [
    *("title", "trim(title)", "lower(title)", "reverse(title)", "title || ''", "'' || title"),
    *("title::varchar", "split_part(title, ':', 1)", "split_part(title, ':', 3)"),
    *("substring(title from 3)", "substr(title, 1)", "left(title, 9)", "right(title, 9)"),
    *("concat('', title)", "replace(title, 'q', 'a')", "nullif(title, 'qq')"),
    *("coalesce(title, 'q')", "case when score = 1 then 'q' else title end"),
    *("(string_to_array(title, '/'))[2]", "meta ->> 'a'", "meta -> 'a' -> 'b' ->> 'c'"),
    *("jsonb_path_query_first(meta, '$.a.b') #>> '{}'", "meta #>> '{x,y}'"),
    *("tags[1]", "tags[3]", "storage.filename(title)"),
    *("storage.extension(title)", "(storage.foldername(title))[1]"),
    *("(storage.foldername(title))[3]", "array_to_string(tags, '/')", "greatest(title, title)"),
    *("coalesce(nullif(title, ''), 'none')",),
]
INTEGERS = [
    *("score", "score + 3", "3 + score", "score - 4", "40 - score", "score * 2 / 2", "abs(score)"),
    *("-7 + score", "length(title)", "cardinality(tags)", "array_length(tags, 1)", "coalesce(score, 0)"),
    *("jsonb_array_length(meta)", "extract(day from created_at)::int", "(meta ->> 'n')::int"),
    *("extract(year from created_at)::int - 2000", "position('q' in title)", "char_length(title)"),
    *("extract(hour from created_at at time zone 'utc')::int", "date_part('minute', created_at)::int"),
]


@pytest.fixture(scope="module")
def schema(shared_society: Session) -> Schema:
    with shared_society.transaction() as session:
        return read_schema(session.connection)


@contextmanager
def searching(session: Session, schema: Schema) -> Iterator[Search]:
    with session.transaction():
        yield Search(schema, Asker(session), purpose="test")


def is_reached(search: Search, expression: str) -> bool:
    term = Term(parse_expression(expression), SCOPE)
    for state in islice(search.make(term, Truth.TRUE, State(rows=(PAPERS,))), 3):
        for settled in islice(search.settle(search.terms.read(term, state).free, state), 1):
            answer = search.terms.evaluate(term, settled)
            if answer is not None and answer.truth is Truth.TRUE:
                return True
    return False


def quoted(value: object) -> str:
    return sql.Literal(value).as_string(None)


@pytest.mark.parametrize("expression", TEXTS)
@settings(max_examples=5)
@given(value=WORDS)
def test_text_is_reached(shared_society: Session, schema: Schema, expression: str, value: str) -> None:
    with searching(shared_society, schema) as search:
        assert is_reached(search, f"{expression} = {quoted(value)}")


@pytest.mark.parametrize("expression", INTEGERS)
@settings(max_examples=5)
@given(value=NUMBERS)
def test_number_is_reached(shared_society: Session, schema: Schema, expression: str, value: int) -> None:
    value = value % 24 if "hour" in expression else value
    with searching(shared_society, schema) as search:
        assert is_reached(search, f"{expression} = {value}")


@pytest.mark.parametrize(
    "expression", ["title", "score", "created_at", "meta ->> 'a'", "lower(title)", "tags[1]"]
)
def test_null_is_reached_where_a_column_may_be_null(
    shared_society: Session, schema: Schema, expression: str
) -> None:
    nullable = expression in ("score", "meta ->> 'a'", "tags[1]")
    with searching(shared_society, schema) as search:
        assert is_reached(search, f"{expression} is null") == nullable
        assert is_reached(search, f"{expression} is not null")


@pytest.mark.parametrize(
    "condition",
    [
        "meta ? 'k'",
        "meta ?| array['k', 'l']",
        "meta ?& array['k', 'l']",
        "meta @> '{\"k\": [1]}'",
        "tags @> array['k', 'l']",
        "tags && array['k']",
        "array['k', 'l'] <@ tags",
        "'k' = any(tags)",
        "'k' <> all(tags)",
        "starts_with(title, 'k')",
        "length(title) = 12 and title ~ '^0x[0-9a-f]{10}$'",
        "jsonb_typeof(meta) = 'object' and octet_length(meta::text) > 16384",
        "jsonb_typeof(meta) = 'array' and octet_length(meta::text) > 20000",
        "(jsonb_typeof(meta) = 'object') is not false and "
        "((jsonb_typeof(meta) = 'object' and octet_length(meta::text) <= 16384) is not false) is not true",
        "cardinality(tags) = 2 and tags @> array['k', 'l']",
        "decode(title, 'hex') = '\\x00ff'",
        "encode(decode(title, 'base64'), 'hex') = 'cafe'",
        "convert_from(convert_to(title, 'utf8'), 'utf8') = 'k'",
        "title ^@ 'k'",
        "title ilike '%K_k'",
        "title not similar to 'k'",
        "jsonb_typeof(meta) = 'array'",
        "meta @? '$.a.b'",
        """meta @? '$.roles[*] ? (@ == "auditor" || @ starts with "adm")'""",
        """meta @? 'strict $."a b" ? (@.n >= 5 && @.kind like_regex "^x[0-9]$" flag "i").who'""",
        """meta @@ '$.team == "ops" && !exists($.left)'""",
        "meta @@ '($.**.level < 3)'",
        "jsonb_path_exists(meta, '$.items[*] ? (@.owner == $me)', jsonb_build_object('me', title))",
        "jsonb_path_match(meta, '$.roles.size() > 2 && $.on == true', '{}', true)",
        "jsonb_path_match(meta, '$.roles.type() == \"array\"')",
        "jsonb_path_query_first(meta, '$.a[*] ? (@.on == true).name') #>> '{}' = 'k'",
        "exists (select from jsonb_path_query(meta, '$.ids[*]') as i (id) where i.id = to_jsonb(title))",
        "exists (select from jsonb_each_text(meta) as e where e.value = 'on' and e.key = 'k')",
        "exists (select from jsonb_each(meta) as e (k, v) where e.k ~ '^a' and e.v ->> 'to' = 'x')",
        "exists (select from json_each_text(meta::json) as e where length(e.key) > 3)",
        "exists (select from jsonb_each_text(meta) a, jsonb_each_text(meta) b where a.key < b.key)",
        "exists (select from jsonb_object_keys(meta) as k where k = 'admin')",
        "'admin' in (select jsonb_object_keys(meta))",
        "(select count(*) from jsonb_object_keys(meta)) = 3",
        "not exists (select from jsonb_each(meta) as e where jsonb_typeof(e.value) <> 'number')",
        "not exists (select from jsonb_array_elements(meta) as e where e ->> 'on' = 'true')",
        "not exists (select from unnest(tags) as t (word) where length(t.word) > 0)",
        """cardinality(array(select word from (
            select jsonb_array_elements_text(coalesce(meta -> 'ids', '[]')) as word
            union all select nullif(meta ->> 'id', '')) as words where word is not null)) = 0""",
        "cardinality(array(select t.word from unnest(tags) as t (word) where t.word like 'k%')) > 0",
        "(site).town = 'Ulm' and (site).zone > 3",
        "(site).street is null and (site).town like 'U%'",
        "created_at > now() + interval '3 days'",
        "created_at between '2020-01-01' and '2020-01-02'",
        "created_at + interval '2 days' = '2020-01-03 00:00+00'",
        "now() - created_at > interval '30 days'",
        "date_trunc('month', created_at) = '2020-02-01 00:00+00'",
        "state in ('review', 'published') and state <> 'review'",
        "score is distinct from 4 and score is not null",
        "score not between 1 and 1000000",
        "(score, title) = (3, 'three')",
        "not (title = 'x' or score = 2)",
        "(title = 'x') is not true",
        "coalesce(score > 3, false)",
        "coalesce(score > 3, true) is false",
        "case state when 'draft' then title = 'a' else title = 'b' end",
    ],
)
def test_condition_is_reached_both_ways(shared_society: Session, schema: Schema, condition: str) -> None:
    with searching(shared_society, schema) as search:
        assert is_reached(search, condition)
        assert is_reached(search, f"({condition}) is not true")
