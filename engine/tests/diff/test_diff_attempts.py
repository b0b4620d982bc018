"""What is tried beside the rows of the world: empty tables, channels, paths, messages, values, calls."""

from __future__ import annotations

import pytest

from pgassay.diff.outcome import Review
from pgassay.diff.review import SEARCH_STATEMENTS, review
from pgassay.errors import ExitCode
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

FEEDBACK = """
create table public.feedback (
    id uuid primary key default gen_random_uuid(), body text not null, who uuid{reference}
);
alter table public.feedback enable row level security;
revoke all on public.feedback from anon, authenticated;
grant insert on public.feedback to anon, authenticated;
"""
WRITES = 'create policy "writes" on public.feedback for insert to anon, authenticated with check ({});'
CHANNELS = 'create policy "listen" on realtime.messages for select to authenticated using ({});'
FILES = """
insert into storage.buckets (id, name) values ('files', 'files');
create policy "put" on storage.objects for insert to authenticated
with check (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text);
"""
NAMED = """
insert into storage.buckets (id, name) values ('files', 'files');
create table public.uploads (id integer primary key, owner uuid not null, path text not null);
insert into public.uploads values
(1, 'a11ce000-0000-4000-8000-000000000001', 'a11ce000-0000-4000-8000-000000000001/film.mp4'),
(2, 'b0b00000-0000-4000-8000-000000000002', 'b0b00000-0000-4000-8000-000000000002/cut.mp4');
alter table public.uploads enable row level security;
create policy "own" on public.uploads for select to authenticated using (owner = (select auth.uid()));
revoke all on public.uploads from anon, authenticated;
grant select on public.uploads to authenticated;
create policy "put" on storage.objects for insert to authenticated
with check (bucket_id = 'files' and exists (select from public.uploads as u where u.path = objects.name));
"""
OWN_FOLDER = "(storage.foldername(name))[1] = auth.uid()::text"
TAKEN = """
create function private.unique_label() returns trigger language plpgsql security definer as $$
declare other public.documents;
begin
    select d.* into other from public.documents as d where d.label = new.label and d.owner <> new.owner;
    if found then raise exception {} using errcode = 'PT409'; end if;
    return new;
end $$;
create trigger a_unique_label before update of label on public.documents
for each row execute function private.unique_label();
"""
SILENT = TAKEN.format("'this label is taken'")
TELLING = TAKEN.format("'this label is taken by %', other.owner")
IN_DETAIL = SILENT.replace("using errcode", "using detail = other.owner::text, errcode")
IN_HINT = IN_DETAIL.replace("using detail", "using hint")
IN_NOTICE = SILENT.replace("if found", "if found then raise notice 'of %', other.owner; end if; if found")
# Nobody has one yet, so that the world alone has none to be taken.
HANDLES = """
create table public.handles (id integer primary key, owner uuid not null, handle text);
insert into public.handles values
(1, 'a11ce000-0000-4000-8000-000000000001', null), (2, 'b0b00000-0000-4000-8000-000000000002', null);
alter table public.handles enable row level security;
create policy "own" on public.handles to authenticated using (owner = (select auth.uid()));
revoke all on public.handles from anon, authenticated;
grant select, update (handle) on public.handles to authenticated;
"""
BONUS = """
create function private.bonus() returns trigger language plpgsql as $$
begin if new.label = 'Early Bird' then new.priority := old.priority + {}; end if; return new; end $$;
create trigger z_bonus before update on public.documents for each row execute function private.bonus();
"""
STATS = """
create function public.stats(request jsonb) returns jsonb language sql stable security definer as $$
    select jsonb_build_object('documents', count(*)) from public.documents as d where d.owner = {}
$$;
grant execute on function public.stats(jsonb) to authenticated;
"""

