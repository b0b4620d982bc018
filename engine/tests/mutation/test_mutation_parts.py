"""The pure parts: what is read of bodies and statements, how tests are chosen, what files may say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.catalog.model import Constraint, Function, Index, ObjectKey, Policy, Thing, Trigger
from pgassay.errors import ConfigError
from pgassay.guard_map import GuardedObject, GuardSheet, load_guards, save_guards
from pgassay.mutation.bodies import find_pieces
from pgassay.mutation.footprint import Footprint, dissect
from pgassay.mutation.history import History
from pgassay.mutation.model import SUITES, Mutant, MutantResult, MutantStatus, Noted, read_equivalents
from pgassay.mutation.order import Order
from pgassay.mutation.plan import Selection, parse_shard
from pgassay.mutation.reach import Reach, Reaches
from pgassay.mutation.runner import estimate_seconds
from pgassay.mutation.things import Privilege
from pgassay.plpgsql.grammar import parse_body

BODY = """
declare
    a constant int := 1 + 2;
    b text default coalesce(c, 'x;y');
begin
    select t.x, t.y into strict a, r.b from t where t.z = 1 for update;
    insert into t (x) values (1) returning id into a;
    if a = 1 and b then
        perform f(a);
    elsif not b then
        for r in select x from t loop
            return next r.x;
        end loop;
    end if;
    case when a > 1 then return query select 1; else null; end case;
    while a < 3 loop a := a + 1; end loop;
    execute 'select 1';
    raise exception 'no % ', a using errcode = case when b then 'A' end, hint = 'h';
