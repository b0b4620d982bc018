"""Whose a row is where a column only says who did something to it."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.matrix.model import RowClass
from pgassay.matrix.survey import survey
from pgassay.observation import Persona


@pytest.mark.parametrize(
    ("column", "policy", "classes"),
    [
        ("edited_by", "true", {RowClass.PUBLIC}),
        ("editedBy", "true", {RowClass.PUBLIC}),
        ("edited_by_id", "true", {RowClass.PUBLIC}),
        ("edited_by", "edited_by = auth.uid()", {RowClass.OWN, RowClass.OTHER}),
        ("editedBy", '"editedBy" = auth.uid()', {RowClass.OWN, RowClass.OTHER}),
        ("editor", "true", {RowClass.OWN, RowClass.OTHER}),
    ],
)
def test_who_did_something_owns_the_row_if_a_policy_asks_for_it(
    club_session: Session, alice: Persona, bob: Persona, column: str, policy: str, classes: set[RowClass]
) -> None:
    club_session.execute("insert into auth.users (id) values (%s), (%s)", [alice.id, bob.id])
    club_session.execute(
        f'create table public.pages (id int primary key, "{column}" uuid references auth.users)'
    )
    club_session.execute("insert into public.pages values (1, %s), (2, %s)", [alice.id, bob.id])
    club_session.execute("alter table public.pages enable row level security")
    club_session.execute(f"create policy p on public.pages using ({policy})")
    matrix = survey(club_session, [alice, bob], only={"public.pages"})
    reads = {cell.key.rows for cell in matrix.cells if cell.key.action.value == "select"}
    assert reads == classes
