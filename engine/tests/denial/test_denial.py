"""Every refusal is traced to the very things that refuse, alone and together."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.denial import (
    Constraint,
    DomainConstraint,
    Guard,
    NoPolicy,
    NotNull,
    Ownership,
    Trigger,
    UniqueIndex,
    ViewOption,
    explain_denial,
)
from pgassay.observation import Persona
from tests.denial.guard_support import grant, policy

OWN = 'Buyer\'s "own"'
ITEMS = '"Mixed Case"."Order; Items"'


ALONE: dict[str, tuple[str, Guard]] = {
    "grant on a table": ("delete from public.journal", grant("delete", "public.journal")),
    "grant on one column that is written": (
        "update public.notes set secret = 'x', body = 'x' where id = 1",
        grant("update", "public.notes", "secret"),
    ),
    "grants on columns that are read": (
        "select id, secret from public.notes where body = 'alice'",
        grant("select", "public.notes", "secret"),
    ),
    "grant behind returning": (
        "update public.notes set body = 'x' where id = 1 returning secret",
        grant("select", "public.notes", "secret"),
    ),
    "grant behind a star": ("select * from public.notes", grant("select", "public.notes", "secret")),
    "grant behind a whole row": (
        "select n from public.notes as n",
        grant("select", "public.notes", "secret"),
    ),
    "grant for counting": ("select count(*) from public.log", grant("select", "public.log")),
    "grant behind a common table expression": (
        "with log as (select entry from public.log) select count(*) from log",
        grant("select", "public.log", "entry"),
    ),
    "grant for locking rows": (
        "select entry from public.journal for share",
        grant("update", "public.journal"),
    ),
    "grant on a function, of two overloads": (
        "select public.pay(1, array['good'::public.mood], 'bad')",
        grant("execute", "public.pay(int, public.mood[], public.mood)", kind="function"),
    ),
    "usage of a schema": ("select hidden.peek()", grant("usage", "hidden", kind="schema")),
    "usage of a schema, for a table": (
        "select count(*) from hidden.ideas",
        grant("usage", "hidden", kind="schema"),
    ),
    "usage of a sequence": (
        "select nextval('public.tickets'::regclass)",
        grant("usage", "public.tickets", kind="sequence"),
    ),
    "grant on what a security invoker view reads": (
        "select id from public.my_notes where id = 1",
        grant("select", "public.notes", "secret"),
    ),
    "grant inside a trigger": (
        "insert into public.orphans values ('x')",
        grant("insert", "public.audit", "entry"),
    ),
    "create in a schema": ("create table public.t ()", grant("create", "public", kind="schema")),
    "trigger privilege": (
        "create trigger t before insert on public.log for each row execute function public.refuse_entry()",
        grant("trigger", "public.log"),
    ),
    "truncate": ("truncate public.log", grant("truncate", "public.log")),
    "ownership": (
        "alter table public.log disable trigger all",
        Ownership(relation="public.log", role="authenticated"),
    ),
    "policy that hides": ("select id from public.notes where id = 2", policy("public.notes", "read own")),
    "restrictive policy": ("select id from public.notes where id = 3", policy("public.notes", "not banned")),
    "restrictive policy that checks": (
        "insert into public.notes (id, banned) values (9, true)",
        policy("public.notes", "not banned", "WITH CHECK"),
    ),
    "policy that checks": (
        "insert into public.notes (id, owner) values (9, gen_random_uuid())",
        policy("public.notes", "add own", "WITH CHECK"),
    ),
    "using that also checks": (
        f"insert into {ITEMS} values (9, 1, null)",
        policy(ITEMS, OWN),
    ),
    "no policy at all": (
        "select from public.vault",
        NoPolicy(table="public.vault", command="select", role="authenticated"),
    ),
    "no policy for insert": (
        "insert into public.vault values (9)",
        NoPolicy(table="public.vault", command="insert", role="authenticated"),
    ),
    "check": (
        "update public.notes set body = repeat('x', 20) where id = 1",
        Constraint(table="public.notes", name="notes_body_short"),
    ),
    "primary key": (
        "insert into public.notes (id) values (2)",
        Constraint(table="public.notes", name="notes_pkey"),
    ),
    "foreign key": (
        "update public.orders set note_id = 99 where id = 1",
        Constraint(table="public.orders", name="orders_note_exists"),
    ),
    "unique index": (
        "insert into public.notes (id, slug) values (9, 'b')",
        UniqueIndex(index="public.notes_slug_once"),
    ),
    "domain": (
        "insert into public.notes (id, label) values (9, 'far too long')",
        DomainConstraint(domain="public.short", name="short enough"),
    ),
    "not null, as no other guard's column": (
        "insert into public.events (day, kind, n) values ('2026-01-01', null, 1)",
        NotNull(table="public.events", column="kind"),
    ),
    "quoted check": (
        f'update {ITEMS} set "Unit ""Price""" = 0 where "Id" = 1',
        Constraint(table=ITEMS, name="Price > 0"),
    ),
    "quoted trigger": (f'delete from {ITEMS} where "Id" = 1', Trigger(table=ITEMS, name="Say; No")),
    "check of a partition": (
        "insert into public.events_2026 values ('2026-01-01', 'x', 0)",
        Constraint(table="public.events", name="events_n_positive"),
    ),
    "unique of a partition": (
        "insert into public.events values ('2026-05-05', 'once', 1)",
        Constraint(table="public.events", name="events_once"),
    ),
    "trigger of a partition": (
        "insert into public.events values ('2026-01-01', 'leap', 1)",
        Trigger(table="public.events", name="no_leap"),
    ),
    "check option": (
        "insert into public.small_boards values (100, null)",
        ViewOption(view="public.small_boards", option="check_option"),
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_guard_that_holds_alone_is_named(session: Session, alice: Persona, name: str) -> None:
    query, guard = ALONE[name]
    session.execute("grant insert on public.events_2026 to authenticated")
    denial = explain_denial(session, alice, query)
    assert (denial.guards, denial.alternatives, denial.unexplained) == ((guard,), {}, "")
    with session.act_as(alice):
        assert session.attempt(query).outcome is denial.attempt.outcome  # nothing stays removed


TOGETHER: dict[str, tuple[str, tuple[Guard, ...]]] = {
    "insert and read": (
        "insert into public.notes (id, secret, banned) values (9, 'x', false) returning secret",
        (grant("insert", "public.notes", "secret"), grant("select", "public.notes", "secret")),
    ),
    "columns of one privilege are one grant": (
        "select count(entry) from public.queue where number > 0",
        (grant("select", "public.queue", "entry", "number"),),
    ),
    "a default and a check that call": (
        "insert into public.queue (entry) values ('x')",
        (
            grant("execute", "public.is_fine(text)", kind="function"),
            grant("usage", "public.tickets", kind="sequence"),
        ),
    ),
    "create and references": (
        "create table public.t (id int references public.notes (id))",
        (grant("create", "public", kind="schema"), grant("references", "public.notes", "id")),
    ),
    "an update is judged by the policies for select too": (
        "update public.orders set state = 'x' where id = 2",
        (
            policy("public.orders", "edit"),
            policy("public.orders", "read"),
            policy("public.orders", "edit", "WITH CHECK"),
        ),
    ),
    "an upsert is judged by the policies for update": (
        "insert into public.notes (id) values (2) on conflict (id) do update set body = 'x'",
        (policy("public.notes", "edit own"), policy("public.notes", "read own")),
    ),
    "a merge as well": (
        "merge into public.notes as t using (values (2)) as s (id) on t.id = s.id when matched then delete",
        (
            grant("delete", "public.notes"),
            NoPolicy(table="public.notes", command="delete", role="authenticated"),
            policy("public.notes", "read own"),
        ),
    ),
    "grant, trigger, policy and constraint": (
        "update public.orders set paid = true where id = 1",
        (
            grant("update", "public.orders", "paid"),
            Trigger(table="public.orders", name="keep_unpaid"),
            policy("public.orders", "edit", "WITH CHECK"),
            Constraint(table="public.orders", name="orders_are_unpaid"),
        ),
    ),
    "restrictive and permissive": (
        "select id from public.notes where id = 4",
        (policy("public.notes", "read own"), policy("public.notes", "not banned")),
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_guards_that_overlap_are_all_named(session: Session, alice: Persona, name: str) -> None:
    query, guards = TOGETHER[name]
    denial = explain_denial(session, alice, query)
    assert (set(denial.guards), len(denial.guards), denial.unexplained) == (set(guards), len(guards), "")
    assert denial.cause.startswith(f"held by {len(guards)}: ")


def test_any_of_the_permissive_policies_would_do(session: Session, alice: Persona) -> None:
    denial = explain_denial(session, alice, "select id from public.boards where id = %s", [1])
    own, public = policy("public.boards", "own"), policy("public.boards", "public")
    assert (denial.guards, denial.alternatives) == ((own,), {own: (public,)})
    assert denial.cause == (
        'held by 1: policy "own" on public.boards, USING for select'
        ' or policy "public" on public.boards, USING for select'
    )


def test_the_innermost_trigger_refuses_and_the_outer_one_would_do(session: Session, alice: Persona) -> None:
    denial = explain_denial(session, alice, "insert into public.journal values ('bad')")
    inner = Trigger(table="public.log", name="refuse_entry")
    outer = Trigger(table="public.journal", name="copy_entry")
    assert (denial.guards, denial.alternatives) == ((inner,), {inner: (outer,)})


def test_a_trigger_that_another_makes_up_for_is_no_guard(session: Session, alice: Persona) -> None:
    # refuse_entry raises first, yet with copy_entry gone it never runs; then stop_entry raises.
    denial = explain_denial(session, alice, "insert into public.journal values ('worst')")
    assert denial.guards == (
        Trigger(table="public.journal", name="copy_entry"),
        Trigger(table="public.journal", name="stop_entry"),
    )


def test_the_one_removal_that_suffices_is_preferred(session: Session, alice: Persona) -> None:
    session.execute("alter table public.journal disable trigger stop_entry")
    denial = explain_denial(session, alice, "insert into public.journal values ('worst')")
    assert denial.guards == (Trigger(table="public.journal", name="copy_entry"),)


def test_a_removal_that_runs_into_an_error_is_not_preferred(session: Session, alice: Persona) -> None:
    # Without refuse_entry, copy_entry would divide by zero.
    denial = explain_denial(session, alice, "insert into public.journal values ('broken')")
    assert (denial.guards, denial.unexplained) == ((Trigger(table="public.journal", name="copy_entry"),), "")
