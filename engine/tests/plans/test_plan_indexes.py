"""Indexes that repeat others, and foreign keys without one."""

from __future__ import annotations

import psycopg
import pytest

from pgassay.catalog.model import Constraint, Index, Relation
from pgassay.catalog.read import read_catalog
from pgassay.plans.judging import find_bare_keys, find_repeats, list_foreign_keys, list_indexes


def find_flaws(connection: psycopg.Connection, *statements: str) -> list[str]:
    for statement in statements:
        connection.execute(statement)
    catalog = read_catalog(connection, Relation, Index, Constraint)
    indexes, keys = list_indexes(catalog), list_foreign_keys(catalog)
    return [flaw.message for flaw in (*find_repeats(indexes), *find_bare_keys(keys, indexes))]


def test_indexes_that_differ_and_a_covered_foreign_key_are_no_flaws(notes: psycopg.Connection) -> None:
    assert (
        find_flaws(
            notes,
            "create index on public.notes (person_id, id)",  # in another order
            "create index on public.notes (person_id) where body = 'x'",
            "create index on public.notes using hash (person_id)",
        )
        == []
    )


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "create index short on public.notes (person_id)",
            "short on notes is the beginning of notes_person_idx",
        ),
        (
            "create index twin on public.notes (person_id, id desc)",
            "twin on notes repeats notes_person_idx",
        ),
        ("create unique index again on public.people (id)", "again on people repeats people_pkey"),
        (
            "create unique index idle on public.people (id, name)",
            "idle on people says nothing new: people_pkey is unique already",
        ),
        (
            "drop index notes_person_idx",
            "notes_person_id_fkey on notes is a foreign key without an index",
        ),
    ],
)
def test_flaw_is_named(notes: psycopg.Connection, statement: str, message: str) -> None:
    assert find_flaws(notes, statement) == [message]


def test_wider_unique_key_that_a_foreign_key_refers_to_is_needed(notes: psycopg.Connection) -> None:
    statements = (
        "alter table public.people add constraint both_ways unique (id, name)",
        "create table public.pets (id uuid primary key, name text, foreign key (id, name) "
        "references public.people (id, name))",
    )
    assert find_flaws(notes, *statements) == []
