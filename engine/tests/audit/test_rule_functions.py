"""Functions that give or write what direct statements do not."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

BILLS = """
create table public.bills (
    id integer primary key, payer uuid not null references auth.users, text text not null, gone_at timestamptz
);
alter table public.bills enable row level security;
create policy "own" on public.bills for select to authenticated
using (payer = (select auth.uid()) and gone_at is null);
create function public.bill(wanted integer) returns table (text text)
language sql stable security definer set search_path = ''
as $$ select b.text from public.bills as b where b.id = wanted {} $$;
"""
FINES = """
create table public.fines (id integer primary key, amount integer not null);
alter table public.fines enable row level security;
create function public.set_fine(fine integer, new_amount integer) returns void
language {} security definer set search_path = '' as $$ {} $$;
"""


def test_a_function_that_does_not_ask_who_calls_tells_of_others(audited: Audited) -> None:
    [finding] = of_rule(audited(BILLS.format("")), "functions")
    assert (finding.object, finding.severity.word) == ("public.bill(integer)", "critical")
    assert finding.who == ("anon", "alice", "bob")


def test_a_function_that_forgets_a_condition_of_the_policy_tells_of_hidden_own_rows(audited: Audited) -> None:
    found = audited(BILLS.format("and b.payer = auth.uid()"))
    assert told(found, "functions") == [("public.bill(integer)", "medium", ("execute",))]


def test_a_function_with_the_conditions_of_the_policy_tells_nothing(audited: Audited) -> None:
    assert told(audited(BILLS.format("and b.payer = auth.uid() and b.gone_at is null")), "functions") == []


def test_a_function_that_anyone_writes_through_is_critical(audited: Audited) -> None:
    open_ = FINES.format("sql", "update public.fines set amount = new_amount where id = fine")
    assert told(audited(open_), "functions") == [
        ("public.set_fine(integer, integer)", "critical", ("execute",))
    ]
    closed = f"{open_} revoke execute on function public.set_fine from public, anon, authenticated;"
    assert told(audited(closed), "functions") == []


def test_a_function_with_brackets_in_its_name_is_called(audited: Audited) -> None:
    odd = BILLS.format("").replace("public.bill(wanted", 'public."bill (1)"(wanted')
    assert told(audited(odd), "functions") == [('public."bill (1)"(integer)', "critical", ("execute",))]


def test_a_helper_of_policies_may_tell_what_no_select_shows(audited: Audited) -> None:
    schema = """
    create table public.seats (room integer, who uuid references auth.users, primary key (room, who));
    create table public.rooms (id integer primary key, name text not null);
    create function public.my_rooms() returns setof integer
    language sql stable security definer set search_path = ''
    as $$ select s.room from public.seats as s where s.who = auth.uid() $$;
    alter table public.seats enable row level security;
    alter table public.rooms enable row level security;
    create policy "see" on public.rooms for select to authenticated using (id in (select public.my_rooms()));
    """
    assert told(audited(schema), "functions") == []


PURSES = """
create table public.purses (owner uuid primary key references auth.users, coins integer not null default 0);
alter table public.purses enable row level security;
create policy "own" on public.purses for select to authenticated using (owner = (select auth.uid()));
create function public.{head} language plpgsql security definer set search_path = '' as $$
begin {body} end $$;
"""
NOTES = """
create table public.notes (
    id integer primary key, writer uuid not null references auth.users, text text not null, code text not null
);
alter table public.notes enable row level security;
create policy "own" on public.notes for select to authenticated using (writer = (select auth.uid()));
create function public.{head} language plpgsql {volatility} security definer set search_path = '' as $$
{body} $$;
"""
SIGNED_IN = "if auth.uid() is null then raise exception 'sign in'; end if;"


def notes(head: str, body: str, volatility: str = "volatile") -> str:
    return NOTES.format(head=head, body=body, volatility=volatility)


@pytest.mark.parametrize(
    ("guard", "severity"), [("auth.uid() <> who", "critical"), ("auth.uid() is distinct from who", None)]
)
def test_a_guard_that_is_null_for_who_has_no_id(audited: Audited, guard: str, severity: str | None) -> None:
    body = f"""
    if {guard} then raise exception 'not yours'; end if;
    update public.purses set coins = coins - n where owner = who and coins >= n and n > 0;
    if not found then raise exception 'too little'; end if;"""
    schema = PURSES.format(head="pay(who uuid, n integer) returns void", body=body)
    found = of_rule(audited(schema), "functions")
    assert [(f.severity.word, f.who) for f in found] == ([(severity, ("anon",))] if severity else [])


@pytest.mark.parametrize(("checked", "count"), [("", 1), ("if n <= 0 then raise exception 'n'; end if;", 0)])
def test_a_negative_number_gives_what_a_positive_one_takes(
    audited: Audited, checked: str, count: int
) -> None:
    body = f"""{checked}
    update public.purses set coins = coins - n where owner = auth.uid();
    update public.purses set coins = coins + n where owner = receiver;"""
    schema = PURSES.format(head="send(receiver uuid, n integer) returns void", body=body)
    found = of_rule(audited(schema), "functions")
    assert [f.severity.word for f in found] == ["high"] * count
    assert all("with a negative number, and coins" in f.sentence for f in found)


@pytest.mark.parametrize(
    ("statement", "does"),
    [
        ("update public.notes set text = said where id = note", "changes"),
        ("delete from public.notes where id = note", "removes"),
    ],
)
@pytest.mark.parametrize(("own", "count"), [("", 1), (" and writer = auth.uid()", 0)])
def test_a_function_that_asks_who_calls_and_refuses_nobody(
    audited: Audited, statement: str, does: str, own: str, count: int
) -> None:
    body = f"begin {SIGNED_IN} {statement}{own}; end"
    found = of_rule(audited(notes("write(note integer, said text) returns void", body)), "functions")
    assert [f.severity.word for f in found] == ["high"] * count
    assert all(does in f.sentence and "refuses nobody" in f.sentence for f in found)


@pytest.mark.parametrize(("own", "count"), [("", 1), (" and n.writer = auth.uid()", 0)])
def test_what_is_told_to_whoever_is_signed_in(audited: Audited, own: str, count: int) -> None:
    body = f"begin {SIGNED_IN} return (select n.text from public.notes as n where n.id = note{own}); end"
    found = of_rule(audited(notes("note(note integer) returns text", body, "stable")), "functions")
    assert [(f.severity.word, f.who) for f in found] == [("medium", ("alice", "bob"))] * count


def test_an_error_that_says_what_stands_in_the_row(audited: Audited) -> None:
    body = """declare n public.notes; begin
    select * into n from public.notes where id = note;
    if n.writer is distinct from auth.uid() then raise exception 'not yours: %', {}; end if; end"""
    head = "use(note integer) returns void"
    [finding] = of_rule(audited(notes(head, body.format("n.code"))), "functions")
    assert finding.severity.word == "medium"
    assert "is told by an error" in finding.sentence
    assert of_rule(audited(notes(head, body.format("note"))), "functions") == []


def test_a_row_that_is_entered_for_another(audited: Audited) -> None:
    body = "begin insert into public.notes values (9, who, said, ''); end"
    [finding] = of_rule(audited(notes("tell(who uuid, said text) returns void", body)), "functions")
    assert (finding.severity.word, finding.who) == ("critical", ("anon", "alice", "bob"))
    assert "enters rows of others" in finding.sentence


def test_all_columns_of_all_rows_are_no_choice_of_what_to_show(audited: Audited) -> None:
    head = "everything() returns table (id integer, text text{})"
    body = "begin return query select n.id, n.text{} from public.notes as n; end"
    some = audited(notes(head.format(""), body.format("")))
    assert told(some, "functions") == [("public.everything()", "low", ("execute",))]
    more = ", writer uuid, code text"
    whole = audited(notes(head.format(more), body.format(", n.writer, n.code")))
    assert told(whole, "functions") == [("public.everything()", "critical", ("execute",))]


def test_documents_and_columns_that_nobody_may_read_are_told(audited: Audited) -> None:
    schema = """
    create table public.staff (
        id uuid primary key references auth.users, name text not null, pay text not null
    );
    alter table public.staff enable row level security;
    create policy "read" on public.staff for select to authenticated using (true);
    revoke all on public.staff from anon, authenticated;
    grant select (id, name) on public.staff to authenticated;
    create function public.one(who uuid) returns jsonb language sql stable security definer
    set search_path = '' as $$ select {} from public.staff as s where s.id = who $$;
    revoke execute on function public.one from public, anon;
    """
    found = audited(schema.format("to_jsonb(s)"))
    assert told(found, "functions") == [("public.one(uuid)", "high", ("execute",))]
    assert told(audited(schema.format("jsonb_build_object('name', s.name)")), "functions") == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("format('select id from public.notes where text = ''%s''', said)", 1),
        ("format('select id from public.notes where text = %L', said)", 0),
        ("'select id from public.notes where text = $1' using said", 0),
        ("said", 1),
    ],
)
def test_arguments_that_become_sql(audited: Audited, query: str, count: int) -> None:
    schema = notes("look(said text) returns void", f"begin execute {query}; end")
    found = [f for f in of_rule(audited(schema), "functions") if "writes SQL" in f.sentence]
    assert [(f.severity.word, f.steps[0].shows) for f in found] == [("critical", "42601")] * count


def test_a_column_called_as_a_function_of_auth_is_no_question(audited: Audited) -> None:
    schema = """
    create table public.mail (
        id integer primary key, owner uuid not null references auth.users, email text not null
    );
    alter table public.mail enable row level security;
    create policy "own" on public.mail for select to authenticated using (owner = (select auth.uid()));
    create function public.mail(wanted integer) returns text language sql stable security definer
    set search_path = '' as $$ select m.email from public.mail as m where m.id = wanted $$;
    """
    assert told(audited(schema), "functions") == [("public.mail(integer)", "critical", ("execute",))]


@pytest.mark.parametrize(
    ("body", "severities"),
    [
        ("update public.purses set coins = coins + n where owner = who;", ["critical"]),
        (
            "if auth.uid() is null or n <= 0 then raise exception 'no'; end if;"
            "update public.purses set coins = coins + n where owner = who;",
            [],
        ),
    ],
)
def test_a_number_that_is_added_is_the_callers_choice(
    audited: Audited, body: str, severities: list[str]
) -> None:
    """Where nobody is asked; else it may be a payment."""
    schema = PURSES.format(head="add(who uuid, n integer) returns void", body=body)
    assert [f.severity.word for f in of_rule(audited(schema), "functions")] == severities


@pytest.mark.parametrize(("compared", "count"), [("=", 0), ("like", 1)])
def test_what_only_who_was_told_can_ask_for(audited: Audited, compared: str, count: int) -> None:
    """A link is told to those who shall read; where a pattern will do, nobody needs it."""
    body = f"begin return (select n.text from public.notes as n where n.code {compared} link limit 1); end"
    schema = notes("open(link text) returns text", body, "stable").replace("code text", "code text unique")
    assert [f.severity.word for f in of_rule(audited(schema), "functions")] == ["critical"] * count


def test_what_only_who_was_told_can_say_in_a_document(audited: Audited) -> None:
    body = "begin update public.notes as n set text = link ->> 'text' where n.code = link ->> 'code'; end"
    schema = notes("edit(link jsonb) returns void", body).replace("code text", "code text unique")
    assert of_rule(audited(schema), "functions") == []


def test_who_is_signed_in_says_what_the_function_says(audited: Audited) -> None:
    """A state of another's row is not a count."""
    asks = "declare me uuid := auth.uid(); begin if me is null then raise exception 'sign in'; end if;"
    body = f"{asks} update public.notes set text = 'closed' where id = note; end"
    found = of_rule(audited(notes("close(note integer) returns void", body)), "functions")
    assert [f.severity.word for f in found] == ["medium"]
    body = f"{SIGNED_IN} update public.purses set coins = coins + 1 where owner = who and who <> auth.uid();"
    counts = PURSES.format(head="cheer(who uuid) returns void", body=body)
    assert of_rule(audited(counts), "functions") == []


