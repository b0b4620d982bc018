"""What writes and calls pour into places that others read, and what they leave where nobody may write."""

from __future__ import annotations

import pytest

from pgassay.diff.review import SEARCH_STATEMENTS, review
from tests.diff.diff_support import ALICE, BOB, Tenants

pytestmark = pytest.mark.slow

FLOW = "to find there what stands in rows of others"
BOARD = """
create table public.board (id integer primary key, note text);
insert into public.board values (1, 'welcome');
alter table public.board enable row level security;
create policy "everybody" on public.board for select to anon, authenticated using (true);
revoke all on public.board from anon, authenticated;
grant select on public.board to anon, authenticated;
create function private.post() returns trigger language plpgsql security definer as $$
begin
    {}
    return null;
end $$;
"""
ARRIVAL = "create trigger post after insert on public.documents for each row execute function private.post();"
BY_OWNER = """
create trigger post after update of label on public.documents
for each row when (auth.uid() is not null) execute function private.post();
"""
WELCOME = "update public.board set note = 'somebody is here';"
TELL = (
    "update public.board set note = (select m.tenant from public.members as m where m.user_id = new.owner);"
)
COUNT = "update public.board set note = (select count(*) from public.documents)::text;"


def _find(tenants: Tenants, before: str, after: str) -> list[str]:
    sides = tenants.head(before, name="base.sql"), tenants.head(after)
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS)
    assert found.fault is None
    return [one.message for one in found.difference.gained]


@pytest.mark.parametrize("trigger", [ARRIVAL, BY_OWNER], ids=["a row that comes", "whoever is signed in"])
def test_what_a_write_pours_into_a_table_that_others_read_is_a_gain(tenants: Tenants, trigger: str) -> None:
    before, after = (BOARD.format(text) + trigger for text in (WELCOME, TELL))
    gains = _find(tenants, before, after)
    assert any(f"public.board {FLOW}" in one for one in gains), gains


def test_what_tells_of_nobody_may_be_read_by_all(tenants: Tenants) -> None:
    assert _find(tenants, *(BOARD.format(text) + ARRIVAL for text in ("null;", COUNT))) == []


SENDING = """
create function private.send() returns trigger language plpgsql security definer as $$
begin
    insert into realtime.messages (topic, extension, event, payload, private)
    values ('documents', 'broadcast', 'written', to_jsonb(new), {});
    return null;
end $$;
create trigger send after insert or update of priority on public.documents
for each row execute function private.send();
"""


def test_rows_on_a_public_channel_are_read_by_anybody(tenants: Tenants) -> None:
    [gain] = _find(tenants, "", SENDING.format("false"))
    assert "anybody who listens can now SELECT" in gain
    assert "realtime.messages" in gain


def test_rows_on_a_private_channel_are_read_by_nobody_else(tenants: Tenants) -> None:
    assert _find(tenants, "", SENDING.format("true")) == []


ANSWERING = """
alter table public.members add column mail text generated always as (tenant || '@example.com') stored;
create function private.answer() returns trigger language plpgsql security definer as $$
declare who text;
begin
    select m.mail into who from public.members as m where m.user_id {} new.owner;
    perform set_config('response.headers', json_build_array(json_build_object('X-Near', who))::text, {});
    return new;
end $$;
create trigger answer before update on public.documents for each row execute function private.answer();
"""


@pytest.mark.parametrize("is_local", ["true", "false"])
def test_what_a_header_of_the_response_tells_of_others_is_a_gain(tenants: Tenants, is_local: str) -> None:
    [gain] = _find(tenants, ANSWERING.format("=", is_local), ANSWERING.format("<>", is_local))
    assert "is told of others: response.headers: " in gain


def test_a_header_may_tell_of_oneself(tenants: Tenants) -> None:
    assert _find(tenants, "", ANSWERING.format("=", "true")) == []


SETTINGS = f"""
create table public.settings (owner uuid primary key, chosen jsonb not null default '{{{{}}}}',
    saved integer);
insert into public.settings values ('{ALICE}', '{{{{}}}}', 1), ('{BOB}', '{{{{}}}}', 2);
alter table public.settings enable row level security;
create policy "own" on public.settings to authenticated using (owner = auth.uid());
revoke all on public.settings from anon, authenticated;
grant select, insert (owner, chosen) on public.settings to authenticated;
create function private.preset() returns trigger language plpgsql security definer as $$
begin
    if new.chosen = '{{{{}}}}' then
        new.chosen := coalesce((select s.chosen from public.settings as s where {{}} limit 1), '{{{{}}}}');
    end if;
    return new;
end $$;
create trigger preset before insert on public.settings for each row execute function private.preset();
"""


