"""Strangers who write and read what is not theirs."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

RECIPES = """
create table public.recipes (
    id integer primary key, cook uuid not null references auth.users, text text not null
);
alter table public.recipes enable row level security;
create policy "cooks" on public.recipes for all to authenticated using (cook = (select auth.uid()));
"""
OPEN = RECIPES + 'create policy "sync" on public.recipes for update using (true);\n'
READ = RECIPES + 'create policy "all read" on public.recipes for select using (true);\n'


def test_a_policy_that_lets_anyone_change_every_row_is_critical(audited: Audited) -> None:
    found = audited(OPEN + 'create policy "read" on public.recipes for select using (true);')
    [finding] = of_rule(found, "strangers")
    assert (finding.object, finding.severity.word) == ("public.recipes", "critical")
    assert finding.actions == ("update",)
    assert finding.who == ("anon", "alice", "bob")
    assert '"sync"' in finding.sentence
    assert finding.place is not None
    assert finding.place.line == 7
    # Scoped as the sibling is.
    assert finding.repair is not None
    assert finding.repair.statements[0].startswith("alter policy sync on public.recipes using (")


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_a_statement_without_where_reaches_what_nobody_else_may_read(audited: Audited, verb: str) -> None:
    """Policies for SELECT are asked of what names rows, and this names none."""
    keys = RECIPES.replace("for all", "for select")
    assert told(audited(keys), "strangers") == []
    policy = f'create policy "sync" on public.recipes for {verb} to authenticated using ({{}});'
    [finding] = of_rule(audited(keys + policy.format("true")), "strangers")
    assert (finding.severity.word, finding.actions) == ("medium", (verb,))
    assert finding.who == ("alice", "bob")
    assert "to a statement without WHERE, which asks no policy for SELECT" in finding.sentence
    assert " where " not in finding.steps[0].statement
    assert finding.repair is not None
    assert finding.repair.statements[0].startswith("alter policy sync on public.recipes using (")
    assert told(audited(keys + policy.format("cook = (select auth.uid())")), "strangers") == []


def test_what_is_scoped_to_owners_is_no_finding(audited: Audited) -> None:
    assert told(audited(RECIPES), "strangers") == []


def test_reading_what_a_policy_opens_to_all_is_only_to_know(audited: Audited) -> None:
    assert told(audited(READ), "strangers") == [("public.recipes", "info", ("select",))]


def test_a_table_without_row_level_security_is_critical_and_enabling_it_closes_it(audited: Audited) -> None:
    schema = "create table public.hits (id integer primary key, path text not null);"
    [finding] = of_rule(audited(schema), "strangers")
    assert finding.severity.word == "critical"
    assert finding.repair is not None
    assert finding.repair.statements == ("alter table public.hits enable row level security",)
    assert told(audited(f"{schema} alter table public.hits enable row level security;"), "strangers") == []


def test_where_rows_have_owners_the_repair_leaves_them_their_own(audited: Audited) -> None:
    schema = """
    create table public.carts (id integer primary key, buyer uuid not null references auth.users);
    create table public.things (
        id integer primary key, cart integer not null references public.carts, name text not null
    );
    alter table public.carts enable row level security;
    create policy "own" on public.carts for all to authenticated using (buyer = (select auth.uid()));
    """
    [finding] = of_rule(audited(schema), "strangers")
    assert finding.repair is not None
    enable, own = finding.repair.statements
    assert enable == "alter table public.things enable row level security"
    assert own == (
        'create policy "own rows" on public.things to authenticated using ('
        "(select t.buyer from public.carts as t where t.id = things.cart limit 1) = (select auth.uid()))"
    )
    assert told(audited(f"{schema} {enable}; {own};"), "strangers") == []


def test_a_contact_form_is_low(audited: Audited) -> None:
    schema = """
    create table public.messages (id integer generated always as identity primary key, text text not null);
    alter table public.messages enable row level security;
    create policy "anyone writes to us" on public.messages for insert with check (true);
    """
    assert told(audited(schema), "strangers") == [("public.messages", "low", ("insert",))]


def test_rows_inserted_in_the_name_of_others_are_a_finding(audited: Audited) -> None:
    schema = """
    create table public.entries (
        id bigint generated always as identity primary key,
        author uuid not null references auth.users, text text not null
    );
    alter table public.entries enable row level security;
    create policy "log" on public.entries for insert to authenticated with check ({});
    """
    assert told(audited(schema.format("true")), "strangers") == [("public.entries", "high", ("insert",))]
    assert told(audited(schema.format("author = (select auth.uid())")), "strangers") == []


def test_a_repair_closes_all_that_the_finding_says(audited: Audited) -> None:
    schema = RECIPES + (
        'create policy "sync" on public.recipes for update using (true);\n'
        'create policy "clean" on public.recipes for delete using (true);\n'
        'create policy "read" on public.recipes for select using (true);\n'
    )
    [finding] = of_rule(audited(schema), "strangers")
    assert finding.actions == ("update", "delete")
    assert finding.repair is not None
    assert len(finding.repair.statements) == 2


LINES = """
create table public.orders (id integer primary key, buyer uuid not null references auth.users, note text);
create table public.lines (
    id integer primary key, order_id integer not null references public.orders, goods text not null
);
alter table public.orders enable row level security;
alter table public.lines enable row level security;
create policy "own" on public.orders for all to authenticated using ({});
create policy "lines" on public.lines for select to authenticated using (auth.role() = 'authenticated');
"""


def test_rows_of_what_the_reader_may_not_read_are_medium(audited: Audited) -> None:
    found = audited(LINES.format("buyer = (select auth.uid())"))
    assert ("public.lines", "medium", ("select",)) in told(found, "strangers")
    assert "may not read" in of_rule(found, "strangers")[0].sentence
    # Where all read the orders, too, their lines are no secret.
    opened = LINES.format("buyer = (select auth.uid())") + (
        'create policy "all" on public.orders for select to authenticated using (auth.uid() is not null);'
    )
    assert ("public.lines", "info", ("select",)) in told(audited(opened), "strangers")


def test_what_users_write_nothing_of_is_kept_about_them(audited: Audited) -> None:
    keys = """
    create table public.things (id integer primary key, holder uuid not null references auth.users, t text);
    alter table public.things enable row level security;
    create policy "all" on public.things for select using (true);
    """
    assert told(audited(keys), "strangers") == [("public.things", "medium", ("select",))]
    write = 'create policy "own" on public.things for update using (holder = (select auth.uid()));'
    assert told(audited(keys + write), "strangers") == [("public.things", "info", ("select",))]


def test_a_narrower_policy_that_decides_nothing_says_that_not_all_were_to_read(audited: Audited) -> None:
    narrow = 'create policy "mine" on public.recipes for select using (cook = (select auth.uid()));'
    [finding] = of_rule(audited(READ + narrow), "strangers")
    assert finding.severity.word == "medium"
    assert '"mine" lets only some through, and decides nothing beside "all read"' in finding.sentence


def test_the_policy_that_opens_a_bucket_is_the_one_that_asks_for_it_alone(audited: Audited) -> None:
    schema = """
    insert into storage.buckets (id, name, public) values ('faces', 'faces', false);
    create policy "all faces" on storage.objects for select using (bucket_id = 'faces');
    create policy "own faces" on storage.objects for select using (
        bucket_id = 'faces' and (storage.foldername(name))[1] = (select auth.uid())::text
    );
    """
    [finding] = of_rule(audited(schema), "strangers")
    assert 'storage.objects[faces]: "all faces" lets every row through; "own faces" lets' in finding.sentence


def test_a_view_with_fewer_columns_that_needs_no_open_table(audited: Audited) -> None:
    view = "create view public.titles {} as select id, text from public.recipes;"
    grants = "revoke all on public.titles from anon, authenticated; grant select on public.titles to anon;"
    [finding] = of_rule(audited(READ + view.format("") + grants), "strangers")
    assert finding.severity.word == "medium"
    assert "public.titles shows the same rows to them without cook" in finding.sentence
    with_invoker = audited(READ + view.format("with (security_invoker = true)"))
    assert told(with_invoker, "strangers") == [("public.recipes", "info", ("select",))]


@pytest.mark.parametrize(("type_", "severity"), [("inet", "medium"), ("text", "info")])
def test_network_addresses_count_and_names_do_not(audited: Audited, type_: str, severity: str) -> None:
    schema = READ + f"alter table public.recipes add column email_address {type_};"
    assert told(audited(schema), "strangers") == [("public.recipes", severity, ("select",))]


def test_what_anyone_sends_and_all_read_is_medium(audited: Audited) -> None:
    schema = """
    create table public.messages (id integer generated always as identity primary key, text text not null);
    alter table public.messages enable row level security;
    create policy "anyone writes to us" on public.messages for insert with check (true);
    create policy "we read" on public.messages for select to authenticated using (true);
    """
    assert told(audited(schema), "strangers") == [("public.messages", "medium", ("insert", "select"))]


@pytest.mark.parametrize(("key", "severity"), [("id", "medium"), ("sender, taker", "info")])
def test_what_goes_from_one_user_to_another_is_not_for_all(audited: Audited, key: str, severity: str) -> None:
    schema = f"""
    create table public.words (
        id integer not null, sender uuid not null references auth.users,
        taker uuid not null references auth.users, text text, primary key ({key})
    );
    alter table public.words enable row level security;
    create policy "read" on public.words for select to authenticated using (auth.role() = 'authenticated');
    create policy "send" on public.words for insert to authenticated with check (sender = auth.uid());
    """
    assert told(audited(schema), "strangers") == [("public.words", severity, ("select",))]


@pytest.mark.parametrize("verb", ["select", "update"])
def test_a_condition_that_no_row_happens_to_fail_is_one(audited: Audited, verb: str) -> None:
    schema = f"""
    create table public.plots (
        id integer primary key, holder uuid not null references auth.users,
        hidden boolean not null, size integer
    );
    alter table public.plots enable row level security;
    create policy "some" on public.plots for {verb} using (not hidden or holder = (select auth.uid()));
    create policy "see" on public.plots for select using (not hidden or holder = (select auth.uid()));
    """
    assert told(audited(schema), "strangers") == []


FILES = """
insert into storage.buckets (id, name) values ('files', 'files');
insert into storage.objects (bucket_id, name, owner_id)
values ('files', 'a11ce000-0000-4000-8000-000000000001/x.png', 'b0b00000-0000-4000-8000-000000000002');
create policy "read" on storage.objects for select to authenticated using (bucket_id = 'files' and {});
create policy "move" on storage.objects for update to authenticated using (bucket_id = 'files' and {});
"""


@pytest.mark.parametrize(
    ("condition", "is_open"),
    [
        ("(storage.foldername(name))[1] = (select auth.uid())::text", False),
        ("right(name, 1) in ('g', 'x')", True),
        ("auth.uid() is not null", True),
    ],
    ids=["own folder", "kind of file", "nothing"],
)
def test_a_file_of_another_in_ones_own_folder_is_not_every_file(
    audited: Audited, condition: str, is_open: bool
) -> None:
    found = told(audited(FILES.format(condition, condition)), "strangers")
    assert [(name, severity) for name, severity, _ in found] == (
        [("storage.objects[files]", "high")] if is_open else []
    )


TEAMS = """
create table public.members (
    member uuid not null references auth.users, team integer not null, primary key (member, team)
);
alter table public.members enable row level security;
create policy "own" on public.members for select to authenticated using (member = (select auth.uid()));
create table public.plans (
    id integer primary key, team integer not null, author uuid not null references auth.users
);
alter table public.plans enable row level security;
create policy "write" on public.plans for insert to authenticated with check (
    author = auth.uid() and exists (
        select from public.members as m where m.member = auth.uid() and m.team = plans.team
    )
);
create policy "read" on public.plans for select to authenticated
using (exists (select from public.members as m where m.member = auth.uid(){}));
"""


def test_members_of_whatever_team_read_what_others_compare_with_the_team(audited: Audited) -> None:
    [finding] = of_rule(audited(TEAMS.format("")), "strangers")
    assert (finding.object, finding.severity.word) == ("public.plans", "medium")
    assert 'unlike "write" does not compare it with team' in finding.sentence


def test_rows_that_only_happen_to_be_within_reach_are_no_finding(audited: Audited) -> None:
    assert told(audited(TEAMS.format(" and m.team = plans.team")), "strangers") == []


def test_a_type_that_is_called_as_a_column_is_none(audited: Audited) -> None:
    schema = RECIPES + "create policy \"r\" on public.recipes for select using (auth.role() <> 'x');"
    assert told(audited(schema), "strangers") == [("public.recipes", "info", ("select",))]


def test_a_view_writes_with_the_rights_of_its_owner(audited: Audited) -> None:
    view = READ + "create view public.texts {} as select id, cook, text from public.recipes;"
    found = audited(view.format(""))
    assert ("public.texts", "medium", ("update", "delete")) in told(found, "strangers")
    found = audited(view.format("with (security_invoker = true)"))
    assert [f.object for f in of_rule(found, "strangers")] == ["public.recipes"]


def test_who_has_a_rank_reads_all_and_it_is_no_finding(audited: Audited) -> None:
    schema = """
    create table public.ranks (
        id uuid primary key references auth.users, boss boolean not null default false
    );
    create table public.bills (
        id integer primary key, payer uuid not null references auth.users, sum integer
    );
    create function public.is_boss() returns boolean language sql stable security definer
    set search_path = ''
    as $$ select coalesce((select boss from public.ranks where id = auth.uid()), false) $$;
    alter table public.ranks enable row level security;
    alter table public.bills enable row level security;
    create policy "own" on public.ranks for select to authenticated using (id = auth.uid());
    create policy "bills" on public.bills for select to authenticated
    using (payer = auth.uid() or public.is_boss());
    """
    assert told(audited(schema), "strangers") == []


def test_a_view_says_nothing_of_columns_that_nobody_may_read(audited: Audited) -> None:
    """It shows what its readers may read anyway."""
    view = READ + "create view public.shown as select id, cook from public.recipes;"
    closed = (
        "revoke select on public.recipes from anon, authenticated;"
        "grant select (id, cook) on public.recipes to anon, authenticated;"
    )
    severities = [
        [f.severity.word for f in of_rule(audited(schema), "strangers") if f.object == "public.recipes"]
        for schema in (view, view + closed)
    ]
    assert severities == [["medium"], ["info"]]


def test_members_read_of_each_other(audited: Audited) -> None:
    """Who is in a group is told by a table that users need not write themselves."""
    schema = """
    create table public.crews (ship integer, sailor uuid references auth.users, primary key (ship, sailor));
    create table public.logs (id integer primary key, ship integer not null, text text not null);
    create function public.ships() returns setof integer language sql stable security definer
    set search_path = '' as $$ select c.ship from public.crews as c where c.sailor = auth.uid() $$;
    alter table public.crews enable row level security;
    alter table public.logs enable row level security;
    create policy "crew" on public.crews for select to authenticated using (true);
    create policy "crew" on public.logs for select to authenticated using (ship in (select public.ships()));
    """
    assert told(audited(schema), "strangers") == [("public.crews", "info", ("select",))]


@pytest.mark.parametrize(
    ("asked", "count"), [("is not null", 1), ("= '5e0c0de5-0000-4000-8000-00000000000d'", 0)]
)
def test_a_link_that_nobody_has_to_know(audited: Audited, asked: str, count: int) -> None:
    schema = f"""
    create table public.notes (
        id integer primary key, writer uuid not null references auth.users, text text not null, link uuid
    );
    alter table public.notes enable row level security;
    create policy "own" on public.notes to authenticated using (writer = (select auth.uid()));
    create policy "shared" on public.notes for select using (link {asked});
    """
    found = [f for f in audited(schema).findings if f.columns == ("link",)]
    assert [(f.severity.word, f.who) for f in found] == [("medium", ("anon", "alice", "bob"))] * count


def test_who_has_a_rank_does_all_by_a_policy_of_its_own(audited: Audited) -> None:
    """What is let through for others is told without it, and its repair leaves it alone."""
    schema = """
    create table public.staff (
        id uuid primary key references auth.users, boss boolean not null default false
    );
    create table public.wages (staff uuid primary key references public.staff, sum integer not null);
    alter table public.staff enable row level security;
    alter table public.wages enable row level security;
    create function public.is_boss() returns boolean language sql stable security definer
    set search_path = '' as $$
        select coalesce((select s.boss from public.staff as s where s.id = auth.uid()), false)
    $$;
    create policy "own" on public.staff for select to authenticated using (id = (select auth.uid()));
    create policy "mine" on public.wages for select to authenticated using (staff = (select auth.uid()));
    create policy "boss" on public.wages for all to authenticated using (public.is_boss());
    """
    assert told(audited(schema), "strangers") == []
    open_ = 'create policy "all" on public.wages for select to authenticated using (auth.uid() is not null);'
    [finding] = of_rule(audited(schema + open_), "strangers")
    assert (finding.object, finding.severity.word, finding.actions) == ("public.wages", "medium", ("select",))
    assert '"boss"' not in finding.sentence
    assert finding.repair is not None
    assert not any("policy boss" in text for text in finding.repair.statements)


def test_below_rows_of_which_only_some_are_hidden(audited: Audited) -> None:
    schema = """
    create table public.posts (
        id integer primary key, writer uuid not null references auth.users,
        private boolean not null default false
    );
    create table public.answers (
        id integer primary key, post integer not null references public.posts,
        writer uuid not null references auth.users
    );
    alter table public.posts enable row level security;
    alter table public.answers enable row level security;
    create policy "read" on public.posts for select to authenticated
    using (writer = (select auth.uid()) or not private);
    create policy "read" on public.answers for select to authenticated using ({});
    create policy "answer" on public.answers for insert to authenticated
    with check (writer = (select auth.uid()));
    """
    found = audited(schema.format("true"))
    assert told(found, "strangers") == [("public.answers", "medium", ("select",))]
    below = "exists (select from public.posts as p where p.id = answers.post)"
    assert told(audited(schema.format(below)), "strangers") == []


ROLES = """
create table public.roles (id integer primary key, name text not null unique);
create table public.shops (id integer primary key, name text not null);
create table public.tills (id integer primary key, shop integer not null references public.shops, name text);
create table public.staff (
    id integer generated always as identity primary key, who uuid not null references auth.users,
    {} unique (who, {})
);
create table public.prices (id integer primary key, price integer not null);
create function public.is_boss() returns boolean language sql stable security definer set search_path = ''
as $$ select exists (select from public.staff as s where s.who = auth.uid() and s.{} {}) $$;
alter table public.roles enable row level security;
alter table public.shops enable row level security;
alter table public.tills enable row level security;
alter table public.staff enable row level security;
alter table public.prices enable row level security;
create policy "own" on public.staff for select to authenticated using (who = (select auth.uid()));
create policy "bosses" on public.staff for all to authenticated using ((select public.is_boss()));
create policy "all" on public.prices for select using (true);
create policy "bosses" on public.prices for update to authenticated using ((select public.is_boss()));
"""


def test_who_stands_in_a_list_of_ranks_is_no_stranger(audited: Audited) -> None:
    """Of users who may have several, and not in a group of which each has its own."""
    text = ROLES.format("role text not null,", "role", "role", "= 'boss'")
    assert told(audited(text), "strangers") == []
    by_key = "role integer not null references public.roles,"
    asked = "in (select r.id from public.roles as r where r.name = 'boss')"
    assert told(audited(ROLES.format(by_key, "role", "role", asked)), "strangers") == []


FIRMS = """
create type public.standing as enum ('owner', 'worker');
create table public.firms (id uuid primary key default gen_random_uuid(), name text not null);
create table public.workers (
    firm uuid references public.firms, who uuid references auth.users,
    standing public.standing not null default 'worker', primary key (firm, who)
);
create table public.boards (
    id uuid primary key default gen_random_uuid(), firm uuid not null references public.firms
);
create table public.cards (
    id uuid primary key default gen_random_uuid(), board uuid not null references public.boards,
    title text not null, doer uuid references auth.users
);
create function public.standing_in(firm uuid) returns public.standing
language sql stable security definer set search_path = ''
as $$ select w.standing from public.workers as w where w.firm = standing_in.firm and w.who = auth.uid() $$;
alter table public.firms enable row level security;
alter table public.workers enable row level security;
alter table public.boards enable row level security;
alter table public.cards enable row level security;
create policy "see" on public.firms for select to authenticated using (public.standing_in(id) is not null);
create policy "end" on public.firms for delete to authenticated using (public.standing_in(id) = 'owner');
create policy "see" on public.workers for select to authenticated
using (public.standing_in(firm) is not null);
create policy "take in" on public.workers for insert to authenticated
with check (public.standing_in(firm) = 'owner' and standing = 'worker');
create policy "firm" on public.boards for all to authenticated using (public.standing_in(firm) is not null);
create policy "board" on public.cards for all to authenticated
using (exists (select from public.boards as b where b.id = board));
"""


def test_members_do_with_what_their_groups_have_what_is_theirs_to_do(audited: Audited) -> None:
    """Whoever is in all groups that have rows reaches all rows, and names others in them."""
    assert told(audited(FIRMS), "strangers") == []


METERS = """
create table public.readings (
    id integer not null, house uuid not null references auth.users, day date not null,
    litres integer not null,
    primary key (id, day)
) partition by range (day);
create table public.readings_old partition of public.readings
for values from ('2001-01-01') to ('2060-01-01');
create table public.readings_next partition of public.readings
for values from ('2060-01-01') to ('2061-01-01');
alter table public.readings enable row level security;
alter table public.readings_old enable row level security;
create policy "own" on public.readings for select to authenticated using (house = (select auth.uid()));
{}
"""


def test_a_partition_without_rows_is_open_to_those_that_will_come(audited: Audited) -> None:
    [finding] = of_rule(audited(METERS.format("")), "strangers")
    assert (finding.object, finding.severity.word) == ("public.readings_next", "critical")
    assert "public.readings" in finding.sentence
    assert finding.repair is not None
    secured = "alter table public.readings_next enable row level security;"
    assert told(audited(METERS.format(secured)), "strangers") == []
    closed = "revoke all on public.readings_next from anon, authenticated;"
    assert told(audited(METERS.format(closed)), "strangers") == []


FUNDS = """
create table public.funds (id uuid primary key, founder uuid not null references auth.users);
create table public.partners (
    fund uuid not null references public.funds, who uuid not null references auth.users,
    primary key (fund, who)
);
create table public.bets (
    id uuid primary key, fund uuid not null references public.funds, text text not null
);
create function public.is_partner(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.partners as p where p.fund = wanted and p.who = auth.uid()) $$;
alter table public.funds enable row level security;
alter table public.partners enable row level security;
alter table public.bets enable row level security;
create policy "own" on public.funds for select to authenticated using (founder = (select auth.uid()));
create policy "mine" on public.partners for select to authenticated using (who = (select auth.uid()));
create policy "read" on public.bets for select to authenticated using (public.is_partner(fund));
"""


def test_members_who_may_insert_enter_what_is_the_groups(audited: Audited) -> None:
    """Rows that name nobody are the founder's by way of their group alone."""
    insert = (
        'create policy "add" on public.bets for insert to authenticated with check (public.is_partner(fund))'
    )
    assert told(audited(f"{FUNDS}{insert};"), "strangers") == []
    anybody = insert.replace("public.is_partner(fund)", "true")
    assert told(audited(f"{FUNDS}{anybody};"), "strangers") == [("public.bets", "high", ("insert",))]
    # FOR ALL may have been meant to be for SELECT.
    whole = 'create policy "all" on public.bets for all to authenticated using (public.is_partner(fund))'
    assert [name for name, _, _ in told(audited(f"{FUNDS}{whole};"), "strangers")] == ["public.bets"]