@pytest.mark.parametrize(("whose", "count"), [("coalesce(who, auth.uid())", 1), ("auth.uid()", 0)])
def test_what_rows_leave_out_is_told_once_it_is_there(audited: Audited, whose: str, count: int) -> None:
    schema = f"""
    create table public.people (id uuid primary key references auth.users, phone text);
    alter table public.people enable row level security;
    create policy "own" on public.people for select to authenticated using (id = (select auth.uid()));
    create function public.person(who uuid) returns public.people language sql stable security definer
    set search_path = '' as $$ select p from public.people as p where p.id = {whose} $$;
    """
    found = of_rule(audited(schema), "functions")
    assert [f.severity.word for f in found] == ["medium"] * count


ORDERS = """
create table public.orders (
    id bigint generated always as identity primary key, owner uuid not null references auth.users,
    state text not null default 'open' check (state in ('open', 'paid')), note text
);
alter table public.orders enable row level security;
create policy "own" on public.orders for select to authenticated using (owner = (select auth.uid()));
"""
FUNCTION = """
create function public.{} language plpgsql security definer set search_path = '' as $$
declare
    which bigint;
    one jsonb;
    wanted public.orders;
begin
    {}
end $$;
"""
NAMED = {
    "many(ids bigint[], new_state text) returns void": (
        "update public.orders set state = new_state where id = any(ids) {};"
    ),
    "each(ids bigint[], new_state text) returns void": (
        "foreach which in array ids loop"
        " update public.orders set state = new_state where id = which {}; end loop;"
    ),
    "document(asked jsonb) returns void": (
        "which := (asked -> 'order' ->> 'id')::bigint; update public.orders set note = asked ->> 'note'"
        " where id = which {};"
    ),
    "documents(asked jsonb) returns void": (
        "for one in select * from jsonb_array_elements(asked) loop update public.orders"
        " set note = one ->> 'note' where id = (one ->> 'id')::bigint {}; end loop;"
    ),
    "record(asked jsonb) returns void": (
        "wanted := jsonb_populate_record(null::public.orders, asked);"
        " update public.orders set note = wanted.note where id = wanted.id {};"
    ),
    "line(asked public.orders) returns void": (
        "update public.orders set note = asked.note where id = asked.id {};"
    ),
    "listed(ids text) returns void": (
        "delete from public.orders where id::text = any(string_to_array(ids, ',')) {};"
    ),
}


