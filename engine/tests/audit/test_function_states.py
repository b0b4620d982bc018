"""Functions that want a row to be in some state: the solver says which, and the owner puts it there."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow
RULE = "functions"

TASKS = """
create table public.tasks (
    id uuid primary key, owner uuid not null references auth.users, note text not null, code text not null,
    stage integer not null default 1, due timestamptz
);
alter table public.tasks enable row level security;
create policy "own" on public.tasks for select to authenticated using (owner = (select auth.uid()));
{}
create function public.finish({}) returns {} language plpgsql security definer set search_path = '' as $$
begin
    {}
end $$;
"""
CHANGE = "update public.tasks as t set note = 'done' where t.id = task and t.stage >= 7 and t.due < now(){}"
TIED = (
    "return query select t.note from public.tasks as t where t.code = said and t.stage = at and t.stage > 6;"
)
READ = "return query select t.note from public.tasks as t where t.code = said and t.stage = 7;"


@pytest.mark.parametrize(
    ("arguments", "returns", "body"),
    [
        ("task uuid", "void", CHANGE.format(";")),
        ("task uuid", "table (done uuid)", f"return query {CHANGE.format(' returning t.id;')}"),
        ("task uuid, out a integer, out b integer", "record", f"{CHANGE.format(';')} a := 1; b := 2;"),
        ("task uuid, out a integer", "integer", f"{CHANGE.format(';')} a := 1;"),
        ("inout task uuid", "uuid", CHANGE.format(";")),
    ],
)
def test_who_changes_a_row_of_others_in_a_state_that_none_is_in_changes_it(
    audited: Audited, arguments: str, returns: str, body: str
) -> None:
    [finding] = of_rule(audited(TASKS.format("", arguments, returns, body)), "functions")
    assert finding.object.startswith("public.finish(")
    assert finding.steps[0].statement.startswith("update public.tasks set stage = '7', due = ")
    own = body.replace("t.id = task", "t.id = task and t.owner = auth.uid()")
    assert told(audited(TASKS.format("", arguments, returns, own)), "functions") == []


def test_who_reads_a_row_of_others_in_a_state_that_none_is_in_reads_it(audited: Audited) -> None:
    read = ("said text", "table (note text)", READ)
    [finding] = of_rule(audited(TASKS.format("", *read)), "functions")
    assert (finding.severity.word, finding.steps[0].who) == ("critical", None)
    assert finding.steps[0].statement.startswith("update public.tasks set stage = '7' where id = ")


def test_what_the_owner_may_say_of_a_row_is_left_to_him(audited: Audited) -> None:
    stage = """create policy "say" on public.tasks for update to authenticated
    using (owner = (select auth.uid()));"""
    assert told(audited(TASKS.format(stage, "said text", "table (note text)", READ)), "functions") == []


def test_who_asks_who_calls_and_refuses_nobody_changes_rows_of_all_in_that_state(audited: Audited) -> None:
    asking = f"if auth.uid() is null then raise exception 'no'; end if; {CHANGE.format(';')}"
    asking = asking.replace("note = 'done'", "note = said")
    [finding] = of_rule(audited(TASKS.format("", "task uuid, said text", "void", asking)), "functions")
    assert (finding.severity.word, finding.who) == ("high", ("alice", "bob"))
    assert [step.statement.split(" set ")[0] for step in finding.steps[:2]] == ["update public.tasks"] * 2


def test_an_argument_may_say_the_state_too(audited: Audited) -> None:
    read = ("said text, at integer", "table (note text)", TIED)
    [finding] = of_rule(audited(TASKS.format("", *read)), "functions")
    assert finding.steps[0].statement.startswith("update public.tasks set stage = '7' where id = ")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ("uuid, out integer", f"{CHANGE.format(';')} $2 := 1;".replace("= task", "= $1")),
        ("uuid", f"{CHANGE.format(';')}".replace("= task", "= $1")),
    ],
)
def test_arguments_need_no_names(audited: Audited, arguments: str, body: str) -> None:
    returns = "integer" if "out" in arguments else "void"
    [finding] = of_rule(audited(TASKS.format("", arguments, returns, body)), "functions")
    assert finding.steps[0].statement.startswith("update public.tasks set stage = '7', due = ")


def test_a_function_is_called_whatever_another_of_its_name_takes(audited: Audited) -> None:
    read = TASKS.format(
        "", "task uuid", "table (note text)", READ.replace("code = said and t.stage = 7", "id = task")
    )
    other = "create function public.finish(task text) returns text language sql as 'select task';"
    [finding] = of_rule(audited(f"{read}{other}"), "functions")
    assert finding.object == "public.finish(uuid)"
    assert "'::uuid)" in finding.steps[0].statement


def test_a_function_that_takes_any_type_is_called_with_a_text(audited: Audited) -> None:
    read = TASKS.format(
        "", "task anyelement", "table (note text)", "return query select t.note from public.tasks as t;"
    )
    [finding] = of_rule(audited(read), "functions")
    assert finding.object == "public.finish(anyelement)"
