"""A function with probes in it does what it did before; what cannot be placed is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.catalog.model import Function, ObjectKey, Policy
from pgassay.coverage.counters import read_counts
from pgassay.coverage.inventory import CoverageInventory, find_atoms
from pgassay.database import Script
from pgassay.errors import Place
from pgassay.plpgsql import rewriting
from pgassay.plpgsql.definitions import find_definitions
from pgassay.plpgsql.model import InstrumentError
from pgassay.plpgsql.rewriting import find_branches, find_points, rewrite
from tests.plpgsql.plpgsql_support import FILES, Connection, observe, read_calls

DEFINITION = "create or replace function f(a int) returns int language plpgsql as $function${}$function$"
PROPERTIES = """
    select p.oid::regprocedure::text, p.proowner, p.proacl, p.proconfig, p.prosecdef, p.provolatile,
        p.procost, p.prorows, p.proisstrict, p.proparallel, p.prokind, pg_get_function_arguments(p.oid),
        pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc')
    from pg_proc as p where p.pronamespace = 'public'::regnamespace order by 1
"""
by_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def make(body: str) -> Function:
    return Function(
        function="f(integer)", language="plpgsql", definition=DEFINITION.format(body), body=body,
        definer=False, volatility="v", strict=False,
    )  # fmt: skip


@by_file
def test_probes_change_no_result_no_error_and_no_notice(
    plain: Connection, counted: Connection, file: Path
) -> None:
    calls = read_calls(file)
    assert calls
    for call in calls:
        assert observe(counted, call) == observe(plain, call)


def test_no_function_of_the_collection_is_refused(inventory: CoverageInventory) -> None:
    assert inventory.refused == ()
    assert len(inventory.functions) == 23


@by_file
def test_every_statement_is_counted_that_the_calls_reach(
    counted: Connection, inventory: CoverageInventory, file: Path
) -> None:
    for call in read_calls(file):
        observe(counted, call)
    seen = read_counts(counted)
    plans = [plan for plan in inventory.functions if file.stem in plan.function.function]
    points = [point for plan in plans for point in plan.points]
    assert points
    for point in points:
        assert (point.name in seen) is ("never" not in point.text), point


def test_rewriting_keeps_every_property(plain: Connection, counted: Connection) -> None:
    assert counted.execute(PROPERTIES).fetchall() == plain.execute(PROPERTIES).fetchall()


def test_statements_that_share_a_line_are_told_apart() -> None:
    function = make(
        "begin if a > 1 then return 1; elsif a = 1 then null; else a := 2; end if;\nreturn a; end"
    )
    assert [(p.name, p.kind, p.line, p.text) for p in find_points(function)] == [
        ("f(integer)#1", "if", 1, "if a > 1 then"),
        ("f(integer)#2", "return", 1, "return 1;"),
        ("f(integer)#3", "assign", 1, "a := 2;"),
        ("f(integer)#4", "return", 2, "return a;"),
    ]
    assert [(b.name, b.kind, b.text) for b in find_branches(function)] == [
        ("f(integer)~1", "then", "if a > 1 then"),
        ("f(integer)~2", "elsif", "elsif a = 1 then"),
        ("f(integer)~3", "else", "else"),
    ]


def test_branches_that_nobody_wrote_are_branches_too() -> None:
    function = make(
        "begin while a < 9 loop a := 1; if a = 1 then exit; end if; end loop; loop exit; end loop;\n"
        "case a when 1 then null; end case; exception when others then null; end"
    )
    kinds = [branch.kind for branch in find_branches(function)]
    assert kinds == ["no turn", "loop", "then", "no else", "loop", "when", "handler"]


@pytest.mark.parametrize(
    ("head", "may_miss"),
    [
        ("i in 1..3", False),
        ("i in 2 .. 2", False),
        ("i in 3..1", True),
        ("i in reverse 3..1", True),
        ("i in 1..a", True),
        ("i in a..3", True),
        ("i in 1..3 by a", True),
        ("i in select 1", True),
    ],
)
def test_loop_between_two_numbers_has_no_branch_without_a_turn(head: str, may_miss: bool) -> None:
    function = make(f"declare i record; begin for {head} loop a := 1; end loop; return a; end")
    kinds = [branch.kind for branch in find_branches(function)]
    assert kinds == ["no turn", "loop"][not may_miss :]


def test_probe_stands_before_its_statement_and_adds_no_line() -> None:
    function = make("begin\n  <<l>> loop exit l; end loop;\n  return a; -- x\nend")
    written = rewrite(function, lambda point: f"p({point.k})" if point.kind != "loop" else "")
    assert written == DEFINITION.replace("$function$", "$pgassay$").format(
        "begin\n  <<l>> loop  if (p(2)) then null; end if; exit l; end loop;\n"
        "   if (p(3)) then null; end if; return a; -- x\nend"
    )


def test_body_with_our_quotes_in_it_gets_others() -> None:
    written = rewrite(make("begin perform $pgassay$x$pgassay$; return 1; end"), lambda _: "")
    assert written.endswith("$pgassay_$begin perform $pgassay$x$pgassay$; return 1; end$pgassay_$")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("begin x.y := 1; return 1; end", 'libpg_query says: "x.y" is not a known variable'),
        ("begin return 1", "it ends in the middle of a statement"),
        ("begin if a > 1 then return 1; end loop; end", "line 1 has 'loop' where 'if' was expected"),
        ("begin return 'x; end", "its scanner says"),
        ("begin return 1; end; select 1", "it is not one block"),
    ],
)
def test_function_that_cannot_be_placed_is_refused_by_name(body: str, why: str) -> None:
    with pytest.raises(InstrumentError, match=r"Cannot place probes in f\(integer\)\.") as refused:
        find_points(make(body))
    assert why in refused.value.why


def test_parsers_that_disagree_are_believed_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "list_statements", lambda _: [("block", 1), ("perform", 2)])
    with pytest.raises(InstrumentError) as refused:
        rewrite(make("begin\nreturn 1; end"), lambda _: "true")
    assert refused.value.why == (
        "Read as PL/pgSQL, its tokens have return in line 2 where libpg_query has perform in line 2."
    )


def test_policy_that_cannot_be_read_is_refused_by_name() -> None:
    policy = Policy(
        table="t", name="own", command="all", permissive=True, roles=(), using="(a = ", check=None
    )
    with pytest.raises(InstrumentError, match='Cannot place probes in "own" on t'):
        find_atoms(policy)


def test_places_are_those_of_the_file_also_inside_do_blocks() -> None:
    text = """
create function public.f() returns int language plpgsql
set search_path = '' as $x$
begin
    return 1;
end $x$;
create function twice() returns int language sql as 'select 1';
create function twice(a int) returns int language sql as 'select 1';
create policy "é own" on public.t using (true);
do $$ begin
    create policy inner_one on t using (true);
    if true then
        execute format('create policy run_one on %I using (true)', 't');
    end if;
end $$;
"""
    file = Path("some.sql")
    places = find_definitions([Script(path=file, text=text)])
    assert places.bodies == {
        ("f", "\nbegin\n    return 1;\nend "): Place(file=file, line=3),
        ("twice", "select 1"): None,
    }
    policies = {(key.object, key.name): place for key, place in places.known.items() if key.kind == "policy"}
    assert policies == {
        ("public.t", "é own"): Place(file=file, line=9, column=1),
        ("public.t", "inner_one"): Place(file=file, line=11, column=5),
    }
    run = places.find(ObjectKey(kind="policy", object="public.t", name="run_one"))
    assert run and run.line == 13