def test_arguments_name_rows_within_arrays_documents_and_records(audited: Audited) -> None:
    found = told(
        audited(ORDERS + "".join(FUNCTION.format(h, b.format("")) for h, b in NAMED.items())), "functions"
    )
    assert {(name.partition("(")[0], severity) for name, severity, _ in found} == {
        (f"public.{head.partition('(')[0]}", "critical") for head in NAMED
    }
    guard = "and owner = auth.uid()"
    guarded = ORDERS + "".join(FUNCTION.format(h, b.format(guard)) for h, b in NAMED.items())
    assert told(audited(guarded), "functions") == []


def test_an_error_that_repeats_an_argument_tells_nothing(audited: Audited) -> None:
    counting = "return cardinality(ids) + (select 0 from public.orders limit 0);"
    schema = ORDERS + FUNCTION.format("count(ids bigint[]) returns bigint", counting)
    assert told(audited(schema), "functions") == []


WALLETS = """
create table public.wallets (holder uuid primary key references auth.users, coins integer not null default 0);
alter table public.wallets enable row level security;
create policy "own" on public.wallets for select to authenticated using (holder = (select auth.uid()));
"""


def test_who_sends_to_himself_has_more(audited: Audited) -> None:
    send = (
        WALLETS
        + """
    create function public.send(receiver uuid, amount integer) returns void
    language plpgsql security definer set search_path = '' as $$
    declare
        mine integer := (select p.coins from public.wallets as p where p.holder = auth.uid());
        theirs integer := (select p.coins from public.wallets as p where p.holder = receiver);
    begin
        if amount <= 0 or mine < amount or theirs is null {} then raise exception 'no'; end if;
        update public.wallets set coins = mine - amount where holder = auth.uid();
        update public.wallets set coins = theirs + amount where holder = receiver;
    end $$;
    revoke execute on function public.send from public, anon;
    """
    )
    assert told(audited(send.format("")), "functions") == [
        ("public.send(uuid, integer)", "high", ("execute",))
    ]
    assert told(audited(send.format("or receiver = auth.uid()")), "functions") == []