def test_who_has_no_account_only_reads_what_others_write(audited: Audited) -> None:
    schema = RECIPES + (
        "alter table public.recipes disable row level security;"
        "revoke insert, update, delete on public.recipes from anon;"
    )
    [finding] = of_rule(audited(schema), "strangers")
    assert finding.sentence.startswith("anyone signed in changes, removes and inserts, and anyone, without")


PANEL = """
create table public.panel (who uuid primary key references auth.users, judges boolean not null default false);
create table public.songs (
    id uuid primary key, singer uuid not null references auth.users, heard_by uuid references auth.users,
    hidden_at timestamptz
);
create function public.judges() returns boolean language sql stable security definer set search_path = ''
as $$ select coalesce((select p.judges from public.panel as p where p.who = auth.uid()), false) $$;
alter table public.panel enable row level security;
alter table public.songs enable row level security;
create policy "open" on public.songs for select using (hidden_at is null);
create policy "own" on public.songs for select to authenticated using (singer = (select auth.uid()));
create policy "judges" on public.songs for select to authenticated using (public.judges());
"""


def test_what_a_rank_opens_makes_no_other_policy_useless(audited: Audited) -> None:
    assert told(audited(PANEL), "strangers") == []


def test_a_view_that_does_not_say_whose_rows_it_writes(audited: Audited) -> None:
    """The platform grants all on a view, which writes with its owner's rights."""
    view = "create view public.menu as select id, text from public.recipes;"
    [finding] = of_rule(audited(RECIPES + view), "strangers")
    assert (finding.object, finding.severity.word) == ("public.menu", "medium")
    closed = view + "revoke all on public.menu from anon, authenticated; grant select on public.menu to anon;"
    assert told(audited(RECIPES + closed), "strangers") == []


