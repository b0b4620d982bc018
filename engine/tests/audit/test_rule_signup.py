"""Whoever signs up chooses his metadata."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule

pytestmark = pytest.mark.slow

CLUB = """
create table public.clubs (id integer primary key, name text not null);
create table public.members (
    id uuid primary key references auth.users (id) on delete cascade, name text,
    post text not null default 'guest' check (post in ('guest', 'chair')),
    credits integer not null default 5, club_id integer references public.clubs (id), {mail}
);
create table public.minutes (id integer primary key, body text not null);
alter table public.clubs enable row level security;
alter table public.members enable row level security;
alter table public.minutes enable row level security;
create policy "read" on public.members for select to authenticated using (true);
create policy "edit" on public.members for update to authenticated using (id = (select auth.uid()));
revoke update on public.members from anon, authenticated;
grant update (name) on public.members to authenticated;
create policy "own club" on public.clubs for select to authenticated
using (id = (select m.club_id from public.members as m where m.id = auth.uid()));
create policy "chairs" on public.minutes for all to authenticated
using (exists (select from public.members as m where m.id = auth.uid() and m.post = 'chair'));
create function public.welcome() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    insert into public.members (id, name, post, credits, club_id{column}) values (
        new.id, new.raw_user_meta_data ->> 'full_name', coalesce(new.{source} ->> 'post', 'guest'),
        coalesce((new.{source} ->> 'credits')::integer, 5), (new.{source} ->> 'club')::integer{value}
    );
    return new;
end
$$;
create trigger welcome after insert on auth.users for each row execute function public.welcome();
"""
PLAIN = {"mail": "since date", "column": "", "value": ""}


def test_what_a_trigger_copies_is_judged_by_what_it_opens(audited: Audited) -> None:
    found = audited(CLUB.format(source="raw_user_meta_data", **PLAIN))
    some = {f.columns: f for f in of_rule(found, "signup")}
    assert {columns: f.severity.word for columns, f in some.items()} == {
        ("post",): "critical",
        ("club_id",): "high",
        ("credits",): "medium",
    }
    post = some["post",]
    assert (post.object, post.actions, post.who) == ("public.members", ("insert",), ("newcomer",))
    assert '{"post": "chair"}' in post.sentence
    assert "rows of public.minutes" in post.sentence
    # The name stays with the user; the post comes from the server.
    assert post.repair is not None
    [fix] = post.repair.statements
    assert "new.raw_app_meta_data ->> 'post'" in fix
    assert "new.raw_user_meta_data ->> 'full_name'" in fix
    assert "new.raw_user_meta_data ->> 'club'" in fix


def test_what_only_the_server_sets_is_no_finding(audited: Audited) -> None:
    assert of_rule(audited(CLUB.format(source="raw_app_meta_data", **PLAIN)), "signup") == []


def test_an_address_that_a_trigger_copies_to_where_others_read_it(audited: Audited) -> None:
    copied = {"mail": "reach text", "column": ", reach", "value": ", new.email"}
    found = audited(CLUB.format(source="raw_app_meta_data", **copied))
    [finding] = of_rule(found, "signup")
    assert (finding.columns, finding.severity.word, finding.who) == (("reach",), "medium", ("alice", "bob"))
    assert finding.repair is not None


def test_metadata_that_a_condition_looks_up_itself(audited: Audited) -> None:
    schema = """
    create table public.reports (id integer primary key, body text not null);
    alter table public.reports enable row level security;
    create function public.is_chief() returns boolean language sql stable security definer
    set search_path = '' as $$
        select exists (
            select from auth.users as u where u.id = auth.uid() and u.raw_{}_meta_data ->> 'chief' = 'yes')
    $$;
    create policy "chiefs" on public.reports for select to authenticated using (public.is_chief());
    """
    [finding] = of_rule(audited(schema.format("user")), "signup")
    assert (finding.object, finding.actions) == ("public.reports", ("select",))
    assert finding.severity.word == "high"
    assert finding.repair is not None
    assert of_rule(audited(schema.format("app")), "signup") == []


def test_new_metadata_of_an_account_that_is_there(audited: Audited) -> None:
    schema = (
        CLUB.format(source="raw_app_meta_data", **PLAIN)
        + """
    create function public.follow() returns trigger language plpgsql security definer
    set search_path = '' as $$
    begin
        update public.members as m
        set name = new.raw_user_meta_data ->> 'full_name',
            post = coalesce(jsonb_extract_path_text(new.raw_user_meta_data, 'post'), m.post)
        where m.id = new.id;
        return new;
    end
    $$;
    create trigger follow after update of raw_user_meta_data on auth.users
    for each row execute function public.follow();
    """
    )
    [finding] = of_rule(audited(schema), "signup")
    assert (finding.columns, finding.actions, finding.who) == (("post",), ("update",), ("newcomer",))
    assert finding.severity.word == "critical"


GUILD = """
{kind}
create table public.makers (
    id uuid primary key references auth.users (id) on delete cascade, full_name text,
    post {column}
);
alter table public.makers enable row level security;
create policy "own" on public.makers for select to authenticated using (id = (select auth.uid()));
create function public.welcome() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    insert into public.makers (id, full_name, post) values (
        new.id, new.raw_user_meta_data ->> 'full_name', {value}
    );
    return new;
end
$$;
create trigger welcome after insert on auth.users for each row execute function public.welcome();
{more}
"""
CHOSEN = "coalesce(new.raw_user_meta_data ->> 'post', 'mate')"
DOMAIN = "create domain public.post as text check (value in ('mate', 'warden'));"


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("", "text not null default 'mate'", CHOSEN),
        (DOMAIN, "public.post not null", CHOSEN),
        (
            "create type public.post as enum ('mate', 'warden');",
            "public.post not null",
            "coalesce((new.raw_user_meta_data ->> 'post')::public.post, 'mate')",
        ),
    ],
)
def test_a_column_that_nothing_reads_and_of_which_the_schema_has_a_word(
    audited: Audited, kind: str, column: str, value: str
) -> None:
    """The name of whoever signs up is his to say."""
    found = audited(GUILD.format(kind=kind, column=column, value=value, more=""))
    [finding] = of_rule(found, "signup")
    assert (finding.object, finding.columns, finding.severity.word) == ("public.makers", ("post",), "medium")
    assert finding.actions == ("insert",)
    assert finding.repair is not None


def test_what_a_trigger_alone_begins_is_ranked_by_its_name(audited: Audited) -> None:
    schema = GUILD.format(kind="", column="text", value=CHOSEN, more="")
    for name, severity in {"role": "medium", "shelf": "info"}.items():
        [finding] = of_rule(audited(schema.replace("post", name)), "signup")
        assert (finding.columns, finding.severity.word) == ((name,), severity)


def test_a_text_that_the_user_may_write_afterwards_or_nobody_has_a_word_for(audited: Audited) -> None:
    edit = 'create policy "edit" on public.makers for update to authenticated using (id = auth.uid());'
    column = "text not null default 'mate'"
    assert of_rule(audited(GUILD.format(kind="", column=column, value=CHOSEN, more=edit)), "signup") == []
    value = "new.raw_user_meta_data ->> 'post'"
    assert of_rule(audited(GUILD.format(kind="", column="text", value=value, more="")), "signup") == []
