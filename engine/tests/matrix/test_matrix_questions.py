"""Planning is pure: its size, its choice of rows, and how it tells rows apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgassay.catalog.tables import read_surface
from pgassay.database import Session
from pgassay.matrix.cells import describe_groups
from pgassay.matrix.questions import WHOLE, ask_all, ask_inserts
from pgassay.matrix.rows import ROWS_OF_A_CLASS, Row, Sample, read_samples
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona


@pytest.fixture
def samples(club_session: Session, members: tuple[Persona, ...]) -> tuple[Sample, ...]:
    surface = read_surface(club_session, roles=[persona.role for persona in members])
    ids = [persona.id for persona in members if persona.id]
    return read_samples(club_session, surface, ids=ids, overrides={})


def copies(samples: tuple[Sample, ...], count: int) -> tuple[Sample, ...]:
    return tuple(
        replace(
            sample,
            object=f"{sample.object}_{n}",
            table=replace(sample.table, relation=f"{sample.object}_{n}"),
        )
        for n in range(count)
        for sample in samples
    )


def test_plan_grows_linearly_with_tables_and_personas(
    samples: tuple[Sample, ...], members: tuple[Persona, ...]
) -> None:
    def size(tables: int, people: int) -> int:
        crowd = [replace(member, name=f"{member.name}{n}") for n in range(people) for member in members]
        return sum(map(len, ask_all(make_subjects(copies(samples, tables), crowd))))

    assert size(20, 1) == 20 * size(1, 1)
    assert size(1, 5) == 5 * size(1, 1)


def test_no_more_rows_are_tried_than_the_limit(samples: tuple[Sample, ...], alice: Persona) -> None:
    (sample,) = [sample for sample in samples if sample.object == "public.journal"]
    rows = tuple(replace(sample.rows[0], key=(str(n),)) for n in range(1000))
    subject = Subject(sample=replace(sample, rows=rows), persona=alice, others=())
    assert [len(some) for some in subject.rows.values()] == [ROWS_OF_A_CLASS]


def test_rows_of_every_state_and_owner_come_before_more_of_the_same(
    samples: tuple[Sample, ...], alice: Persona
) -> None:
    (sample,) = [sample for sample in samples if sample.object == "public.members"]

    def row(key: str, tier: str) -> Row:
        return Row(key=(key,), owners=frozenset(["bob"]), state={"tier": tier}, values={}, changed={})

    rows = (*(row(str(n), "free") for n in range(50)), row("last", "pro"))
    subject = Subject(sample=replace(sample, rows=rows), persona=alice, others=())
    ((first, second, *_),) = subject.rows.values()
    assert (first.key, second.key) == (("0",), ("last",))


@pytest.mark.parametrize(
    ("groups", "described"),
    [
        ([[{"s": "A"}, {"s": "B"}]], ("",)),
        ([[{"s": "B"}, {"s": "A"}], [{"s": "C"}]], ("s=A|B", "s=C")),
        (
            [[{"s": "A", "t": "1"}, {"s": "B", "t": "2"}], [{"s": "A", "t": "2"}, {"s": "B", "t": "1"}]],
            ("s=A and t=1 or s=B and t=2", "s=A and t=2 or s=B and t=1"),
        ),
        ([[{"s": "A"}], [{"s": "A"}, {"s": "A"}]], ("1 of 3 rows", "2 of 3 rows")),
        ([[{"s": "A", "t": "1"}], [{"s": "A", "t": "2"}]], ("t=1", "t=2")),
    ],
    ids=["one group", "one feature", "two features", "nothing tells", "what all share does not tell"],
)
def test_groups_are_told_apart_by_as_few_features_as_do(
    groups: list[list[dict[str, str]]], described: tuple[str, ...]
) -> None:
    assert describe_groups(groups) == described


def test_nobody_inserts_for_another_who_may_not_say_whose_a_row_is(
    samples: tuple[Sample, ...], alice: Persona
) -> None:
    (sample,) = [one for one in samples if one.object == "public.members"]
    held = sample.table.privileges[alice.role]

    def classes(columns: set[str]) -> int:
        rights = {**sample.table.privileges, alice.role: replace(held, insert=frozenset(columns))}
        table = replace(sample.table, privileges=rights)
        [subject] = make_subjects([replace(sample, table=table)], [alice])
        asked = [question[0].key for question in ask_inserts(subject)]
        return len({key.rows for key in asked if key.variant == WHOLE})

    assert classes({"id", "name"}) > 1
    assert classes({"name"}) == 1