DEFAULTED = """
create table public.notes (
    id bigint generated always as identity primary key,
    owner_id uuid {default} references auth.users, body text not null
);
alter table public.notes enable row level security;
revoke all on public.notes from anon, authenticated;
grant select, delete, insert (body), update (body) on public.notes to authenticated;
create policy "own" on public.notes for select using (owner_id = (select auth.uid()));
create policy "all" on public.notes for insert to authenticated with check ({asked});
"""


@pytest.mark.parametrize(
    ("default", "asked", "found"),
    [
        ("not null default auth.uid()", "owner_id = (select auth.uid())", []),
        ("not null default auth.uid()", "true", []),
        ("", "true", [("public.notes", "high", ("insert",))]),
    ],
)
def test_row_that_a_default_makes_ones_own_is_no_strangers(
    audited: Audited, default: str, asked: str, found: list[object]
) -> None:
    assert told(audited(DEFAULTED.format(default=default, asked=asked)), "strangers") == found


SCANS = """
create table public.cases (
    id uuid primary key default gen_random_uuid(), who uuid not null references auth.users
);
alter table public.cases enable row level security;
create policy "own" on public.cases for select to authenticated using (who = (select auth.uid()));
create function public.is_case(wanted text) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.cases as c where c.id::text = wanted {}) $$;
insert into storage.buckets (id, name, public) values ('scans', 'scans', false);
create policy "scans" on storage.objects for select to authenticated
using (bucket_id = 'scans' and public.is_case((storage.foldername(name))[1]));
"""


