"""Packages: what is on sale is seen by all, what is retired by the backend, and what was sold stays."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona


@pytest.mark.parametrize("persona", ["anon", "alice", "bob"])
def test_visitors_and_users_see_what_is_for_sale_and_nothing_retired(
    session: Session, personas: Mapping[str, Persona], service: Persona, persona: str
) -> None:
    query = "select array_agg(name order by name) from public.credit_packages"
    for_sale = session.value(f"{query} where is_active")
    with session.act_as(personas[persona]):
        names = session.value(query)
        retired = session.attempt("select * from public.credit_packages where name = 'Retired Pack'")
    assert names == for_sale
    assert len(names) == 6
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


def test_package_that_was_sold_stays(session: Session, service: Persona) -> None:
    with session.act_as(service):
        attempt = session.attempt("delete from public.credit_packages where name = 'Starter Pack'")
        assert session.attempt("delete from public.credit_packages where name = 'Retired Pack'").rowcount == 1
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.REJECTED, "23503")
    assert attempt.constraint == "payments_package_id_fkey"
