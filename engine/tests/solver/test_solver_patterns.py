"""Texts for patterns, as PostgreSQL itself judges them."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgassay.database import Session
from pgassay.solver import patterns, values
from pgassay.solver.comparison import Side, targets
from pgassay.solver.model import Truth

EXPRESSIONS = [
    *("^[a-z]+$", "^[a-z0-9]+(-[a-z0-9]+)*$", r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", "^#[0-9a-fA-F]{6}$"),
    *(r"^\+?[1-9]\d{7,14}$", "a|b", "^https?://", "^[[:alnum:]_]{3,20}$", "(admin|owner)$", r"^\S.*\S$"),
    *("^.{2,4}$", "[^a-z]", "^(?:x|y){2}$", r"\.(png|jpe?g)$"),
    *(r"#now\M", r"\mat (work|home)\M", "[[:<:]]ok[[:>:]]", r"\yx\Yy", r"^a\\\mb$"),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("seed", ["", "alice"])
def test_regular_expression_matches_what_is_proposed(
    shared_society: Session, expression: str, seed: str
) -> None:
    proposed = list(islice(patterns.matching(expression, seed=seed), 4))
    assert proposed
    with shared_society.transaction() as session:
        for text in proposed:
            assert session.value("select %s ~ %s", (text, expression)) is True, text
        missed = [
            session.value("select %s ~ %s", (text, expression)) for text in patterns.unmatching(expression)
        ]
    assert False in missed


def test_a_seed_decides_the_letters() -> None:
    first, again, other = (next(patterns.matching("^[a-z]{9}$", seed=seed)) for seed in ("a", "a", "b"))
    assert first == again
    assert first != other


TYPES = {
    "integer": st.integers(-(2**31) + 2000, 2**31 - 2000).map(str),
    "numeric": st.decimals(-1000, 1000, places=2).map(str),
    "text": st.text(st.characters(codec="ascii", exclude_characters="\0\\"), max_size=6),
    "date": st.dates().map(str),
    "timestamp with time zone": st.datetimes().map(lambda moment: f"{moment}+00"),
    "boolean": st.sampled_from(["true", "false"]),
    "uuid": st.uuids().map(str),
}
OPERATORS = ["=", "<>", "<", ">", "<=", ">="]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("type_", TYPES)
@settings(max_examples=8)
@given(data=st.data())
def test_comparison_is_what_is_wanted_of_what_is_proposed(
    shared_society: Session, type_: str, operator: str, data: st.DataObject
) -> None:
    """For random values, among what is proposed there is something that PostgreSQL agrees with."""
    value = data.draw(TYPES[type_])
    with shared_society.transaction() as session:
        for wanted in (Truth.TRUE, Truth.FALSE):
            proposed = list(targets(operator, Side(value=value, type=type_), wanted))
            query = f"select coalesce(%s::{type_} {operator} %s::{type_}, false)"
            answers = [session.value(query, (target, value)) for target in proposed]
            extreme = type_ in ("boolean", "uuid", "text") or value in ("9999-12-31", "0001-01-01")
            assert (wanted is Truth.TRUE) in answers or extreme, (value, proposed)


@settings(max_examples=20)
@given(pattern=st.text("ab_%", max_size=5))
def test_like_is_what_is_wanted(shared_society: Session, pattern: str) -> None:
    with shared_society.transaction() as session:
        for text in patterns.like(pattern):
            assert session.value("select %s like %s", (text, pattern)) is True
        missed = [session.value("select %s like %s", (text, pattern)) for text in patterns.unlike(pattern)]
    assert False in missed or set(pattern) == {"%"}


@pytest.mark.parametrize("type_", TYPES)
def test_own_values_are_of_their_type_and_of_their_purpose(shared_society: Session, type_: str) -> None:
    first, again, other = (values.own(type_, purpose) for purpose in ("alice", "alice", "bob"))
    with shared_society.transaction() as session:
        query = f"select %s::{type_} is not null"
        assert session.value(query, (first,)) is True
    assert first == again
    assert first != other or type_ == "boolean"


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("int4", "integer"),
        ("_text", "text[]"),
        ("character varying(20)", "character varying"),
        ("public.citext", "text"),
        ("timestamp(3) with time zone", "timestamp with time zone"),
    ],
)
def test_a_type_has_one_name(given_name: str, expected: str) -> None:
    assert values.plain_type(given_name) == expected