def test_a_folder_that_is_named_after_a_hidden_row(audited: Audited) -> None:
    [finding] = of_rule(audited(SCANS.format("")), "strangers")
    assert (finding.object, finding.severity.word) == ("storage.objects[scans]", "high")
    assert finding.actions == ("select",)
    assert told(audited(SCANS.format("and c.who = auth.uid()")), "strangers") == []


PRIVATE = """
insert into storage.buckets (id, name, public) values ('{name}', '{name}', {public}), ('zoo', 'zoo', false);
create policy "up" on storage.objects for insert to authenticated
with check (bucket_id = '{name}' {asked});
create policy "down" on storage.objects for select to authenticated using (bucket_id = '{name}');
create policy "animals" on storage.objects for select to authenticated
using (bucket_id = 'zoo' and (storage.foldername(name))[1] = (select auth.uid())::text);
"""
OF_A_FOLDER = "and (storage.foldername(name))[1] = (select auth.uid())::text"


@pytest.mark.parametrize(
    ("name", "public", "asked", "severity"),
    [
        ("scans", "false", OF_A_FOLDER, "medium"),
        ("scans", "false", "and owner_id = (select auth.uid())::text", "medium"),
        ("scans", "true", OF_A_FOLDER, "info"),
        ("user-avatars", "false", OF_A_FOLDER, "info"),
    ],
)
def test_a_private_bucket_that_everybody_reads(
    audited: Audited, name: str, public: str, asked: str, severity: str
) -> None:
    """Another policy of the bucket asks whose an object is; one of another bucket says nothing of it."""
    found = audited(PRIVATE.format(name=name, public=public, asked=asked))
    assert told(found, "strangers") == [(f"storage.objects[{name}]", severity, ("select",))]