NEWS = """
create table public.news (id bigint generated always as identity primary key, body text);
revoke all on public.news from anon, authenticated;
grant select on public.news to authenticated;
"""
# An order that is over steps back before it can be over again: no other one has what that takes.
ORDERS = (
    NEWS
    + """
create table public.orders (
    id integer primary key, owner uuid not null, stage public.stage not null, paid_with text,
    constraint orders_over_is_paid check (stage <> 'PUBLISHED' or paid_with is not null)
);
insert into public.orders values
(1, 'a11ce000-0000-4000-8000-000000000001', 'DRAFT', null),
(2, 'b0b00000-0000-4000-8000-000000000002', 'PUBLISHED', 'card of bob');
alter table public.orders enable row level security;
create policy "own" on public.orders for select to authenticated using (owner = (select auth.uid()));
revoke all on public.orders from anon, authenticated;
grant select on public.orders to authenticated;
"""
)
ANNOUNCE = """
create function private.announce() returns trigger language plpgsql security definer as $$
begin insert into public.news (body) values ({}); return null; end $$;
create trigger announce after update on public.orders for each row
when (new.stage = 'PUBLISHED' and old.stage <> 'PUBLISHED') execute function private.announce();
"""
# Each load draws the keys of products anew, and orders refer to them.
PRODUCTS = """
create table public.products (id uuid primary key default gen_random_uuid(), name text);
create table public.sales (
    id integer primary key, owner uuid not null, product uuid references public.products (id)
);
insert into public.products (name) values ('mug');
insert into public.sales select 1, 'b0b00000-0000-4000-8000-000000000002', p.id from public.products as p;
alter table public.sales enable row level security;
create policy "own" on public.sales for select to authenticated using (owner = (select auth.uid()));
revoke all on public.products, public.sales from anon, authenticated;
grant select on public.products, public.sales to anon, authenticated;
create function private.count_sale() returns trigger language plpgsql security definer as $$
begin update public.products set name = {} where id = new.product; return null; end $$;
create trigger count_sale after update on public.sales
for each row execute function private.count_sale();
"""
GIVE = """
alter table public.members add credits integer not null default 10, add check (credits >= 0);
create function public.give(somebody uuid, how_many integer) returns text
language plpgsql security definer as $$
begin
    if how_many <= 0 then raise exception 'nothing to give'; end if;
    update public.members set credits = credits - how_many where user_id = auth.uid();
    update public.members set credits = credits + how_many where user_id = somebody;
    return 'given';
end $$;
revoke all on function public.give(uuid, integer) from public;
grant execute on function public.give(uuid, integer) to authenticated;
"""
FIND = """
create function public.find(what text) returns setof text language plpgsql security definer as $$
begin return query execute 'select label from public.documents where owner = auth.uid() and label = ' {}; end
$$;
revoke all on function public.find(text) from public;
grant execute on function public.find(text) to authenticated;
"""
ABOUT = """
alter table public.members add address text generated always as ('address of ' || tenant) stored;
create function public.about(somebody uuid) returns jsonb language sql security definer as $$
    select {} from public.members as m where m.user_id = somebody
$$;
revoke all on function public.about(uuid) from public;
grant execute on function public.about(uuid) to authenticated;
"""
HELD = "return 'given';"
LIMITED = """
create table public.notes (
    id bigint generated always as identity primary key, owner uuid not null, body text unique
);
insert into public.notes (owner, body) values ('a11ce000-0000-4000-8000-000000000001', 'mine');
alter table public.notes enable row level security;
create policy "own" on public.notes to authenticated using (owner = (select auth.uid()));
revoke all on public.notes from anon, authenticated;
grant select, insert on public.notes to authenticated;
create function private.count_notes(who uuid) returns bigint language sql security definer as $$
    select count(*) from public.notes as n where n.owner = who
$$;
grant usage on schema private to authenticated;
create function private.limit_notes() returns trigger language plpgsql security definer as $$
begin
    if private.count_notes(new.owner) >= {} then
        raise exception 'no more notes' using errcode = 'PT402';
    end if;
    return new;
end $$;
create trigger limit_notes before insert on public.notes
for each row execute function private.limit_notes();
"""
# Called by a trigger's function, as no grant and no policy does.
PAID = LIMITED.replace("select count(*)", "select {} * count(*)").format(1, 6)


