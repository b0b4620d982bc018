"""An audit to test its page with; names and sentences try to break out."""

from __future__ import annotations

from pathlib import Path

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Audit, Finding, Repair, Severity, Step
from pgassay.errors import Place
from tests.render import html_support as support


def make_audit() -> Audit:
    """Four open findings and an accepted one, above a small matrix."""
    anyone = _finding(
        Severity.CRITICAL,
        "public.orders",
        "anyone, without an account, removes rows of others in public.orders.",
        steps=(Step(who=support.ANON, statement="delete from public.orders where id = 1", shows=ROWS),),
        repair=Repair(
            statements=("alter table public.orders enable row level security",), tried="tried: closes this"
        ),
        place=Place(file=Path("/elsewhere/0001_orders.sql"), line=7),
    )
    hostile = _finding(
        Severity.HIGH,
        support.HOSTILE_TABLE,
        f"bob changes {support.HOSTILE}.",
        steps=(
            Step(who=support.BOB, statement="select * from secrets", shows=NO_ROWS_SHOWN),
            Step(statement=f"update t set a = '{support.HOSTILE}'"),
            Step(who=support.BOB, statement="select * from secrets", shows="42501"),
        ),
    )
    return Audit(
        findings=(
            anyone,
            hostile,
            _finding(Severity.MEDIUM, "public.notes", "A word of 200 letters is in it: " + "x" * 200),
            _finding(Severity.INFO, "public.posts", "anyone reads public.posts."),
            _finding(Severity.HIGH, "public.boards", "bob joins any board.", accepted="It is a demo."),
        ),
        untried=("public.f(xml) needs an argument that could not be made",),
        expired=("views:public.gone:select:anon: nothing is found any more",),
        matrix=support.make_matrix(tables=1),
        about="2 files on PostgreSQL 18",
        seconds=1.25,
    )


def _finding(
    severity: Severity,
    object_: str,
    sentence: str,
    *,
    steps: tuple[Step, ...] = (),
    repair: Repair | None = None,
    place: Place | None = None,
    accepted: str = "",
) -> Finding:
    return Finding(
        rule="strangers",
        object=object_,
        actions=("update",),
        who=("bob",),
        severity=severity,
        sentence=sentence,
        steps=steps,
        repair=repair,
        place=place,
        accepted=accepted,
    )
