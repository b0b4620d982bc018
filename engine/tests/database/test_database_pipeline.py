"""Many statements in one flight, whatever they send and are answered."""

from __future__ import annotations

import pytest

from pgassay.database import Database, Session, open_session, pipeline
from pgassay.database.pipeline import fly, savepoint

LONG = 100_000  # bytes; a hundred of them fill every buffer between the server and us


def test_statements_and_answers_that_fill_the_buffers_both_ways_arrive(session: Session) -> None:
    with session.connection.transaction(), savepoint(session):
        answers = fly(session, [[f"select '{'x' * LONG}'"]] * 150)
    assert [len(answer.rows[0][0][0] or "") for answer in answers] == [LONG] * 150


def test_an_interrupt_under_way_is_no_fault_of_a_statement(
    shared_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "select", interrupt)
    with (
        pytest.raises(KeyboardInterrupt),
        open_session(shared_database) as session,
        session.connection.transaction(),
        savepoint(session),
    ):
        fly(session, [["select pg_sleep(0.2)"]])
    assert session.connection.closed