def test_what_only_the_server_stores_is_there_for_all(audited: Audited) -> None:
    found = audited("""
    insert into storage.buckets (id, name, public) values ('maps', 'maps', false);
    create policy "down" on storage.objects for select to authenticated using (bucket_id = 'maps');
    """)
    assert told(found, "strangers") == [("storage.objects[maps]", "info", ("select",))]


LOCKERS = """
create table public.lockers (
    id integer primary key, {owner} town text not null, listed boolean not null default true, {column}
);
alter table public.lockers enable row level security;
create policy "read" on public.lockers for select {using};
create policy "edit" on public.lockers for update to authenticated using ({whose});
{more}
"""
OWNED = "owner uuid not null references auth.users,"
WHOSE = "owner = (select auth.uid())"
ALL, LISTED = "using (true)", "using (listed)"
USERS = "to authenticated using ((select auth.uid()) is not null)"


@pytest.mark.parametrize(
    ("column", "using", "owner", "who"),
    [
        ("door_code integer", ALL, OWNED, ("anon", "alice", "bob")),
        ('"apiKey" text', LISTED, OWNED, ("anon", "alice", "bob")),
        ("password_hash text not null", ALL, "", ("anon", "alice", "bob")),
        ("hook_secret uuid default gen_random_uuid()", USERS, OWNED, ("alice", "bob")),
    ],
)
def test_a_secret_in_a_row_that_is_for_all(
    audited: Audited, column: str, using: str, owner: str, who: tuple[str, ...]
) -> None:
    whose = WHOSE if owner else "false"
    found = audited(LOCKERS.format(column=column, using=using, owner=owner, whose=whose, more=""))
    [finding] = of_rule(found, "strangers")
    assert (finding.object, finding.severity.word, finding.who) == ("public.lockers", "medium", who)
    assert finding.columns[0] in finding.sentence
    assert finding.repair is not None
    assert finding.columns[0] not in finding.repair.statements[1]


