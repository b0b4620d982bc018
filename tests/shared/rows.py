"""Rows put straight into a table, past its triggers: CHECK and UNIQUE constraints still judge them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg import sql

from pgassay.database import Session
from pgassay.observation import Attempt

ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"


@contextmanager
def triggers_asleep(session: Session) -> Iterator[None]:
    """Neither the schema's triggers nor foreign keys run inside; CHECK and UNIQUE constraints do."""
    session.execute("set local session_replication_role = replica")
    yield
    session.execute("set local session_replication_role = origin")


def insert(session: Session, table: str, values: Mapping[str, Any]) -> Attempt:
    """Insert one row as it is, identity columns too; text goes in untyped, to fit any type."""
    query = sql.SQL("insert into public.{} ({}) overriding system value values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Literal, values.values())),
    )
    with triggers_asleep(session):
        return session.attempt(query.as_string())


def place_job(session: Session, **values: Any) -> None:
    """Place one of Alice's jobs as it is; what ends in _at is given as an interval from now()."""
    moments = {name: offset for name, offset in values.items() if name.endswith("_at")}
    plain = {"user_id": ALICE} | {name: value for name, value in values.items() if name not in moments}
    query = sql.SQL("insert into public.jobs ({}) values ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, (*plain, *moments))),
        sql.SQL(", ").join(
            (
                *map(sql.Literal, plain.values()),
                *(sql.SQL("now() + interval {}").format(sql.Literal(offset)) for offset in moments.values()),
            )
        ),
    )
    with triggers_asleep(session):
        session.execute(query.as_string())


def remove_jobs(session: Session) -> None:
    """Remove every job; whatever points at one keeps pointing."""
    with triggers_asleep(session):
        session.execute("delete from public.jobs")
