"""Policies in which AND and OR stand side by side, and let rows of others through."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

LABS = """
create table public.labs (id integer primary key, name text not null);
create table public.fellows (
    lab integer references public.labs, who uuid references auth.users, primary key (lab, who)
);
create table public.samples (
    id integer primary key, lab integer not null references public.labs,
    taken_by uuid not null references auth.users, spoilt boolean not null default false, text text not null
);
alter table public.labs enable row level security;
alter table public.fellows enable row level security;
alter table public.samples enable row level security;
create policy "own" on public.fellows for select to authenticated using (who = (select auth.uid()));
create policy "labs" on public.labs for select to authenticated
using ({labs});
create policy "read" on public.samples for select to authenticated using ({read});
create policy "write" on public.samples for insert to authenticated with check ({write});
create policy "clear" on public.samples for delete to authenticated using ({clear});
"""
IN_LAB = "{0} in (select f.lab from public.fellows as f where f.who = (select auth.uid()))"
MINE = IN_LAB.format("lab")
OWN = "taken_by = (select auth.uid())"
MEANT = f"{MINE} and ({OWN} or spoilt)"
MIXED = f"{MINE} and {OWN} or spoilt"
PLAIN = f"{MINE} and {OWN}"


def labs(read: str = PLAIN, write: str = PLAIN, clear: str = PLAIN, labs: str = IN_LAB.format("id")) -> str:
    return LABS.format(labs=labs, read=read, write=write, clear=clear)


def test_what_stands_behind_or_lets_rows_of_other_groups_be_read(audited: Audited) -> None:
    [finding] = of_rule(audited(labs(read=MIXED)), "precedence")
    assert (finding.object, finding.actions, finding.severity.word) == (
        "public.samples",
        ("select",),
        "medium",
    )
    assert finding.repair is not None
    assert "alter policy read on public.samples using" in finding.repair.statements[0]


def test_in_front_of_and_it_does_so_too(audited: Audited) -> None:
    found = audited(labs(read=f"spoilt or {OWN} and {MINE}"))
    assert told(found, "precedence") == [("public.samples", "medium", ("select",))]


def test_rows_go_in_below_groups_of_others(audited: Audited) -> None:
    found = audited(labs(write=MIXED))
    assert told(found, "precedence") == [("public.samples", "high", ("insert",))]


def test_rows_that_a_policy_hides_are_removed_without_where(audited: Audited) -> None:
    found = audited(labs(clear=MIXED))
    assert told(found, "precedence") == [("public.samples", "medium", ("delete",))]


def test_rows_that_are_seen_as_well_are_removed_by_name(audited: Audited) -> None:
    found = told(audited(labs(read="true", clear=MIXED)), "precedence")
    assert found == [("public.samples", "high", ("delete",))]


def test_with_parentheses_around_or_it_is_asked_of_all(audited: Audited) -> None:
    assert told(audited(labs(read=MEANT, write=MEANT, clear=MEANT)), "precedence") == []


def test_with_parentheses_around_and_somebody_meant_it(audited: Audited) -> None:
    assert told(audited(labs(read=f"({MINE} and {OWN}) or spoilt")), "precedence") == []


def test_below_what_everybody_sees_nothing_is_crossed(audited: Audited) -> None:
    assert told(audited(labs(read=MIXED, labs="true")), "precedence") == []


def test_what_is_behind_or_may_ask_who_somebody_is(audited: Audited) -> None:
    ranked = f"{MINE} and spoilt or {OWN}"
    assert told(audited(labs(read=ranked)), "precedence") == []


def test_between_has_an_and_of_its_own(audited: Audited) -> None:
    assert told(audited(labs(read=f"({MINE} and {OWN}) or id between 1 and 5000")), "precedence") == []


def test_and_on_both_sides_of_or_is_read_on_each(audited: Audited) -> None:
    mixed = f"{MINE} and {OWN} or spoilt and text is not null"
    assert told(audited(labs(read=mixed)), "precedence") == [("public.samples", "medium", ("select",))]
    meant = f"{MINE} and ({OWN} or spoilt and text is not null)"
    assert told(audited(labs(read=meant)), "precedence") == []


def test_in_a_subquery_what_is_behind_or_has_lost_the_row(audited: Audited) -> None:
    within = "exists (select from public.fellows as f where f.who = (select auth.uid()) and {})"
    here = "f.lab = samples.lab and not spoilt"

    def headed(read: str) -> str:
        heads = "who uuid references auth.users, head boolean not null default false,"
        return labs(read=within.format(read)).replace("who uuid references auth.users,", heads)

    [finding] = of_rule(audited(headed(f"{here} or f.head")), "precedence")
    assert (finding.object, finding.severity.word) == ("public.samples", "medium")
    assert finding.repair is not None
    assert "or f.head)" in " ".join(finding.repair.statements).lower()
    assert told(audited(headed("f.lab = samples.lab and (not spoilt or f.head)")), "precedence") == []


PAPERS = """
create table public.papers (
    id integer primary key, patient uuid not null references auth.users, stage text not null default 'rough'
);
alter table public.papers enable row level security;
create policy "read" on public.papers for {} to authenticated using ({});
"""
PATIENT = "patient = (select auth.uid())"


@pytest.mark.parametrize(
    ("verb", "using", "found"),
    [
        ("select", f"{PATIENT} and stage = 'final' or stage = 'corrected'", ("medium", "select")),
        ("select", f"stage = 'corrected' or stage = 'final' and {PATIENT}", ("medium", "select")),
        ("select", f"{PATIENT} and (stage = 'final' or stage = 'corrected')", None),
        ("select", f"({PATIENT} and stage = 'final') or stage = 'corrected'", None),
        ("select", f"{PATIENT} or stage = 'corrected'", None),
    ],
)
def test_what_is_asked_for_once_more_behind_or_was_meant_of_ones_own(
    audited: Audited, verb: str, using: str, found: tuple[str, str] | None
) -> None:
    expected = [("public.papers", found[0], (found[1],))] if found else []
    assert told(audited(PAPERS.format(verb, using)), "precedence") == expected