@pytest.mark.parametrize(
    "said",
    [
        {"column": "public_key text"},
        {"column": "secret_since timestamptz"},
        {"column": "sort_key text"},
        {"column": "token_count integer"},
        {"column": "door_code text", "using": "using (owner = (select auth.uid()))"},
        {
            "column": "door_code text",
            "more": "revoke select on public.lockers from anon, authenticated; "
            "grant select (id, town) on public.lockers to anon, authenticated;",
        },
    ],
)
def test_what_is_no_secret_or_not_for_all(audited: Audited, said: dict[str, str]) -> None:
    found = audited(LOCKERS.format(**{"using": ALL, "owner": OWNED, "whose": WHOSE, "more": ""} | said))
    assert [one for one in of_rule(found, "strangers") if one.severity.word != "info"] == []


VOUCHERS = """
create table public.vouchers (
    id integer primary key, recipient text not null, word text not null unique,
    is_open boolean not null default false
);
alter table public.vouchers enable row level security;
create function public.my_address() returns text language sql stable
as $$ select lower(auth.jwt() ->> 'email') $$;
create policy "by address" on public.vouchers for {command} to authenticated using ({asked});
"""
FOUND = [("public.vouchers", "medium", ("select",))]
OWN = "recipient = (select auth.jwt() ->> 'email')"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (f"{OWN} or word is not null", FOUND),
        ("(select auth.email()) in (recipient) or id is not null", FOUND),
        ("recipient = public.my_address() or true", FOUND),
        ("coalesce(recipient ilike (select auth.email()) or true, true)", FOUND),
        (OWN, []),
        (f"{OWN} and word is not null", []),
        (f"{OWN} or is_open", []),
    ],
)
def test_who_asks_is_compared_and_nobody_is_left_out(audited: Audited, asked: str, found: object) -> None:
    assert told(audited(VOUCHERS.format(command="select", asked=asked)), "strangers") == found


NOTES = """
create table public.notes (
    id integer primary key, maker uuid not null references auth.users, text text not null
);
alter table public.notes enable row level security;
create policy "read" on public.notes for select to authenticated using ({asked});
"""


def test_also_where_a_foreign_key_says_whose_a_row_is(audited: Audited) -> None:
    schema = NOTES.format(asked="maker = (select auth.uid()) or text is not null")
    assert told(audited(schema), "strangers") == [("public.notes", "medium", ("select",))]
    assert told(audited(NOTES.format(asked="maker = (select auth.uid())")), "strangers") == []


def test_what_all_read_and_some_write_is_to_know(audited: Audited) -> None:
    schema = VOUCHERS.format(command="all", asked=OWN)
    schema += 'create policy "read" on public.vouchers for select using (true);'
    assert told(audited(schema), "strangers") == [("public.vouchers", "info", ("select",))]


def test_a_link_in_a_row_that_names_an_address(audited: Audited) -> None:
    schema = VOUCHERS.format(command="select", asked=f"{OWN} or word is not null").replace(
        "word text not null", "word text"
    )
    [finding] = of_rule(audited(schema), "strangers")
    assert (finding.severity.word, finding.columns) == ("medium", ("word",))


BOARDS = """
create type public.way as enum ('mine', 'by_url', 'all');
create table public.boards (
    id integer primary key, owner uuid not null references auth.users, text text not null, {states},
    {key} unique
);
alter table public.boards enable row level security;
create policy "own" on public.boards to authenticated using (owner = (select auth.uid()));
create policy "shown" on public.boards for select using ({listed});
create function public.board_by(said {type}) returns setof text
language sql stable security definer set search_path = ''
as $$ select b.text from public.boards as b where b.{name} = said and ({told}) $$;
"""
WAYS = {
    "states": "way public.way not null default 'mine'",
    "key": "pass uuid not null default gen_random_uuid()",
    "name": "pass",
    "type": "uuid",
    "told": "b.way <> 'mine'",
}
FLAGS = {
    "states": "is_unlisted boolean not null default false, is_public boolean not null default false",
    "key": "door text not null",
    "name": "door",
    "type": "text",
    "told": "b.is_unlisted or b.is_public",
}