def test_back_comes_what_was_never_paid(audited: Audited) -> None:
    seats = (
        WALLETS
        + """
    create table public.seats (
        id integer primary key, holder uuid not null references auth.users, cost integer not null,
        paid_at timestamptz, back_at timestamptz
    );
    alter table public.seats enable row level security;
    create function public.pay(seat integer) returns void
    language plpgsql security definer set search_path = '' as $$
    begin
        update public.seats as s set paid_at = now()
        where s.id = seat and s.holder = auth.uid() and s.paid_at is null and s.back_at is null;
        if not found then raise exception 'no'; end if;
        update public.wallets as p set coins = p.coins - s.cost from public.seats as s
        where s.id = seat and p.holder = auth.uid();
    end $$;
    create function public.give_back(seat integer) returns void
    language plpgsql security definer set search_path = '' as $$
    begin
        update public.seats as s set back_at = now()
        where s.id = seat and s.holder = auth.uid() and s.back_at is null {};
        if not found then raise exception 'no'; end if;
        update public.wallets as p set coins = p.coins + abs(s.cost) from public.seats as s
        where s.id = seat and p.holder = auth.uid();
    end $$;
    """
    )
    name = "public.give_back(integer)"
    assert (name, "medium", ("execute",)) in told(audited(seats.format("")), "functions")
    assert told(audited(seats.format("and s.paid_at is not null")), "functions") == []


