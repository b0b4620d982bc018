"""Guards as values: their sentences, their removals, their order, what they cover."""

from __future__ import annotations

from typing import Literal

import pytest

from pgassay.denial import (
    Constraint,
    DomainConstraint,
    FunctionProperty,
    Grant,
    Guard,
    NoPolicy,
    NotNull,
    Ownership,
    Policy,
    RoleMembership,
    RowSecurity,
    Trigger,
    UniqueIndex,
    ViewOption,
)

ODD = 'public."Odd; Table"'

TEXTS: list[tuple[Guard, str, str]] = [
    (
        Grant(privilege="UPDATE", object="public.users", columns=("Tier", "credits"), role="authenticated"),
        'missing grant update ("Tier", credits) on public.users to authenticated',
        'grant update ("Tier", credits) on public.users to authenticated',
    ),
    (
        Grant(privilege="execute", kind="function", object="public.f( int , text[] )", role="public"),
        "missing grant execute on routine public.f(integer, text[]) to public",
        "grant execute on routine public.f(integer, text[]) to public",
    ),
    (
        Grant(privilege="usage", kind="schema", object="Odd; Schema", role='a"b'),
        'missing grant usage on schema "Odd; Schema" to "a""b"',
        'grant usage on schema "Odd; Schema" to "a""b"',
    ),
    (
        Grant(privilege="usage", kind="sequence", object="public.s", role="anon"),
        "missing grant usage on sequence public.s to anon",
        "grant usage on sequence public.s to anon",
    ),
    (
        Grant(privilege="set", kind="parameter", object="session_replication_role", role="anon"),
        "missing grant set on parameter session_replication_role to anon",
        "grant set on parameter session_replication_role to anon",
    ),
    (
        RoleMembership(role="service_role", member="anon"),
        "anon is no member of service_role",
        "grant service_role to anon",
    ),
    (
        Ownership(relation=ODD, role="anon"),
        'anon does not own public."Odd; Table"',
        'grant create on schema public to anon; alter table public."Odd; Table" owner to anon',
    ),
    (
        Policy(table=ODD, name="It's; own", clause="WITH CHECK", command="insert", permissive=False),
        'restrictive policy "It\'s; own" on public."Odd; Table", WITH CHECK for insert',
        'alter policy "It\'s; own" on public."Odd; Table" with check (true)',
    ),
    (
        NoPolicy(table="public.t", command="update", role="anon"),
        "no policy on public.t for update to anon",
        'create policy "pgassay update anon" on public.t for update to anon using (true) with check (true)',
    ),
    (
        RowSecurity(table="public.t"),
        "row level security of public.t",
        "alter table public.t disable row level security",
    ),
    (
        Trigger(table="public.t", name="Stop; It", function="public.stop()"),
        'trigger "Stop; It" on public.t, function public.stop()',
        'alter table public.t disable trigger "Stop; It"',
    ),
    (
        Constraint(table="public.t", name="t_ok"),
        "constraint t_ok on public.t",
        "alter table public.t drop constraint t_ok cascade",
    ),
    (UniqueIndex(index="public.i"), "unique index public.i", "drop index public.i"),
    (
        NotNull(table="public.t", column="user"),
        'not null of "user" on public.t',
        'alter table public.t alter column "user" drop not null',
    ),
    (
        DomainConstraint(domain="public.d", name="d_ok"),
        "constraint d_ok of domain public.d",
        "alter domain public.d drop constraint d_ok",
    ),
    (
        ViewOption(view="public.v", option="security_invoker"),
        "security_invoker of view public.v",
        "alter view public.v reset (security_invoker)",
    ),
    (
        FunctionProperty(function="public.f()", name="security definer"),
        "security definer of function public.f()",
        "alter function public.f() security invoker",
    ),
    (
        FunctionProperty(function="public.f()", name="search_path"),
        "search_path of function public.f()",
        "alter function public.f() reset search_path",
    ),
]


@pytest.mark.parametrize(("guard", "sentence", "removal"), TEXTS, ids=str)
def test_a_guard_says_what_it_is_and_how_it_goes(guard: Guard, sentence: str, removal: str) -> None:
    assert (str(guard), guard.removal) == (sentence, removal)


@pytest.mark.parametrize("command", ["select", "insert", "update", "delete"])
def test_a_missing_policy_gets_the_clauses_of_its_command(
    command: Literal["select", "insert", "update", "delete"],
) -> None:
    removal = NoPolicy(table="public.t", command=command, role="public").removal
    assert ("using (true)" in removal, "with check (true)" in removal) == (
        command != "insert",
        command in ("insert", "update"),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RowSecurity(table="PUBLIC.Notes"), RowSecurity(table='"public"."notes"')),
        (
            Grant(privilege="execute", kind="function", object="public.f(int)", role="a"),
            Grant(privilege="EXECUTE", kind="function", object="public.f(integer)", role="a"),
        ),
        (
            Grant(privilege="select", object="public.t", columns=("b", "a"), role="a"),
            Grant(privilege="select", object="public.t", columns=("a", "b"), role="a"),
        ),
        (
            Policy(table="public.t", name="p", clause="USING", command="select"),
            Policy(table="public.t", name="p", clause="USING", permissive=False),
        ),
        (Trigger(table="public.t", name="x"), Trigger(table="public.t", name="x", function="public.f()")),
    ],
)
def test_two_spellings_of_one_thing_are_equal(one: Guard, other: Guard) -> None:
    assert one == other
    assert {one} == {other}


@pytest.mark.parametrize(
    "name", ["notes", "a.b.c", "a.b; drop table x", "a.b, c.d", "a.b cascade", "", 'a."b']
)
def test_a_relation_needs_its_schema_and_nothing_more(name: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        RowSecurity(table=name)


@pytest.mark.parametrize("name", ["public.f", "f()", "public.f() strict", "public.f(); select 1"])
def test_a_function_needs_schema_and_arguments_and_nothing_more(name: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        FunctionProperty(function=name, name="strict")


def test_guards_sort_by_kind_then_sentence() -> None:
    trigger = Trigger(table="public.a", name="a")
    second = Constraint(table="public.a", name="b")
    first = Constraint(table="public.z", name="a")
    assert sorted([trigger, second, first]) == [first, second, trigger]


TABLE = Grant(privilege="select", object="public.t", role="anon")
COLUMNS = Grant(privilege="select", object="public.t", columns=("a", "b"), role="anon")
COLUMN = Grant(privilege="select", object="public.t", columns=("a",), role="anon")
POLICY = Policy(table="public.t", name="p", clause="USING")
MISSING = NoPolicy(table="public.t", command="delete", role="anon")


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (TABLE, COLUMN),
        (COLUMNS, COLUMN),
        (RowSecurity(table="public.t"), POLICY),
        (RowSecurity(table="public.t"), MISSING),
    ],
)
def test_the_wide_covers_the_narrow_and_not_the_other_way_round(wide: Guard, narrow: Guard) -> None:
    assert wide.covers(narrow)
    assert wide.covers(wide)
    assert not narrow.covers(wide)


@pytest.mark.parametrize(
    "other",
    [
        Grant(privilege="insert", object="public.t", columns=("a",), role="anon"),
        Grant(privilege="select", object="public.t2", columns=("a",), role="anon"),
        Grant(privilege="select", object="public.t", columns=("a",), role="public"),
    ],
)
def test_a_grant_covers_no_other_privilege_table_or_role(other: Grant) -> None:
    assert not TABLE.covers(other)


def test_row_security_covers_no_other_table() -> None:
    assert not RowSecurity(table="public.t2").covers(POLICY)