@pytest.mark.parametrize(
    ("said", "listed", "severity"),
    [
        (WAYS, "way in ('by_url', 'all')", "medium"),
        (WAYS, "way = 'all'", ""),
        (FLAGS, "is_unlisted or is_public", "medium"),
        (FLAGS, "is_public", ""),
        (
            WAYS | {"key": "part text not null", "name": "part", "type": "text"},
            "way in ('by_url', 'all')",
            "medium",
        ),
    ],
)
def test_what_a_function_gives_to_who_says_a_key_is_listed(
    audited: Audited, said: dict[str, str], listed: str, severity: str
) -> None:
    found = of_rule(audited(BOARDS.format(**said, listed=listed)), "strangers")
    assert [f.severity.word for f in found if f.columns == (said["name"],)] == [severity] * bool(severity)


def test_a_number_of_a_product_is_for_all_to_know(audited: Audited) -> None:
    goods = BOARDS.replace("'mine', 'by_url', 'all'", "'draft', 'sold', 'ready'").format(
        states="way public.way not null default 'draft'",
        key="sku text not null",
        name="sku",
        type="text",
        listed="way <> 'draft'",
        told="b.way <> 'draft'",
    )
    assert told(audited(goods), "strangers") == [("public.boards", "info", ("select",))]


DISPLAYED = RECIPES.replace("text text not null", "text text not null, phase text not null default 'kept'")
"""Nothing that the schema says by itself makes a recipe one that a view of these shows."""
ON_SALE = "from public.recipes as r where r.phase = 'on sale'"


@pytest.mark.parametrize("option", ["", " with check option"])
def test_a_view_is_written_that_shows_none_of_the_rows_as_they_begin(audited: Audited, option: str) -> None:
    view = f"create view public.shop as select r.id, r.text, r.phase {ON_SALE}{option};"
    [finding] = of_rule(audited(DISPLAYED + view), "strangers")
    assert (finding.object, finding.severity.word) == ("public.shop", "medium")
    assert {"update", "delete"} <= set(finding.actions)
    assert "anon" in finding.who
    taken = "revoke insert, update, delete on public.shop from anon, authenticated;"
    assert told(audited(DISPLAYED + view + taken), "strangers") == []


def test_a_view_that_shows_few_rows_to_their_owners_alone_is_written_by_these(audited: Audited) -> None:
    view = f"create view public.shop as select r.id, r.text {ON_SALE} and r.cook = auth.uid();"
    assert told(audited(DISPLAYED + view), "strangers") == []
    view = f"create view public.shop with (security_invoker = true) as select r.id, r.text {ON_SALE};"
    assert told(audited(DISPLAYED + view), "strangers") == []


PENS = """
create table public.pens (
    id bigint generated always as identity primary key, keeper uuid {default} references auth.users,
    ink text not null
);
create function public.is_ones_own(whose uuid) returns boolean language plpgsql stable as $$
begin if whose is null then return true; end if; return whose = auth.uid(); end $$;
alter table public.pens enable row level security;
create policy "keepers" on public.pens for select to authenticated using ({using});
create policy "put" on public.pens for insert to authenticated with check ({check});
"""
KEPT = "keeper = (select auth.uid())"
OR_NOBODYS = f"keeper is null or {KEPT}"


@pytest.mark.parametrize("using", [OR_NOBODYS, "public.is_ones_own(keeper)"])
def test_what_a_user_inserts_without_its_owner_is_for_all_to_read(audited: Audited, using: str) -> None:
    schema = PENS.format(default="", using=using, check=OR_NOBODYS)
    [finding] = of_rule(audited(schema), "strangers")
    assert (finding.object, finding.severity.word) == ("public.pens", "medium")
    assert (finding.actions, finding.who) == (("select",), ("alice", "bob"))
    assert finding.repair is not None
    assert "set default auth.uid()" in str(finding.repair)


def test_a_row_below_nothing_is_no_less_nobodys(audited: Audited) -> None:
    """Whose it is, the row above says."""
    notes = """
    create table public.notes (id bigint generated always as identity primary key,
        recipe integer references public.recipes, said text not null);
    alter table public.notes enable row level security;
    create policy "read" on public.notes for select to authenticated using (
        recipe is null or recipe = any (select r.id from public.recipes as r where r.cook = auth.uid()));
    create policy "put" on public.notes for insert to authenticated with check (
        {} recipe in (select r.id from public.recipes as r where r.cook = auth.uid()));
    """
    found = told(audited(RECIPES + notes.format("recipe is null or")), "strangers")
    assert found == [("public.notes", "medium", ("select",))]
    assert told(audited(RECIPES + notes.format("")), "strangers") == []


FILLING = """
create function public.fill() returns trigger language plpgsql as $$
begin new.keeper := coalesce(new.keeper, auth.uid()); return new; end $$;
create trigger fill before insert on public.pens for each row execute function public.fill();
"""


@pytest.mark.parametrize(
    ("default", "using", "check", "more"),
    [
        ("", OR_NOBODYS, KEPT, ""),  # a catalogue of the house
        ("default auth.uid()", OR_NOBODYS, OR_NOBODYS, ""),
        ("", OR_NOBODYS, OR_NOBODYS, FILLING),
        ("", KEPT, OR_NOBODYS, ""),
        ("", "true", OR_NOBODYS, ""),
    ],
)
def test_rows_without_an_owner_that_no_user_inserts_or_that_are_as_all_others(
    audited: Audited, default: str, using: str, check: str, more: str
) -> None:
    found = audited(PENS.format(default=default, using=using, check=check) + more)
    assert [one for one in told(found, "strangers") if one[1] != "info"] == []