def test_the_key_of_a_row_is_no_choice_of_what_stands_in_it(audited: Audited) -> None:
    """A first row that is counted for the first time has both."""
    schema = """
    create table public.pages (
        id integer primary key, author uuid not null references auth.users, seen integer not null default 0
    );
    insert into auth.users (id) values ('00000000-0000-4000-8000-000000000001');
    insert into public.pages (id, author) values (1, '00000000-0000-4000-8000-000000000001');
    alter table public.pages enable row level security;
    create function public.see(page integer) returns void
    language sql security definer set search_path = ''
    as $$ update public.pages set seen = seen + 1 where id = page $$;
    """
    assert told(audited(schema), "functions") == [("public.see(integer)", "medium", ("execute",))]


OFFICE = """
create table public.clerks (id uuid primary key references auth.users, rank text not null default 'junior');
create table public.stamps (id integer primary key, text text not null);
alter table public.clerks enable row level security;
alter table public.stamps enable row level security;
create policy "own" on public.clerks for select to authenticated using (id = (select auth.uid()));
create function public.put_stamp(stamp integer, words text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    mine text := (select c.rank from public.clerks as c where c.id = auth.uid());
begin
    if {} then raise exception 'not you'; end if;
    update public.stamps set text = words where id = stamp;
end $$;
revoke execute on function public.put_stamp from public, anon;
"""


def test_who_has_no_row_is_let_in_by_a_null(audited: Audited) -> None:
    found = audited(OFFICE.format("mine <> 'senior'"))
    assert told(found, "functions") == [("public.put_stamp(integer, text)", "medium", ("execute",))]
    assert "who has no row in public.clerks" in found.findings[0].sentence
    assert told(audited(OFFICE.format("mine is distinct from 'senior'")), "functions") == []


def test_a_list_that_keeps_out_lets_in_whoever_is_not_on_it(audited: Audited) -> None:
    """Of those who have a row in it, nobody is let in, or all but those of whom it says something bad."""
    assert told(audited(OFFICE.format("mine is not null")), "functions") == []
    assert told(audited(OFFICE.format("mine = 'senior'")), "functions") == []


