"""One valid row of a table, and tables that no row can satisfy: what refused is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgassay.solver.model import Made, Reason, RowNeed, Unreached
from pgassay.solver.solver import STATEMENTS_OF_A_ROW, Solver
from pgassay.solver.steps import STEPS

Solving = Callable[[str], Solver]

# What makes a row, and what of it has to be.
SATISFIED = {
    "types": (
        "create table x (a uuid not null, b text not null, c varchar(3) not null,"
        " d numeric(3, 2) not null,"
        " e date not null, f timestamptz not null, g jsonb not null, h inet not null, i text[] not null,"
        " j int4range not null, k bytea not null, l interval not null, m time not null, n char(2) not null,"
        ' o "char" not null, p money not null, q smallint not null, r boolean not null)',
        {},
    ),
    "enum": ("create type s as enum ('a', 'b'); create table x (a s not null)", {"a": "a"}),
    "identity": ("create table x (a int generated always as identity, b text)", {"a": "1"}),
    "identity that is asked for": (
        "create table x (a int generated always as identity primary key, b text)",
        {"a": "77"},
    ),
    "generated": (
        "create table x (a int not null check (a = 2), b int generated always as (a * 2) stored)",
        {"b": "4"},
    ),
    "check": (
        "create table x (a int not null check (a between 3 and 4), b int not null, check (b = a + 1))",
        {},
    ),
    "check of words": ("create table x (a text not null check (a in ('left', 'right')))", {"a": "left"}),
    "check of a pattern": ("create table x (a text not null check (a ~ '^[A-Z]{2}-[0-9]{4}$'))", {}),
    "checks that meet": (
        "create table x (a text not null,"
        " check (length(a) > 5), check (a ~ '^[a-z]+$'), check (length(a) < 8))",
        {},
    ),
    "domain": (
        "create domain d as text not null check (value like '%@%');"
        "create domain e as d check (length(value) < 9); create table x (a e)",
        {},
    ),
    "parents": (
        "create table z (a int primary key);"
        "create table y (a uuid primary key, b int not null references z);"
        "create table x (a uuid not null references y)",
        {},
    ),
    "parent by a default that is null": (
        "create table y (a uuid primary key);"
        "create table x (a uuid not null default nullif('', '')::uuid references y)",
        {},
    ),
    "key of two": (
        "create table y (a int, b text, primary key (a, b));"
        "create table x (a int not null, b text not null, foreign key (a, b) references y)",
        {},
    ),
    "key with a part that is generated": (
        "create table y (a int, kind text not null check (kind in ('note', 'file')), primary key (a, kind));"
        "create table x (a int not null, kind text generated always as ('file') stored,"
        " foreign key (a, kind) references y)",
        {"kind": "file"},
    ),
    "name that the server's function has too": (
        "create domain d as text;"
        "create function replace(d, d, d) returns text language sql as 'select $1::text';"
        "create table x (a text not null check (replace(a, 'x', '') = 'key'))",
        {},
    ),
    "text that is as it is without blanks, in small letters": (
        "create table x (a text not null, check (a = lower(btrim(a)) and char_length(a) between 3 and 64"
        " and a ~ '^[0-9a-f]{64}$'))",
        {},
    ),
    "elements of an array that a function looks at": (
        "create function fit(value text[]) returns boolean language sql immutable strict as $$ select"
        " cardinality(value) between 1 and 8"
        " and not exists (select from unnest(value) as t (word) where word <> btrim(word)"
        " or char_length(word) not between 1 and 40)"
        " and (select count(*) = count(distinct lower(word)) from unnest(value) as t (word)) $$;"
        "create table x (a text[] not null check (fit(a)),"
        " b text not null check (b = btrim(b) and char_length(b) between 3 and 8),"
        " c text not null check (c = btrim(c) and char_length(c) between 50 and 60),"
        " d text not null check (d = btrim(d) and char_length(d) between 10 and 24))",
        {},
    ),
    "number of nulls": ("create table x (a text, b text, check (num_nonnulls(a, b) = 1))", {}),
    "booleans that are counted": (
        "create table x (a text, b text, check ((a is not null)::int + (b is not null)::int = 1))",
        {},
    ),
    "bits": ("create table x (a bit(8) not null, b varbit not null)", {"a": "00000000"}),
    "document in which each check wants something": (
        "create table x (kind text not null check (kind in ('one', 'two')),"
        """ a jsonb not null check (a @> '{"v": 1}'),"""
        " check (case kind when 'one' then a ? 'y' else a ? 'z' end))",
        {"a": '{"v": 1, "y": true}'},
    ),
    "object with keys": (
        "create table x (a jsonb not null check (jsonb_typeof(a) = 'object' and a ?& array['b', 'c']))",
        {},
    ),
    "text where a document has a place": (
        "create table x (a jsonb not null check (a -> 'b' is not null and a ? 'c'))",
        {},
    ),
    "itself": ("create table x (a uuid primary key, b uuid not null references x)", {}),
    "partition": (
        "create table x (a date not null, b int) partition by range (a);"
        "create table y partition of x for values from ('2020-05-05') to ('2021-01-01')",
        {"a": "2020-05-05"},
    ),
    "circle that is checked at the end": (
        "create table x (a uuid primary key, b uuid not null);"
        "create table y (a uuid primary key, b uuid not null references x);"
        "alter table x add foreign key (b) references y deferrable initially deferred",
        {},
    ),
    "trigger that fills in": (
        "create table x (a text not null, b text);"
        "create function f() returns trigger language plpgsql as"
        " $$ begin new.b := lower(new.a); return new; end $$;"
        "create trigger t before insert on x for each row execute function f()",
        {},
    ),
    "trigger with a condition": (
        "create table x (a int not null, b int not null);"
        "create function f() returns trigger language plpgsql as $$ declare wrong boolean := new.a > 7; begin"
        " if wrong or new.b <= new.a then raise exception 'b is more than a'; end if; return new; end $$;"
        "create trigger t before insert on x for each row execute function f()",
        {},
    ),
}


@pytest.mark.parametrize("name", SATISFIED)
def test_row_is_made(solving: Solving, name: str) -> None:
    schema, expected = SATISFIED[name]
    solver = solving(f"set search_path = public; {schema}")
    asked = {"a": "77"} if "asked for" in name else {}
    made = solver.make(RowNeed(table="public.x", values=asked, purpose="test"))
    assert isinstance(made, Made), str(made)
    assert not made.unchecked
    assert {column: made.values[column] for column in expected} == expected
    assert solver.count("public.x") == 1


def test_a_duplicate_in_a_partition_is_one_of_the_table(solving: Solving) -> None:
    solver = solving(
        "set search_path = public;"
        "create table x (a int, b date default '2020-05-05', primary key (a, b)) partition by list (a);"
        "create table y partition of x default"
    )
    for purpose in ("first", "second"):
        need = RowNeed(table="public.x", values={"a": "1"}, purpose=purpose, shared=False)
        assert isinstance(solver.make(need), Made)
    assert solver.count("public.x") == 2


# Rows that refer to their own table, or would in a circle: what stands alone comes first.
FIRST_ALONE = {
    "a kind that needs another row": (
        "create table x (a bigint generated always as identity primary key, k text not null,"
        " b bigint references x, c int, check (k in ('loan', 'rate')),"
        " check ((k = 'loan') = (c is not null)), check ((k = 'loan') = (b is null)))",
        {"k": "rate"},
        2,
    ),
    "another than itself": (
        "create table x (a uuid primary key, t int not null, b uuid, unique (t, a),"
        " foreign key (t, b) references x (t, a), check (b <> a))",
        {},
        2,
    ),
    "one that is asked for": (
        "create table x (a int primary key, b int references x)",
        {"b": "7"},
        2,
    ),
    "a circle of which a part may be null": (
        "create table x (a uuid primary key, t int not null, b uuid, unique (t, a));"
        "create table y (a uuid primary key, t int not null, b uuid not null, unique (t, a),"
        " foreign key (t, b) references x (t, a));"
        "alter table x add foreign key (t, b) references y (t, a)",
        {},
        1,
    ),
}


@pytest.mark.parametrize("name", FIRST_ALONE)
def test_row_that_stands_alone_comes_first(solving: Solving, name: str) -> None:
    schema, asked, count = FIRST_ALONE[name]
    solver = solving(f"set search_path = public; {schema}")
    made = solver.make(RowNeed(table="public.x", values=asked, purpose="test"))
    assert isinstance(made, Made), str(made)
    assert {column: made.values[column] for column in asked} == asked
    assert solver.count("public.x") == count


@pytest.mark.parametrize("name", ["types", "check of a pattern", "parents"])
def test_rows_of_two_purposes_are_two(solving: Solving, name: str) -> None:
    solver = solving(f"set search_path = public; {SATISFIED[name][0]}")
    first, again, second = (
        solver.make(RowNeed(table="public.x", purpose=purpose)) for purpose in ("one", "one", "two")
    )
    assert isinstance(first, Made)
    assert isinstance(again, Made)
    assert isinstance(second, Made)
    assert first.values == again.values
    assert first.values != second.values


@pytest.mark.parametrize("count", [8, 30])
def test_a_body_of_many_branches_is_read_or_passed_over(solving: Solving, count: int) -> None:
    """Each IF doubles the ways through a body: of thirty there are a thousand millions."""
    branches = " ".join(f"if a > {n} then b := b + 1; end if;" for n in range(count))
    solver = solving(
        "create function public.f(a int) returns boolean immutable language plpgsql as "
        f"$$ declare b int := 0; begin {branches} return b = {count}; end $$;"
        "create table public.x (a int check (public.f(a)))"
    )
    made = solver.make(RowNeed(table="public.x", purpose="test"))
    assert isinstance(made, Made), str(made)
    assert solver.count("public.x") == 1


def test_what_is_unique_by_an_expression_gets_another_value(solving: Solving) -> None:
    solver = solving(
        "create table public.x (a text primary key, b text not null default '');"
        "create unique index on public.x (regexp_replace(lower(btrim(b)), '[^0-9a-z]+', '', 'g'))"
    )
    for shared in (True, False):
        for purpose in ("one", "two"):
            need = RowNeed(table="public.x", purpose=f"{purpose} {shared}", shared=shared)
            assert isinstance(solver.make(need), Made)
    assert solver.count("public.x") == 4


def test_unique_columns_get_other_values(solving: Solving) -> None:
    solver = solving(
        "create table public.x (a uuid primary key default gen_random_uuid(), b boolean unique,"
        " c text not null unique check (length(c) between 2 and 3), during tsrange not null,"
        " exclude using gist (during with &&))"
    )
    made = [solver.make(RowNeed(table="public.x", purpose=purpose)) for purpose in ("one", "two", "three")]
    assert [type(one) for one in made] == [Made, Made, Made], [str(one) for one in made]
    assert solver.count("public.x") == 3


def test_numbers_that_are_few_are_counted_through(solving: Solving) -> None:
    solver = solving(
        "set search_path = public; create table y (a int primary key);"
        "create table x (a int not null references y, b int not null check (b between 1 and 6),"
        " unique (a, b))"
    )
    made = [
        solver.make(RowNeed(table="public.x", values={"a": "1"}, purpose=purpose, shared=False))
        for purpose in ("one", "two", "three")
    ]
    assert all(isinstance(row, Made) for row in made), made
    assert solver.count("public.x") == 3


def test_a_row_will_do_that_no_other_word_tells_apart(solving: Solving) -> None:
    solver = solving(
        "set search_path = public; create table x (a text not null, b text not null default 'site'"
        " check (b in ('site', 'team')), c text, unique (a, b));"
        "insert into x (a, b) values ('judge', 'site'), ('judge', 'team')"
    )
    made = solver.make(RowNeed(table="public.x", values={"a": "judge", "c": "new"}, purpose="test"))
    assert isinstance(made, Made), str(made)
    assert (made.values["c"], solver.count("public.x")) == ("new", 2)


def test_a_row_that_is_there_gets_what_is_asked_for(solving: Solving) -> None:
    solver = solving("create table public.x (a int primary key, b text, c text)")
    need = RowNeed(table="public.x", values={"a": "1", "b": "old", "c": "kept"})
    assert isinstance(solver.make(need), Made)
    made = solver.make(RowNeed(table="public.x", values={"a": "1", "b": "new"}))
    assert isinstance(made, Made)
    assert made.values == {"a": "1", "b": "new", "c": "kept"}
    assert made.statements == ("update public.x set b = 'new' where a = '1'",)


def test_statements_make_the_row_by_themselves(solving: Solving) -> None:
    solver = solving(f"set search_path = public; {SATISFIED['parents'][0]}")
    with solver.undone():
        made = solver.make(RowNeed(table="public.x", purpose="test"))
    assert isinstance(made, Made)
    assert solver.count("public.x") == 0
    for statement in made.statements:
        assert solver.run(statement).sqlstate == ""
    assert solver.count("public.x") == 1


# What no row can satisfy, and what says so.
REFUSED = {
    "checks that contradict each other": (
        "create table x (a int not null, check (a > 5), check (a < 3))",
        Reason.CONTRADICTION,
        'violates check constraint "x_a_check',
    ),
    "a trigger that always raises": (
        "create table x (a int); create function f() returns trigger language plpgsql as"
        " $$ begin raise exception 'never'; end $$; create constraint trigger t after insert on x"
        " deferrable initially deferred for each row execute function f()",
        Reason.REFUSED,
        "never",
    ),
    "a circle of keys": (
        "create table x (a uuid primary key, b uuid not null);"
        "create table y (a uuid primary key, b uuid not null references x);"
        "alter table x add foreign key (b) references y",
        Reason.CONTRADICTION,
        "public.x → public.y → public.x",
    ),
    "an enum without labels": (
        "create type s as enum (); create table x (a s not null)",
        Reason.REFUSED,
        'null value in column "a"',
    ),
    "a domain that refuses all": (
        "create domain d as int check (value > 1 and value < 1); create table x (a d not null)",
        Reason.CONTRADICTION,
        "value for domain",
    ),
    "a partitioned table without partitions": (
        "create table x (a int) partition by range (a)",
        Reason.CONTRADICTION,
        "no partition of relation",
    ),
    "a view": ("create view x as select 1 as a", Reason.OPAQUE, "it is no table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_refuses_is_named(solving: Solving, name: str) -> None:
    schema, reason, what = REFUSED[name]
    solver = solving(f"set search_path = public; {schema}")
    refused = solver.make(RowNeed(table="public.x", purpose="test"))
    assert isinstance(refused, Unreached), str(refused)
    assert refused.reason is reason
    assert what in refused.what
    assert refused.spent <= STATEMENTS_OF_A_ROW
    if name != "a view":
        assert solver.count("public.x") == 0


def test_a_trigger_that_refuses_is_passed_by_and_the_row_says_so(solving: Solving) -> None:
    solver = solving(
        "create table public.x (a int not null);"
        "create function public.f() returns trigger language plpgsql as"
        " $$ begin for i in 1 .. 2 loop raise exception 'never'; end loop; return new; end $$;"
        "create trigger t before insert on public.x for each row execute function public.f()"
    )
    made = solver.make(RowNeed(table="public.x", purpose="test"))
    assert isinstance(made, Made), str(made)
    assert made.unchecked
    assert made.statements[0] == "alter table public.x disable trigger t"
    assert solver.run("insert into public.x values (1)").message == "never"


def test_triggers_that_never_agree_are_not_asked_for_ever(solving: Solving) -> None:
    solver = solving(
        "create table public.x (a int not null, b text not null);"
        "create function public.f() returns trigger language plpgsql as"
        " $$ begin if new.a > 7 then raise exception 'less'; end if;"
        " for i in 1 .. 2 loop raise exception 'never'; end loop; return new; end $$;"
        "create trigger t before insert on public.x for each row execute function public.f()"
    )
    rows = [solver.make(RowNeed(table="public.x", purpose=purpose)) for purpose in "abcd"]
    _, second, _, last = [row.spent for row in rows if isinstance(row, Made) and row.unchecked]
    assert last < second


def test_thinking_about_checks_is_work_and_has_an_end(solving: Solving) -> None:
    """Eight numbers in seven columns: there are more ways to try it than anybody has steps for."""
    columns = [f"c{number}" for number in range(7)]
    somewhere = " and ".join(f"({' or '.join(f'{name} = {n}' for name in columns)})" for n in range(8))
    declared = ", ".join(f"{name} int not null" for name in columns)
    solver = solving(f"create table public.x ({declared}, check ({somewhere}))")
    work, spent = solver.work, solver.spent
    assert isinstance(solver.make(RowNeed(table="public.x")), Unreached)
    thought = solver.work - work - (solver.spent - spent)
    assert 10 < thought <= STEPS
