"""The six packages on sale: their values, who sees them, who changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from itertools import pairwise

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from pgassay.workbench import Workbench

PACKAGES = [
    ("Trial Pack", 1, Decimal(0), 0, False, True, 1),
    ("Starter Pack", 3, Decimal(99), 0, False, True, 2),
    ("Popular Pack", 10, Decimal(299), 10, True, True, 3),
    ("Pro Pack", 25, Decimal(699), 15, False, True, 4),
    ("Business Pack", 50, Decimal(1299), 20, False, True, 5),
    ("Enterprise Pack", 100, Decimal(2399), 25, False, True, 6),
]


@pytest.fixture(scope="module")
def seeded_session(workbench: Workbench) -> Iterator[Session]:
    with (
        workbench.database(depth="schema") as database,
        closing(database.connect()) as connection,
    ):
        yield Session(connection, owner=database.owner)


@pytest.fixture
def seeded(seeded_session: Session) -> Iterator[Session]:
    """One transaction, as `session`, in a database to which only the schema was applied."""
    with seeded_session.transaction():
        yield seeded_session


def test_schema_seeds_exactly_the_six_packages(seeded: Session) -> None:
    query = """
        select name, credits, price_thb, discount_percentage, is_popular, is_active, sort_order
        from public.credit_packages order by sort_order
    """
    assert [tuple(row.values()) for row in seeded.execute(query).rows] == PACKAGES


def test_price_per_credit_never_rises_with_the_size_of_the_paid_pack(seeded: Session) -> None:
    query = (
        "select price_thb / credits as each from public.credit_packages where price_thb > 0 order by credits"
    )
    each = [row["each"] for row in seeded.execute(query).rows]
    assert len(each) == 5
    assert all(dearer >= cheaper for dearer, cheaper in pairwise(each))


@pytest.mark.parametrize("persona", ["anon", "alice", "bob"])
def test_visitors_and_users_see_what_is_for_sale_and_nothing_retired(
    session: Session, personas: Mapping[str, Persona], service: Persona, persona: str
) -> None:
    with session.act_as(personas[persona]):
        names = [
            row["name"] for row in session.execute("select name from public.credit_packages order by 1").rows
        ]
        retired = session.attempt("select * from public.credit_packages where name = 'Retired Pack'")
    assert names == sorted(package[0] for package in PACKAGES)
    assert retired.outcome is Outcome.FILTERED
    with session.act_as(service):
        assert (
            session.attempt("select * from public.credit_packages where name = 'Retired Pack'").rowcount == 1
        )


def test_package_taken_off_sale_disappears_for_visitors(
    session: Session, anon: Persona, service: Persona
) -> None:
    look = "select * from public.credit_packages where name = 'Pro Pack'"
    with session.act_as(anon):
        assert session.attempt(look).rowcount == 1
    with session.act_as(service):
        session.execute("update public.credit_packages set is_active = false where name = 'Pro Pack'")
    with session.act_as(anon):
        assert session.attempt(look).outcome is Outcome.FILTERED


WRITES = [
    "insert into public.credit_packages (name, credits, price_thb) values ('New Pack', 2, 50)",
    "update public.credit_packages set price_thb = 1 where name = 'Pro Pack'",
    "delete from public.credit_packages where name = 'Business Pack'",
]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.split()[0])
@pytest.mark.parametrize("persona", ["anon", "alice", "dave"])
def test_only_the_service_writes_packages(
    session: Session, personas: Mapping[str, Persona], service: Persona, persona: str, write: str
) -> None:
    with session.act_as(personas[persona]):
        attempt = session.attempt(write)
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.DENIED_GRANT, "42501")
    with session.act_as(service):
        assert session.attempt(write).rowcount == 1


def test_service_may_not_truncate_packages(session: Session, service: Persona) -> None:
    with session.act_as(service):
        attempt = session.attempt("truncate public.credit_packages cascade")
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.DENIED_GRANT, "42501")


def test_package_that_was_sold_stays(session: Session, service: Persona) -> None:
    with session.act_as(service):
        attempt = session.attempt("delete from public.credit_packages where name = 'Starter Pack'")
        assert session.attempt("delete from public.credit_packages where name = 'Retired Pack'").rowcount == 1
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.REJECTED, "23503")
    assert attempt.constraint == "payments_package_id_fkey"