SHARED = """
create table public.films (
    id uuid primary key default gen_random_uuid(), who uuid not null references auth.users,
    title text not null
);
create table public.shares (
    {name} uuid primary key default gen_random_uuid(), film uuid not null references public.films
);
alter table public.films enable row level security;
alter table public.shares enable row level security;
create policy "own" on public.films for select to authenticated using (who = (select auth.uid()));
create function public.film(share uuid) returns setof public.films language sql stable security definer
set search_path = '' as $$
    select f.* from public.films as f join public.shares as s on s.film = f.id where s.{name} = share
$$;
"""


def test_a_key_that_is_drawn_and_called_a_token_is_one(audited: Audited) -> None:
    assert told(audited(SHARED.format(name="token")), "functions") == []
    assert told(audited(SHARED.format(name="id")), "functions") == [
        ("public.film(uuid)", "critical", ("execute",))
    ]


JOINT_PURSES = """
create table public.purses (
    who uuid primary key references auth.users, coins integer not null default 0 check (coins >= 0)
);
alter table public.purses enable row level security;
create policy "own" on public.purses for select to authenticated using (who = (select auth.uid()));
create function public.send(payer uuid, payee uuid, number integer) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if auth.uid() is null or number <= 0 {} then raise exception 'no'; end if;
    update public.purses set coins = coins - number where who = payer;
    update public.purses set coins = coins + number where who = payee;
end $$;
revoke execute on function public.send from public, anon;
"""


def test_who_names_another_one_as_payer_takes_from_him(audited: Audited) -> None:
    found = told(audited(JOINT_PURSES.format("")), "functions")
    assert found == [("public.send(uuid, uuid, integer)", "high", ("execute",))]
    assert told(audited(JOINT_PURSES.format("or payer <> auth.uid()")), "functions") == []


LEVELS = """
create table public.clerks (who uuid primary key references auth.users, level integer not null default 1);
create table public.refunds (
    id uuid primary key, buyer uuid not null references auth.users, granted boolean not null default false
);
create function public.level() returns integer language sql stable security definer set search_path = ''
as $$ select c.level from public.clerks as c where c.who = auth.uid() $$;
revoke execute on function public.level() from public, anon, authenticated;
alter table public.clerks enable row level security;
alter table public.refunds enable row level security;
create policy "own" on public.refunds for select to authenticated using (buyer = (select auth.uid()));
create function public.grant_refund(refund uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if {} < 5 then raise exception 'chiefs only'; end if;
    update public.refunds set granted = true where id = refund;
end $$;
revoke execute on function public.grant_refund(uuid) from public, anon;
"""


def test_who_has_no_number_is_let_in_by_a_null(audited: Audited) -> None:
    [finding] = of_rule(audited(LEVELS.format("public.level()")), "functions")
    assert (finding.object, finding.severity.word) == ("public.grant_refund(uuid)", "medium")
    assert "public.clerks" in finding.sentence
    assert told(audited(LEVELS.format("coalesce(public.level(), 0)")), "functions") == []


VISITS = """
create table public.houses (id uuid primary key, keeper uuid not null references auth.users);
create table public.visits (
    id integer generated always as identity primary key, who uuid not null references auth.users,
    house uuid not null references public.houses, text text not null
);
alter table public.houses enable row level security;
alter table public.visits enable row level security;
create policy "own" on public.houses for select to authenticated using (keeper = (select auth.uid()));
create policy "keepers" on public.visits for select to authenticated using (exists (
    select from public.houses as h where h.id = house and h.keeper = (select auth.uid())
));
create function public.note(visitor uuid, at uuid, said text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if not exists (select from public.houses as h where h.id = at and h.keeper = auth.uid()) then
        raise exception 'no such house';
    end if;
    insert into public.visits (who, house, text) values ({}, at, said);
end $$;
revoke execute on function public.note(uuid, uuid, text) from public, anon;
"""