ITEMS = """
insert into storage.buckets (id, name, public) values ('bills', 'bills', false);
create policy "seen" on storage.objects for select to authenticated using (bucket_id = 'bills' and {seen});
create policy "put" on storage.objects for insert to authenticated with check (bucket_id = 'bills' and {put});
"""
MOVE = """create policy "move" on storage.objects for update to authenticated
using (bucket_id = 'bills' and {own}) with check (bucket_id = 'bills' and {put});
"""
ME = "(select auth.uid())::text"
FIRST = f"(storage.foldername(name))[1] = {ME}"
ANYWHERE = (
    f"name ilike concat('%', {ME}, '%')",
    f"position({ME} in name) > 0",
    f"{ME} = any (storage.foldername(name))",
    f"name ~ {ME} and owner_id = {ME} and name !~ 'x{{9,}}y'",
)


@pytest.mark.parametrize("put", ANYWHERE)
def test_a_path_that_has_the_own_id_somewhere(audited: Audited, put: str) -> None:
    [finding] = of_rule(audited(ITEMS.format(seen=FIRST, put=put)), "strangers")
    assert (finding.object, finding.actions) == ("storage.objects[bills]", ("insert",))
    assert (finding.severity.word, finding.who) == ("high", ("alice", "bob"))


def test_a_move_to_a_path_that_has_the_own_id_somewhere(audited: Audited) -> None:
    """Who moves an object has to see it there, too."""
    move, seen = MOVE.format(own=FIRST, put=ANYWHERE[1]), f"({FIRST} or owner_id = {ME})"
    [finding] = of_rule(audited(ITEMS.format(seen=seen, put=FIRST) + move), "strangers")
    assert finding.actions == ("update",)


def test_folders_of_others_where_all_is_seen(audited: Audited) -> None:
    """Whose a folder is, the policy for UPDATE says."""
    move = MOVE.format(own=FIRST, put=FIRST)
    [finding] = of_rule(audited(ITEMS.format(seen="true", put=ANYWHERE[2]) + move), "strangers")
    assert finding.actions == ("insert",)


@pytest.mark.parametrize(
    ("seen", "put"),
    [
        (FIRST, FIRST),
        (FIRST, f"(storage.foldername(name))[2] = {ME}"),  # who sends, in the folder of who receives
        (ANYWHERE[2], ANYWHERE[2]),  # a folder of two
        (f"{FIRST} or (storage.foldername(name))[2] = {ME}", FIRST),
        ("true", ANYWHERE[0]),
        (f"owner_id = {ME}", ANYWHERE[0]),
    ],
)
def test_paths_in_which_nothing_is_anothers_alone(audited: Audited, seen: str, put: str) -> None:
    found = told(audited(ITEMS.format(seen=seen, put=put)), "strangers")
    assert [one for one in found if one[2] != ("select",)] == []


LETTERS = """
create table public.letters (
    id integer generated always as identity primary key,
    sender uuid not null references auth.users,
    receiver uuid not null references auth.users,
    body text not null,
    {mark}
);
alter table public.letters enable row level security;
create policy "own" on public.letters for select to authenticated
using (sender = (select auth.uid()) or receiver = (select auth.uid()));
create policy "send" on public.letters for insert to authenticated
with check (sender = (select auth.uid()) {sent});
create policy "unmarked" on public.letters {kind} for {command} to authenticated using ({shown});
"""
SPAM = {"mark": "spam boolean not null default false", "sent": "and not spam", "kind": ""}


@pytest.mark.parametrize(
    "said",
    [
        {**SPAM, "command": "select", "shown": "not spam"},
        {
            "mark": "status text not null default 'ok' check (status in ('ok', 'held'))",
            **{"sent": "and status = 'ok'", "kind": "", "command": "select", "shown": "status <> 'held'"},
        },
        {
            "mark": "held_at timestamptz",
            **{"sent": "and held_at is null", "kind": "", "command": "select", "shown": "held_at is null"},
        },
    ],
)
def test_a_policy_that_was_to_narrow_and_opens(audited: Audited, said: dict[str, str]) -> None:
    [finding] = of_rule(audited(LETTERS.format(**said)), "strangers")
    assert (finding.severity.word, finding.actions, finding.who) == ("medium", ("select",), ("alice", "bob"))
    assert '"unmarked" lets them through whoever reads' in finding.sentence
    assert finding.repair is not None


MARK_OWN = """create policy "mark" on public.letters for update to authenticated
using (sender = (select auth.uid()));"""
POSTS = """
create table public.posts (
    id integer generated always as identity primary key,
    author uuid not null references auth.users,
    body text not null,
    hidden boolean not null default {hidden}
);
alter table public.posts enable row level security;
create policy "own" on public.posts for select to authenticated using (author = (select auth.uid()));
create policy "shown" on public.posts for select using (not hidden);
"""
POST = """create policy "post" on public.posts for insert to authenticated
with check (author = (select auth.uid()) and hidden = {hidden});"""


@pytest.mark.parametrize(
    "schema",
    [
        LETTERS.format(**SPAM | {"kind": "as restrictive"}, command="select", shown="not spam"),
        LETTERS.format(**SPAM, command="select", shown="not spam") + MARK_OWN,
        LETTERS.format(**SPAM | {"sent": ""}, command="select", shown="not spam"),
        LETTERS.format(**SPAM | {"sent": "and not spam"}, command="select", shown="spam"),
        POSTS.format(hidden="false") + POST.format(hidden="false"),  # moderators hide
        POSTS.format(hidden="true") + POST.format(hidden="true"),  # moderators let through
        POSTS.format(hidden="false"),  # the server's, for everybody
    ],
)
def test_marks_that_say_what_is_for_all(audited: Audited, schema: str) -> None:
    found = told(audited(schema), "strangers")
    assert [one for one in found if one[1] not in ("low", "info")] == []
