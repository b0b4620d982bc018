"""Many statements in one flight, whatever they send and are answered."""

from __future__ import annotations

from pgassay.database import Session
from pgassay.database.pipeline import fly, savepoint

LONG = 100_000  # bytes; a hundred of them fill every buffer between the server and us


def test_statements_and_answers_that_fill_the_buffers_both_ways_arrive(session: Session) -> None:
    with session.connection.transaction(), savepoint(session):
        answers = fly(session, [[f"select '{'x' * LONG}'"]] * 150)
    assert [len(answer.rows[0][0][0] or "") for answer in answers] == [LONG] * 150