def test_an_entry_in_the_name_of_another_who_never_sees_it(audited: Audited) -> None:
    [finding] = of_rule(audited(VISITS.format("visitor")), "functions")
    assert (finding.object, finding.severity.word) == ("public.note(uuid, uuid, text)", "medium")
    assert "public.visits" in finding.sentence
    assert told(audited(VISITS.format("auth.uid()")), "functions") == []
    own = (
        'create policy "own" on public.visits for select to authenticated using (who = (select auth.uid()));'
    )
    assert told(audited(VISITS.format("visitor") + own), "functions") == []


CHIEFS = """
create table public.chiefs (who uuid primary key references auth.users);
create table public.stories (
    id integer primary key, writer uuid not null references auth.users, text text not null
);
alter table public.chiefs enable row level security;
alter table public.stories enable row level security;
create policy "own" on public.stories for select to authenticated using (writer = (select auth.uid()));
create function public.withdraw(story integer) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if not exists (select from public.chiefs as c where {}) then raise exception 'chiefs only'; end if;
    delete from public.stories where id = story;
end $$;
revoke execute on function public.withdraw(integer) from public, anon;
"""


def test_who_stands_in_a_list_of_those_who_may_is_no_stranger(audited: Audited) -> None:
    """Though the made rows put every user into the list."""
    assert told(audited(CHIEFS.format("c.who = auth.uid()")), "functions") == []
    anybody = audited(CHIEFS.format("auth.uid() is not null"))
    assert told(anybody, "functions") == [("public.withdraw(integer)", "high", ("execute",))]


OFFICES = """
create table public.offices (id uuid primary key, text text not null);
create table public.clerks (
    office uuid not null references public.offices, who uuid not null references auth.users,
    primary key (office, who)
);
create table public.cases (
    id uuid primary key, office uuid not null references public.offices, text text not null
);
create function public.works_in(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.clerks as c where c.office = wanted and c.who = auth.uid()) $$;
alter table public.offices enable row level security;
alter table public.clerks enable row level security;
alter table public.cases enable row level security;
create policy "own" on public.clerks for select to authenticated using (who = (select auth.uid()));
create policy "office" on public.cases for select to authenticated using (public.works_in(office));
create function public.case_text(wanted uuid) returns text
language plpgsql stable security definer set search_path = '' as $$
begin
    if not exists (select from public.clerks as c where {} c.who = auth.uid()) then
        raise exception 'clerks only';
    end if;
    return (select k.text from public.cases as k where k.id = wanted);
end $$;
revoke execute on function public.case_text(uuid) from public, anon;
"""


def test_who_is_in_one_group_is_told_of_others(audited: Audited) -> None:
    """Whoever is in all of them has nothing hidden from him, and says nothing against it."""
    assert told(audited(OFFICES.format("")), "functions") == [
        ("public.case_text(uuid)", "medium", ("execute",))
    ]
    own = "c.office = (select k.office from public.cases as k where k.id = wanted) and"
    assert told(audited(OFFICES.format(own)), "functions") == []


BRANCHES = """
create table public.trees (
    id uuid primary key default gen_random_uuid(), who uuid not null references auth.users
);
create table public.branches (
    id uuid primary key default gen_random_uuid(), tree uuid not null references public.trees,
    text text not null
);
create function public.tree_of(branch uuid) returns {}
language sql stable security definer set search_path = ''
as $$ select b.{} from public.branches as b where b.id = branch $$;
alter table public.trees enable row level security;
alter table public.branches enable row level security;
create policy "own" on public.trees for select to authenticated using (who = (select auth.uid()));
create policy "own" on public.branches for select to authenticated using (exists (
    select from public.trees as t where t.who = (select auth.uid())
    and (t.id = branches.tree or t.id::text = public.tree_of(branches.id)::text)
));
"""


def test_to_which_row_another_one_belongs_policies_ask_through_functions(audited: Audited) -> None:
    assert told(audited(BRANCHES.format("uuid", "tree")), "functions") == [
        ("public.tree_of(uuid)", "low", ("execute",))
    ]
    assert told(audited(BRANCHES.format("text", "text")), "functions") == [
        ("public.tree_of(uuid)", "critical", ("execute",))
    ]