def test_ones_own_new_row_with_the_document_of_others_is_a_gain(tenants: Tenants) -> None:
    [gain] = _find(tenants, SETTINGS.format("s.owner = new.owner"), SETTINGS.format("true"))
    assert f"public.settings {FLOW}" in gain


def test_ones_own_new_row_with_what_was_ones_own_is_none(tenants: Tenants) -> None:
    own = "s.owner = new.owner and s.saved is not null"
    assert _find(tenants, SETTINGS.format("false"), SETTINGS.format(own)) == []


EDITING = """
create function public.edit_document(document integer, options jsonb) returns void
language sql security definer as $$
    update public.documents as d set label = coalesce(options ->> 'label', d.label){}
    where d.id = document and d.owner = auth.uid() and d.stage = 'DRAFT'
$$;
revoke all on function public.edit_document(integer, jsonb) from public, anon;
grant execute on function public.edit_document(integer, jsonb) to authenticated;
"""


@pytest.mark.parametrize(
    "more",
    [
        ", priority = coalesce((options ->> 'priority')::integer, d.priority)",
        ", priority = coalesce((options -> 'queue' ->> 'place')::integer, d.priority)",
    ],
    ids=["column", "another name"],
)
def test_document_of_a_call_that_sets_what_its_caller_may_not_write(tenants: Tenants, more: str) -> None:
    [gain] = _find(tenants, EDITING.format(""), EDITING.format(more))
    assert "other effects on public.documents" in gain


def test_document_of_a_call_that_sets_what_he_may_write_himself_is_none(tenants: Tenants) -> None:
    more = ", stage = coalesce((options ->> 'stage')::public.stage, d.stage)"
    assert _find(tenants, EDITING.format(""), EDITING.format(more)) == []


LEAVING = """
create table private.takers (person text primary key);
insert into private.takers select md5(random()::text);
create function public.leave() returns void language plpgsql security definer as $$
begin
    perform from private.takers;
    {}
end $$;
revoke all on function public.leave() from public, anon;
grant execute on function public.leave() to authenticated;
"""


def test_call_that_takes_away_rows_without_a_name_of_their_own_is_a_gain(tenants: Tenants) -> None:
    [gain] = _find(tenants, LEAVING.format("null;"), LEAVING.format("delete from private.takers;"))
    assert "other effects on private.takers" in gain


def test_call_that_leaves_them_there_is_none(tenants: Tenants) -> None:
    looks = "perform count(*) from private.takers;"
    assert _find(tenants, LEAVING.format("null;"), LEAVING.format(looks)) == []


SHARED = f"""
create table public.notices (owner uuid primary key, text text, seen integer);
insert into public.notices values ('{ALICE}'), ('{BOB}');
alter table public.notices enable row level security;
create policy "own" on public.notices for select to authenticated using (owner = auth.uid());
revoke all on public.notices from anon, authenticated;
grant select on public.notices to authenticated;
create function private.spread() returns trigger language plpgsql security definer as $$
begin
    update public.notices set {{}};
    return null;
end $$;
create trigger spread after insert on public.documents referencing new table as came
for each statement execute function private.spread();
"""


@pytest.mark.parametrize(
    ("sets", "is_gain"), [("text = (select min(c.label) from came as c)", True), ("seen = 1", False)]
)
def test_text_that_all_have_alike_is_told_from_a_new_one(
    tenants: Tenants, *, sets: str, is_gain: bool
) -> None:
    gains = _find(tenants, SHARED.format("seen = seen"), SHARED.format(sets))
    assert any(f"public.notices {FLOW}" in one for one in gains) is is_gain, gains


NEAREST = """
create function private.nearest() returns text language sql volatile security definer as $$
    select {} from public.documents as d where d.stage = 'PUBLISHED' order by d.id desc limit 1
$$;
alter table public.documents add column nearby text default private.nearest();
grant insert (id, owner, tenant) on public.documents to authenticated;
create policy "owners add" on public.documents for insert to authenticated with check (owner = auth.uid());
"""


def test_default_that_tells_of_others_is_a_gain(tenants: Tenants) -> None:
    gains = _find(tenants, *(NEAREST.format(text) for text in ("d.stage::text", "d.label || ' is near'")))
    assert any("INSERT public.documents to get what only others got" in one for one in gains), gains