end
"""


def test_every_piece_of_a_body_is_found_and_stands_alone() -> None:
    pieces = [" ".join(piece.text.split()) for piece in find_pieces(BODY, "plpgsql")]
    assert pieces == [
        "1 + 2",
        "coalesce(c, 'x;y')",
        "select t.x, t.y from t where t.z = 1 for update",
        "insert into t (x) values (1) returning id",
        "a = 1 and b",
        "not b",
        "f(a)",
        "select x from t",
        "r.x",
        "a > 1",
        "select 1",
        "a < 3",
        "a + 1",
        "case when b then 'A' end",
        "'h'",
    ]


def test_piece_that_is_put_back_unchanged_leaves_the_body_the_same_but_for_its_into() -> None:
    for piece in find_pieces(BODY, "plpgsql"):
        changed = piece.replace(BODY, piece.prefix + piece.text)
        assert changed.count("\n") == BODY.count("\n")
        assert [one.kind for one in parse_body(changed).walk()] == [
            one.kind for one in parse_body(BODY).walk()
        ]


@pytest.mark.parametrize("language", ["c", "internal"])
def test_body_in_another_language_has_no_pieces(language: str) -> None:
    assert find_pieces("f", language) == []


def test_statement_says_whether_it_writes_and_who_it_makes_of_the_connection() -> None:
    text = 'begin; set local role "authenticated"; select a from public.jobs; update jobs set b = 1; rollback'
    parts = dissect(text)
    assert [part.role for part in parts] == [None, "authenticated", None, None, ""]
    assert [part.writes for part in parts] == [False, False, False, True, False]
    assert {"public", "jobs", "a"} <= parts[2].words


@pytest.mark.parametrize("quote", ["$$", "$query$"])
def test_names_in_a_query_that_pgtap_is_given_are_reached(quote: str) -> None:
    (part,) = dissect(
        f"select is_empty({quote} select 1 from pg_class where relname = 'public.jobs' {quote})"
    )
    assert {"is_empty", "pg_class", "relname", "public", "jobs"} <= part.words


def footprint(*statements: str, role: str = "owner", reached: str = "") -> Footprint:
    footprint = Footprint(counts_calls=True)
    footprint.reached = frozenset(reached.split())
    for statement in statements:
        for part in dissect(statement):
            footprint.note(role, part, by_test=True)
    return replace(footprint, seconds=0.01)


def function(name: str, body: str) -> Function:
    return Function(
        function=f"public.{name}()", language="plpgsql", definition="", body=body, definer=False,
        volatility="v", strict=False,
    )  # fmt: skip


def trigger(table: str, name: str) -> Trigger:
    return Trigger(table=table, name="t", definition="", enabled="O", function=f"public.{name}()")


POLICY = Policy(
    table="public.jobs", name="own", command="select", permissive=True, roles=("anon",), using="a", check=None
)
RIGHT = Privilege(
    kind="function", object="private.mine()", column="", privilege="EXECUTE", role="anon", granted=True
)
CHECK = Constraint(table="public.ledger", name="k", type="c", definition="CHECK (amount > 0)", target=None)
CASCADE = Constraint(
    table="public.jobs", name="f", type="f", target="public.users",
    definition="FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE",
)  # fmt: skip
INDEX = Index(schema="public", table="public.jobs", name="i", definition="CREATE INDEX i ON public.jobs (a)")


@pytest.mark.parametrize(
    ("thing", "reached", "missed"),
    [
        # Through the trigger on jobs, and the function that it runs.
        (CHECK, footprint("insert into jobs values (1)"), footprint("select * from ledger")),
        (CHECK, footprint("select conname from pg_constraint"), footprint("select 1 from pg_class")),
        (POLICY, footprint("select a from jobs", role="anon"), footprint("select a from jobs")),
        (function("post", ""), footprint("delete from jobs", reached="post"), footprint("delete from jobs")),
        (INDEX, footprint("select * from pg_indexes"), footprint("insert into jobs values (1)")),
        # A policy calls the function with the rights of who reads.
        (RIGHT, footprint("select a from guarded", role="anon"), footprint("select a from guarded")),
        # By way of the cascade.
        (trigger("public.jobs", "settle"), footprint("delete from users"), footprint("delete from owners")),
    ],
    ids=["trigger", "catalog", "policy", "call", "index", "right", "cascade"],
)
def test_test_is_chosen_that_could_notice_and_none_that_could_not(
    thing: Thing, reached: Footprint, missed: Footprint
) -> None:
    things = (
        function("settle", "perform post()"),
        function("post", "insert into ledger"),
        trigger("public.jobs", "settle"),
        *(POLICY, CHECK, INDEX, CASCADE),
        replace(POLICY, table="public.guarded", using="private.mine()"),
    )
    reach = Reaches(things, unbound=["owner"]).find(thing)
    assert reach.covers(reached)
    assert not reach.covers(missed)


def mutant(operator: str = "DropPolicy", name: str = "own") -> Mutant:
    return Mutant(
        id=f"{operator}:public.jobs:{name}:0000000a",
        operator=operator,
        target=ObjectKey(kind="policy", object="public.jobs", name=name),
        description="",
        statements=(),
        reach=Reach(used=frozenset(("jobs",))),
    )


def test_test_that_killed_a_similar_mutant_comes_first_and_the_one_that_killed_this_before_all() -> None:
    order = Order({f"test_{number}": footprint("select 1 from jobs") for number in range(4)})
    assert order.rank(mutant()) == ["test_0", "test_1", "test_2", "test_3"]
    order.learn(mutant(), ["test_0", "test_1", "test_2"], killed=True)
    assert order.rank(mutant(name="other"))[0] == "test_2"
    assert order.rank(mutant(), killer="test_3")[0] == "test_3"


def test_test_that_runs_the_line_comes_before_those_that_only_run_the_function() -> None:
    def running(*lines: int) -> Footprint:
        return replace(footprint(reached="post"), lines={"post": frozenset(lines)})

    order = Order(
        {"early": running(1, 2), "late": running(1, 9), "all": running(1, 2, 9), "cheap": running(1)}
    )
    in_post = replace(mutant(), target=function("post", "").key, reach=Reach(called="post"))
    assert order.rank(replace(in_post, line=3)) == ["early", "all", "late", "cheap"]
    assert order.rank(replace(in_post, line=9)) == ["late", "all", "early", "cheap"]
    assert order.rank(in_post) == ["early", "late", "all", "cheap"]  # of which no line is known


def test_test_whose_name_tells_of_the_change_comes_first() -> None:
    tests = ("test_a.py::test_all", "test_b.py::test_progress_never_falls", "test_jobs.py::test_all")
    order = Order({test: footprint("select 1 from jobs") for test in tests})
    told = replace(mutant(), description="Policy says: new.progress < 1 became new.progress <= 1.")
    assert order.rank(told) == [tests[1], tests[2], tests[0]]  # `jobs` is what the policy is on
    assert order.rank(mutant()) == [tests[2], tests[0], tests[1]]


def test_test_pays_for_the_fixture_that_it_shares_with_the_fewest() -> None:
    def noted(test: str, setup: float, *shared: str) -> Noted:
        return Noted(
            test=test, outcome="passed", seconds=setup + 1, setup=setup, shared=shared, footprint=Footprint()
        )  # fmt: skip

    found = estimate_seconds(
        [noted("a", 0.0, "all"), noted("b", 9.0, "all", "load"), noted("c", 0.5, "all", "load")]
    )
    assert found == {"a": 1.0, "b": 10.0, "c": 10.0}


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", ""])
def test_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no shard"):
        parse_shard(text)


@pytest.mark.parametrize("only", ["DropPolicy", "public.jobs", "own", "Drop*", "*:0000000a"])
def test_mutant_is_selected_by_operator_object_name_or_id(only: str) -> None:
    assert Selection(only=(only,)).takes(mutant())
    assert not Selection(only=(only,)).takes(mutant("Widen", "else")) or only in ("public.jobs", "*:0000000a")


@pytest.mark.parametrize(
    "text",
    [
        "[[equivalent]]\nmutant = 'a'",
        "[[equivalent]]\nmutant = 'a'\nreason = ' '",
        "[[equivalent]]\nmutant = 'a'\nreason = 'r'\nwhy = 'w'",
        "[[ignored]]\nmutant = 'a'",
        "[[equivalent",
    ],
)
def test_entry_without_a_reason_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mutants.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        read_equivalents(file)


def test_without_a_file_nothing_is_ignored(tmp_path: Path) -> None:
    assert read_equivalents(tmp_path / "none.toml") == {}
    assert read_equivalents(None) == {}


def result(mutant: str, status: MutantStatus, by: str = "") -> MutantResult:
    return MutantResult(id=mutant, status=status, by=by)


def test_what_some_suites_found_is_known_to_others_where_it_holds_for_them() -> None:
    history = History(key="k")
    history.of(SUITES).update(
        a=result("a", MutantStatus.KILLED, "tests/pgtap/a.sql::pgtap"),
        b=result("b", MutantStatus.KILLED, "access matrix of public.jobs"),
        c=result("c", MutantStatus.SURVIVED),
        d=result("d", MutantStatus.INVALID),
        e=result("e", MutantStatus.UNJUDGED),
    )
    assert set(history.of(("pgtap",))) == {"a", "c", "d"}
    assert set(history.of(("pytest", "matrix"))) == {"b", "c", "d"}


def test_survivor_of_one_suite_is_open_to_the_others() -> None:
    history = History(key="k")
    history.of(("pgtap",)).update(
        a=result("a", MutantStatus.SURVIVED), b=result("b", MutantStatus.KILLED, "x::pgtap")
    )
    assert set(history.of(SUITES)) == {"b"}


def test_guard_map_is_kept_with_what_it_was_made_of(tmp_path: Path) -> None:
    target = ObjectKey(kind="policy", object="public.jobs", name="own")
    guard = GuardedObject(target=target, killed=1, valid=2, tests=("a.py::test_a",))
    save_guards(tmp_path / "guards.json", [guard], key="k")
    assert load_guards(tmp_path / "guards.json", key="k") == GuardSheet(guards=(guard,))
    changed = load_guards(tmp_path / "guards.json", key="other")
    assert changed and not changed.is_current
    assert load_guards(tmp_path / "none.json", key="k") is None