def _of_handles(trigger: str) -> str:
    return trigger.replace("documents", "handles").replace("label", "handle")


CLAIMS = " ".join(
    f"when new.label = auth.jwt() ->> 'k{n}' and new.label = 's{n}' then 's{n}'" for n in range(30)
)
FOLDERS = f"""
create function private.check_labels() returns trigger language plpgsql security definer as $$
declare violated text := case {{}} {CLAIMS} end;
begin
    if violated is not null then raise exception 'violated: %', violated using errcode = '23514'; end if;
    return new;
end $$;
create trigger a_check_labels before update on public.documents
for each row execute function private.check_labels();
"""


def compare(tenants: Tenants, before: str, after: str, *, search: int = SEARCH_STATEMENTS) -> Review:
    return review(tenants.server, tenants.head(before, name="base.sql"), tenants.head(after), search=search)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "",
            FEEDBACK.format(reference="") + WRITES.format("true"),
            "INSERT 1 of the rows of public.feedback",
        ),
        (
            FEEDBACK.format(reference="") + WRITES.format("who = auth.uid()"),
            FEEDBACK.format(reference="") + WRITES.format("true"),
            "INSERT 1 of the rows of public.feedback (was: refused, 42501)",
        ),
        (
            FEEDBACK.format(reference=" references public.members (user_id)"),
            FEEDBACK.format(reference=" references public.members (user_id)") + WRITES.format("true"),
            "INSERT",
        ),
        ("", CHANNELS.format("true"), "SELECT 1 of the rows of realtime.messages (was: 0), given the topic"),
        (
            CHANNELS.format("realtime.topic() = 'user:' || auth.uid()"),
            CHANNELS.format("realtime.topic() like 'user:%'"),
            "SELECT 1 of the rows of realtime.messages (was: 0), given the topic 'user:",
        ),
        (
            FILES,
            FILES.replace(OWN_FOLDER, "auth.uid()::text = any (storage.foldername(name))"),
            "INSERT 1 of the rows of storage.objects[files] (was: refused, 42501), given the path",
        ),
        (
            NAMED,
            NAMED.replace("u.path = objects.name", "lower(u.path) = lower(objects.name)"),
            "INSERT 1 of the rows of storage.objects[files] (was: refused, 42501), given the path",
        ),
        (
            SILENT,
            TELLING,
            "and is told of others: this label is taken by",
        ),
        (SILENT, IN_DETAIL, "and is told of others: this label is taken; b0b00000-0000-4000-8000"),
        (SILENT, IN_HINT, "and is told of others: this label is taken; b0b00000-0000-4000-8000"),
        (SILENT, IN_NOTICE, "and is told of others: this label is taken; of b0b00000-0000-4000-8000"),
        (BONUS.format(0), BONUS.format(100), "UPDATE label of public.documents with other effects"),
        (
            STATS.format("auth.uid()"),
            STATS.format("coalesce((request ->> 'user_id')::uuid, auth.uid())"),
            "EXECUTE public.stats(jsonb) to get",
        ),
        (
            HANDLES + _of_handles(SILENT),
            HANDLES + _of_handles(TELLING),
            "UPDATE handle of public.handles and is told of others: this handle is taken by",
        ),
        (
            ORDERS,
            ORDERS + ANNOUNCE.format("'paid: ' || new.paid_with"),
            "alice can now SELECT 1 of the rows of public.news (was: 0), given stage = ",
        ),
        (
            GIVE,
            GIVE.replace("credits = credits - how_many", "credits = credits"),
            "EXECUTE public.give(uuid, integer) with other effects",
        ),
        (
            GIVE,
            GIVE.replace(
                HELD,
                f"{HELD} exception when check_violation then update public.members "
                "set credits = credits + how_many where user_id = somebody; return 'lent';",
            ),
            "EXECUTE public.give(uuid, integer)",
        ),
        (
            FIND.format("|| quote_literal(what)"),
            FIND.format("|| '''' || what || ''''"),
            "EXECUTE public.find(text) to get 5 of its rows (was: 0)",
        ),
        (
            ABOUT.format("jsonb_build_object('tenant', m.tenant)"),
            ABOUT.format("to_jsonb(m)"),
            "EXECUTE public.about(uuid) to get what only others got",
        ),
        (LIMITED.format(6), LIMITED.format(60), " of the rows of public.notes (was: refused, PT402)"),
        (PAID, PAID.replace("1 * count", "0 * count"), "INSERT 1 of the rows of public.notes (was: refused"),
    ],
    ids=[
        *("new table", "empty table", "behind a key", "channel", "channel by its name"),
        *(
            "folder inside",
            "path in other letters",
            "message",
            "detail",
            "hint",
            "notice",
            "value",
            "call",
        ),
        *("message of a value", "fed table", "effects of a call", "more than there is"),
        *("text that is run", "more of a row", "limit", "limit of a called function"),
    ],
)
def test_what_no_row_of_the_world_shows_is_found(
    tenants: Tenants, before: str, after: str, message: str
) -> None:
    found = compare(tenants, before, after)
    gains = [one.message for one in found.difference.gained]
    assert any(message in one for one in gains), (gains, found.fault, found.tried)
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


