"""Witnesses: run again on a fresh load before anybody reads them, and as plain SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Step, Steps
from pgassay.audit.scene import open_loaded
from pgassay.database import Session
from pgassay.database.actor import Tried
from pgassay.matrix.statements import become
from pgassay.workbench import Workbench
from pgassay.world.model import World


def confirm(findings: Sequence[Finding], bench: Workbench, world: World) -> Iterator[Finding]:
    """Those of which the witness shows what the sentence says; facts of the catalog have none to run."""
    if not any(finding.steps for finding in findings):
        yield from findings
        return
    with open_loaded(bench, world) as session:
        yield from (finding for finding in findings if not finding.steps or plays(session, finding.steps))


def plays(session: Session, steps: Steps) -> bool:
    """Whether each step comes to what it should show. Leaves no trace."""
    with session.undone():
        return all(_plays(session, step) for step in steps)


def _plays(session: Session, step: Step) -> bool:
    if step.said:
        return _plays_after(session, step)
    return _shows(step, session.try_as(step.who, step.statement))


def _plays_after(session: Session, step: Step) -> bool:
    """After what is said before, by the same person within one request."""
    try:
        with session.act_as(step.who) if step.who else session.as_owner():
            for text in step.said:
                session.attempt(text)
            answer = session.attempt(step.statement)
    except psycopg.Error:
        if session.connection.closed:
            raise
        return False
    return _shows(step, Tried(sqlstate=answer.sqlstate, count=max(answer.rowcount, 0)))


def _shows(step: Step, answer: Tried) -> bool:
    if step.shows in ("", ROWS, NO_ROWS_SHOWN):
        is_right = step.shows == "" or (answer.count > 0) == (step.shows == ROWS)
        return is_right and not answer.sqlstate
    return answer.sqlstate == step.shows


def comment(text: str) -> list[str]:
    """As comments of SQL, one for each line: a name of the schema may have lines, and none of them is run."""
    return [f"-- {line}" for line in text.splitlines()]


def witness_script(finding: Finding) -> str:
    """For psql, on a database that has the schema and the rows of `pgassay world --write`."""
    lines = [
        *comment(finding.sentence),
        "-- Run it with psql on a database with the schema and the rows that `pgassay world --write` writes;",
        "-- it leaves nothing behind.",
        "begin;",
    ]
    for step in finding.steps:
        lines += [*become(step.who)] if step.who else ["set local role none;"]
        lines += [f"{text};" for text in step.said]
        shows = {ROWS: "rows", NO_ROWS_SHOWN: "no rows", "": ""}.get(step.shows, f"error {step.shows}")
        lines.append(f"{step.statement};{f'  -- shows {shows}' if shows else ''}")
    return "\n".join([*lines, "rollback;"]) + "\n"
