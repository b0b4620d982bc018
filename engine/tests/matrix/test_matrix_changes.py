"""A change of the schema shows as exactly the lines that it changes."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.matrix.baseline import DeviationKind, compare, read_baseline, render_baseline
from pgassay.matrix.model import Matrix
from pgassay.matrix.survey import survey
from pgassay.observation import Persona

pytestmark = pytest.mark.slow

Members = tuple[Persona, ...]


def differences(session: Session, members: Members, before: Matrix, change: str) -> set[str]:
    with session.as_owner():
        session.execute(change)
    accepted = read_baseline(render_baseline(before), source="test")
    return {str(difference) for difference in compare(survey(session, members), accepted)}


def test_nothing_changed_is_no_difference(
    club_session: Session, members: Members, club_matrix: Matrix
) -> None:
    assert differences(club_session, members, club_matrix, "select") == set()


def test_column_grant_shows_as_that_column(
    club_session: Session, members: Members, club_matrix: Matrix
) -> None:
    change = "grant update (credits) on public.members to authenticated"
    assert differences(club_session, members, club_matrix, change) == {
        "alice  public.members  update  credits  another's: filtered (was: denied_grant)",
        "alice  public.members  update  credits  own: allowed (was: denied_grant)",
        "bob  public.members  update  credits  another's: filtered (was: denied_grant)",
        "bob  public.members  update  credits  own: filtered (was: denied_grant)",
    }


def test_dropped_policy_shows_as_what_it_let_through(
    club_session: Session, members: Members, club_matrix: Matrix
) -> None:
    change = 'drop policy "own" on public.events'
    assert differences(club_session, members, club_matrix, change) == {
        f"{name}  public.events  select  {column}  own: filtered (was: allowed)"
        for name in ("alice", "bob")
        for column in ("-", "day", "member_id")
    }


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            "alter view public.own_documents reset (security_invoker)",
            {
                f"{name}  public.own_documents  select  {column}  public: allowed "
                f"(was: allowed when {mine} of 3 rows; filtered when {others} of 3 rows)"
                for name, mine, others in (("alice", 2, 1), ("bob", 1, 2))
                for column in ("-", "id", "title")
            },
        ),
        (
            "grant truncate on public.members to anon",
            {"anon  public.members  truncate  -  -: rejected 0A000 (was: denied_grant)"},
        ),
        (
            "grant execute on function public.pay(integer) to anon",
            {"anon  public.pay(integer)  execute  -  -: allowed (was: denied_grant)"},
        ),
        (
            'alter policy "archives stay" on public.documents using (true)',
            {
                "alice  public.documents  update  title  own: "
                "allowed also documents.changed_at, documents.size +1 "
                "(was: allowed when archived=false also documents.changed_at, documents.size +1; "
                "filtered when archived=true)",
                "alice  public.documents  update  org_id=another's  own: denied_policy "
                "(was: denied_policy when archived=false; filtered when archived=true)",
            },
        ),
        (
            "alter table public.documents disable trigger charge",
            {
                f"{name}  public.documents  insert  {column}  own: allowed "
                "(was: allowed also ledger +1, members.credits -1)"
                for name in ("alice", "bob")
                for column in ("-", "id", "org_id", "title", "archived")
            },
        ),
    ],
    ids=["security_invoker", "truncate", "execute", "restrictive policy", "trigger"],
)
def test_change_shows_as_exactly_its_lines(
    club_session: Session, members: Members, club_matrix: Matrix, change: str, lines: set[str]
) -> None:
    assert differences(club_session, members, club_matrix, change) == lines


@pytest.mark.parametrize(
    "change",
    [
        'alter policy "own" on public.events rename to "theirs"',
        'alter policy "own" on public.events using ((select auth.uid()) = member_id)',
        "create index on public.documents (title)",
    ],
)
def test_equivalent_change_is_no_difference(
    club_session: Session, members: Members, club_matrix: Matrix, change: str
) -> None:
    assert differences(club_session, members, club_matrix, change) == set()


def test_lines_about_what_is_gone_are_told_from_cells_that_were_not_tried(
    club_session: Session, members: Members, club_matrix: Matrix
) -> None:
    with club_session.as_owner():
        club_session.execute("drop sequence public.tickets")
        club_session.execute("alter table public.inbox drop column body")
    accepted = read_baseline(render_baseline(club_matrix), source="test")
    found = compare(survey(club_session, members), accepted)
    kinds = {(difference.kind, difference.question.split("  ")[1]) for difference in found}
    assert kinds == {(DeviationKind.UNUSED, "public.tickets"), (DeviationKind.MISSING, "public.inbox")}
