"""Properties for suites: each holds of something, and is broken by something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.config import Config
from pgassay.database import Layer, Session, open_session
from pgassay.observation import Persona
from pgassay.properties import assert_one_is_many, assert_twice_is_once
from pgassay.server import Server
from pgassay.workbench import Workbench

SCHEMA = """
create table public.orders (
    id integer primary key, paid boolean not null default false,
    asked_at timestamptz, asked integer not null default 0
);
insert into public.orders (id) values (1), (2), (3), (4);
create table public.entries (
    id integer generated always as identity primary key, order_id integer not null references public.orders,
    code text not null default random()::text
);
create function public.pay(wanted integer) returns void language sql as $$
    insert into public.entries (order_id) values (wanted)
$$;
create function public.pay_once(wanted integer) returns void language plpgsql as $$
begin
    update public.orders set paid = true where id = wanted and not paid;
    if found then
        insert into public.entries (order_id) values (wanted);
    end if;
end $$;
create function public.ask(wanted integer) returns void language sql as $$
    update public.orders set asked_at = clock_timestamp() where id = wanted
$$;
create function public.count(wanted integer) returns void language sql as $$
    update public.orders set asked_at = clock_timestamp(), asked = asked + 1 where id = wanted
$$;
create function public.enter_each() returns trigger language plpgsql as $$
begin
    insert into public.entries (order_id) values (new.id);
    return null;
end $$;
create function public.enter_first() returns trigger language plpgsql as $$
begin
    insert into public.entries (order_id) select n.id from news as n order by n.id limit 1;
    return null;
end $$;
create table public.one_by_one (id integer primary key references public.orders check (id <> 4));
create trigger enter after insert on public.one_by_one
for each row execute function public.enter_each();
create table public.at_once (id integer primary key references public.orders check (id <> 4));
create trigger enter after insert on public.at_once referencing new table as news
for each statement execute function public.enter_first();
"""

SERVICE = Persona(name="service", role="service_role")


@pytest.fixture(scope="module")
def session(
    server: Server, environment: Layer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    root = tmp_path_factory.mktemp("orders")
    path = root / "schema.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    config = Config(root=root, schema=(path,), environment=environment.scripts)
    with Workbench(config, server).database() as database, open_session(database) as session:
        yield session


def insert(table: str, *ids: int) -> str:
    return f"insert into public.{table} (id) values {', '.join(f'({id_})' for id_ in ids)}"


def test_a_call_that_remembers_may_be_repeated(session: Session) -> None:
    assert_twice_is_once(session, SERVICE, "select public.pay_once(1)")


def test_a_second_call_that_is_refused_does_nothing(session: Session) -> None:
    assert_twice_is_once(session, SERVICE, insert("one_by_one", 1))


def test_a_call_that_only_stamps_a_row_again_does_nothing_again(session: Session) -> None:
    assert_twice_is_once(session, SERVICE, "select public.ask(1)")
    with pytest.raises(AssertionError, match=r"public\.orders has 1 row new or changed"):
        assert_twice_is_once(session, SERVICE, "select public.count(1)")


def test_a_call_that_pays_again_is_told_with_what_it_did(session: Session) -> None:
    again = r"The second select public.pay\(1\) does something again: public.entries has 1 row new or changed"
    with pytest.raises(AssertionError, match=again):
        assert_twice_is_once(session, SERVICE, "select public.pay(1)")


@pytest.mark.parametrize(
    ("statement", "why"),
    [("select 1", "changes nothing"), (insert("one_by_one", 4), "is refused: 23514")],
)
def test_a_first_call_that_does_nothing_proves_nothing(session: Session, statement: str, why: str) -> None:
    with pytest.raises(AssertionError, match=f"Once already, .* {why}"):
        assert_twice_is_once(session, SERVICE, statement)


def test_rows_together_are_rows_one_by_one_up_to_ids_and_random_values(session: Session) -> None:
    apart = [insert("one_by_one", id_) for id_ in (3, 1, 2)]
    assert_one_is_many(session, SERVICE, insert("one_by_one", 1, 2, 3), apart)


def test_a_trigger_that_sees_one_of_many_rows_is_told(session: Session) -> None:
    apart = [insert("at_once", id_) for id_ in (1, 2, 3)]
    told = "public.entries has 1 row new or changed, and 3 one after the other"
    with pytest.raises(AssertionError, match=told):
        assert_one_is_many(session, SERVICE, insert("at_once", 1, 2, 3), apart)


def test_many_are_refused_where_one_of_them_is(session: Session) -> None:
    together = insert("one_by_one", 1, 4)
    assert_one_is_many(session, SERVICE, together, [insert("one_by_one", id_) for id_ in (1, 4)])
    with pytest.raises(AssertionError, match="is refused with 23514, one by one with nothing"):
        assert_one_is_many(session, SERVICE, together, [insert("one_by_one", 1)])


def test_a_comparison_of_nothing_proves_nothing(session: Session) -> None:
    with pytest.raises(AssertionError, match="select 1 changes nothing"):
        assert_one_is_many(session, SERVICE, "select 1", ["select 1"])


def test_properties_leave_nothing_behind(session: Session) -> None:
    assert_twice_is_once(session, SERVICE, "select public.pay_once(2)")
    with session.as_owner():
        assert session.attempt("select from public.entries").rowcount == 0