def test_check_that_is_gone_is_tried_first(tenants: Tenants) -> None:
    """What only BASE names comes before all the claims that the rest of its function may mean.

    Conditions have half of what the search may spend.
    """
    own = "when new.label ~ '^[-0-9a-f]{36}/' and left(new.label, 36) <> new.owner::text then 'label'"
    found = compare(tenants, FOLDERS.format(own), FOLDERS.format(""), search=2 * 1000)
    gains = [one.message for one in found.difference.gained]
    assert any("UPDATE label of 1 of the rows of public.documents (was: refused" in one for one in gains), (
        gains
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            FEEDBACK.format(reference="") + WRITES.format("true"),
            FEEDBACK.format(reference="") + WRITES.format("who = auth.uid()"),
        ),
        (CHANNELS.format("true"), CHANNELS.format("realtime.topic() = 'user:' || auth.uid()")),
        (FILES.replace(OWN_FOLDER, "true"), FILES),
        (TELLING, SILENT),
        (SILENT, SILENT.replace("if found", "raise notice 'looked for %', new.label; if found")),
        (ORDERS, ORDERS + ANNOUNCE.format("'an order is over'")),
        (LIMITED.format(60), LIMITED.format(6)),
        (GIVE, GIVE.replace("how_many <= 0", "how_many <= 0 or how_many > 5")),
        (PRODUCTS.format("name"), PRODUCTS.format("coalesce(name, 'sold')")),
        (STATS.format("coalesce((request ->> 'user_id')::uuid, auth.uid())"), STATS.format("auth.uid()")),
        (
            "create policy admin on public.documents for select to authenticated "
            "using (auth.jwt() -> 'user_metadata' ->> 'role' = 'admin');",
            "create policy admin on public.documents for select to authenticated "
            "using (auth.jwt() -> 'app_metadata' ->> 'role' = 'admin');",
        ),
    ],
    ids=[
        *("table", "channel", "folder", "message", "notice", "fed table"),
        *("limit", "fewer", "key of a product", "call", "who says so"),
    ],
)
def test_tightening_is_never_a_gain(tenants: Tenants, before: str, after: str) -> None:
    found = compare(tenants, before, after)
    assert [one.message for one in found.difference.gained] == []
    assert found.difference.schema
    assert found.tried > 0


def test_user_who_says_of_himself_what_the_server_said_gains(tenants: Tenants) -> None:
    policy = (
        "create policy admin on public.documents for select to authenticated "
        "using (auth.jwt() -> '{}_metadata' ->> 'role' = 'admin');"
    )
    found = compare(tenants, policy.format("app"), policy.format("user"))
    [gain] = found.difference.gained
    assert '"user_metadata": {"role": "admin"}' in gain.message