PROOFS = """
create table public.cards (id uuid primary key references auth.users, phone text);
create table public.proofs (
    who uuid primary key references auth.users, phone text not null,
    code text not null default md5(random()::text)
);
alter table public.cards enable row level security;
alter table public.proofs enable row level security;
create policy "own" on public.cards for select to authenticated using (id = (select auth.uid()));
create policy "own" on public.proofs for select to authenticated using (who = (select auth.uid()));
create function public.prove(said text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    update public.cards as c set phone = p.phone from public.proofs as p
    where c.id = auth.uid() and {} and p.code = said;
    if not found then
        raise exception 'another code';
    end if;
end $$;
{}
"""


def test_a_code_that_who_has_to_know_it_reads(audited: Audited) -> None:
    """What another one may say, too, is passed on, as an invitation is."""
    mine = "p.who = c.id"
    found = [f for f in of_rule(audited(PROOFS.format(mine, "")), "functions") if f.columns]
    assert [(f.object, f.columns, f.severity.word) for f in found] == [("public.proofs", ("code",), "medium")]
    closed = """revoke select on public.proofs from authenticated;
    grant select (who) on public.proofs to authenticated;"""
    for schema in (PROOFS.format(mine, closed), PROOFS.format("true", "")):
        assert not [f for f in of_rule(audited(schema), "functions") if f.columns]


GUESTBOOK = """
create table public.hosts (who uuid primary key references auth.users, sign text not null unique, {number});
create table public.visits (
    guest uuid primary key references auth.users, host uuid not null references auth.users
);
create table public.ledger (
    id bigint generated always as identity primary key, who uuid not null references auth.users,
    cents integer not null
);
alter table public.hosts enable row level security;
alter table public.visits enable row level security;
alter table public.ledger enable row level security;
create policy "mine" on public.hosts for select to authenticated using (who = (select auth.uid()));
create policy "mine" on public.ledger for select to authenticated using (who = (select auth.uid()));
create function public.visit(said {type}) returns void
language plpgsql security definer set search_path = '' as $$
declare
    found_host uuid := (select h.who from public.hosts as h where h.{by} = said);
begin
    if found_host is null {asked} then raise exception 'no'; end if;
    insert into public.visits values (auth.uid(), found_host);
    {paid}
end $$;
revoke execute on function public.visit({type}) from public, anon;
"""
STARS = "stars integer not null default 0"
STAR = """
    update public.hosts set stars = stars + 2 where who = auth.uid();
    update public.hosts set stars = stars + 1 where who = found_host;
"""
BOOKED = "insert into public.ledger (who, cents) values (auth.uid(), 100), (found_host, 50);"


@pytest.mark.parametrize(
    ("by", "type_", "number", "paid"),
    [
        ("sign", "text", STARS, STAR),
        ("who", "uuid", STARS, STAR),
        ("sign", "text", "note text", BOOKED),
        ("who", "uuid", "note text", BOOKED),
    ],
)
def test_who_names_himself_is_paid_as_both(
    audited: Audited, by: str, type_: str, number: str, paid: str
) -> None:
    said = {"by": by, "type": type_, "number": number, "paid": paid}
    found = of_rule(audited(GUESTBOOK.format(**said, asked="")), "functions")
    assert [(f.object, f.severity.word) for f in found] == [(f"public.visit({type_})", "medium")]
    assert "which pays both of them" in found[0].sentence
    asked = "or found_host = auth.uid()"
    assert told(audited(GUESTBOOK.format(**said, asked=asked)), "functions") == []


def test_who_names_himself_and_is_paid_as_one(audited: Audited) -> None:
    once = "update public.hosts set stars = stars + 1 where who in (auth.uid(), found_host);"
    schema = GUESTBOOK.format(by="sign", type="text", number=STARS, paid=once, asked="")
    assert told(audited(schema), "functions") == []
