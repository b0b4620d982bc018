"""Claims that users write themselves."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

FILES = """
create table public.files (id integer primary key, text text not null);
alter table public.files enable row level security;
create policy "staff" on public.files for select to authenticated
using ((select auth.jwt() -> '{}' ->> 'job') = 'clerk');
"""
POSTS = """
create table public.posts (
    id integer generated always as identity primary key,
    author uuid not null references auth.users, text text not null
);
alter table public.posts enable row level security;
create policy "read" on public.posts for select {} using (true);
create policy "write" on public.posts for insert to authenticated
with check (author = (select auth.uid()) {});
"""
NO_GUESTS = "and (select (auth.jwt() ->> 'is_anonymous')::boolean) is not true"


def test_metadata_of_ones_own_open_rows(audited: Audited) -> None:
    assert told(audited(FILES.format("user_metadata")), "claims") == [("public.files", "high", ("select",))]


def test_metadata_of_the_application_do_not(audited: Audited) -> None:
    assert told(audited(FILES.format("app_metadata")), "claims") == []


def test_guests_publish_as_users_do(audited: Audited) -> None:
    assert told(audited(POSTS.format("", "")), "claims") == [("public.posts", "medium", ("insert",))]


def test_guests_are_looked_for_unless_the_settings_say_that_they_are_off(audited: Audited) -> None:
    # What the file says of other things, such as the version, does not matter.
    assert told(audited(POSTS.format("", ""), anonymous_sign_ins=False), "claims") == []
    assert told(audited(POSTS.format("", ""), anonymous_sign_ins=True, major_version=17), "claims") == [
        ("public.posts", "medium", ("insert",))
    ]


def test_guests_who_are_told_apart_do_not(audited: Audited) -> None:
    assert told(audited(POSTS.format("", NO_GUESTS)), "claims") == []


def test_guests_whom_only_users_read_publish_nothing(audited: Audited) -> None:
    assert told(audited(POSTS.format("to authenticated", "")), "claims") == []


def test_a_claim_that_is_missing_lets_everything_through(audited: Audited) -> None:
    schema = """
    create table public.leases (id integer primary key, house uuid not null, text text not null);
    alter table public.leases enable row level security;
    create policy "house" on public.leases for select to authenticated
    using (house = (auth.jwt() -> 'app_metadata' ->> 'house')::uuid{});
    """
    found = audited(schema.format(" or (auth.jwt() -> 'app_metadata' ->> 'house') is null"))
    assert told(found, "claims") == [("public.leases", "high", ("select",))]
    assert "without the claim app_metadata.house" in of_rule(found, "claims")[0].sentence
    assert told(audited(schema.format("")), "claims") == []
    level = " or (auth.jwt() ->> 'aal') in ('aal1', 'aal2')"  # which Auth puts into every token
    assert told(audited(schema.format(level)), "claims") == []


def test_who_has_no_id_reads_what_is_nobodys(audited: Audited) -> None:
    schema = """
    create table public.drafts (id integer primary key, writer uuid references auth.users);
    alter table public.drafts enable row level security;
    create policy "own" on public.drafts for select using (writer {} auth.uid());
    """
    found = audited(schema.format("is not distinct from"))
    assert told(found, "claims") == [("public.drafts", "critical", ("select",))]
    assert told(audited(schema.format("=")), "claims") == []


def test_guests_who_say_nothing_publish_nothing(audited: Audited) -> None:
    assert told(audited(POSTS.format("", "").replace(", text text not null", "")), "claims") == []


def test_where_anyone_writes_no_guest_is_told(audited: Audited) -> None:
    open_to_all = POSTS.format("", "").replace("alter table public.posts enable row level security;", "")
    assert told(audited(open_to_all), "claims") == []


def test_who_says_in_a_header_whose_rows_he_wants(audited: Audited) -> None:
    schema = """
    create table public.firms (id uuid primary key);
    create table public.clerks (
        firm uuid references public.firms, who uuid references auth.users, primary key (firm, who)
    );
    create table public.bills (id integer primary key, firm uuid not null references public.firms);
    alter table public.firms enable row level security;
    alter table public.clerks enable row level security;
    alter table public.bills enable row level security;
    create policy "own" on public.clerks for select to authenticated using (who = (select auth.uid()));
    create policy "firm" on public.bills for select to authenticated using (
        firm = (current_setting('request.headers', true)::json ->> 'x-firm')::uuid {}
    );
    """
    assert told(audited(schema.format("")), "claims") == [("public.bills", "high", ("select",))]
    mine = "and firm in (select c.firm from public.clerks as c where c.who = (select auth.uid()))"
    assert told(audited(schema.format(mine)), "claims") == []


QUIZ = """
create table public.quizzes (id uuid primary key, maker uuid not null references auth.users);
create table public.guesses (
    quiz uuid not null references public.quizzes, who uuid not null references auth.users,
    primary key (quiz, who)
);
alter table public.quizzes enable row level security;
alter table public.guesses enable row level security;
create policy "read" on public.quizzes for select to authenticated using (true);
create policy "make" on public.quizzes for insert to authenticated with check (
    maker = (select auth.uid()) and (select (auth.jwt() ->> 'is_anonymous')::boolean) is not true
);
create policy "own" on public.guesses for select to authenticated using (who = (select auth.uid()));
create policy "guess" on public.guesses for insert to authenticated with check (who = (select auth.uid()) {});
"""


def test_a_guest_writes_below_what_no_guest_may_write(audited: Audited) -> None:
    [finding] = of_rule(audited(QUIZ.format("")), "claims")
    assert (finding.object, finding.severity.word, finding.who) == ("public.guesses", "medium", ("guest",))
    assert finding.repair is not None
    asked = "and (select (auth.jwt() ->> 'is_anonymous')::boolean) is not true"
    assert told(audited(QUIZ.format(asked)), "claims") == []


SCHOOLS = """
create table public.schools (id integer primary key, ending text not null unique);
create table public.pupils (
    school integer references public.schools, who uuid references auth.users, primary key (school, who)
);
create table public.sheets (
    id integer primary key, school integer not null references public.schools, text text not null
);
alter table public.schools enable row level security;
alter table public.pupils enable row level security;
alter table public.sheets enable row level security;
create policy "mine" on public.pupils for select to authenticated using (who = (select auth.uid()));
"""
BY_ADDRESS = """
create policy "read" on public.sheets for select to authenticated using (exists (
    select from public.schools as s where s.id = sheets.school and {}
));
create policy "known" on public.schools for select to authenticated using (true);
"""
BY_JOINING = """
create policy "read" on public.sheets for select to authenticated using (
    exists (select from public.pupils as p where p.school = sheets.school and p.who = (select auth.uid()))
);
create function public.enrol() returns void language sql security definer set search_path = '' as $$
    insert into public.pupils (school, who)
    select s.id, auth.uid() from public.schools as s where {} on conflict do nothing
$$;
"""
EMAIL = "(select auth.jwt() ->> 'email')"


@pytest.mark.parametrize(
    ("asked", "is_whole"),
    [
        (f"{EMAIL} like '%' || s.ending", False),
        ("right((select auth.email()), length(s.ending)) = s.ending", False),
        (f"strpos({EMAIL}, s.ending) > 0", False),
        (f"{EMAIL} ilike '%@' || s.ending || '%'", False),
        (f"s.ending like '%' || split_part({EMAIL}, '@', 2)", False),
        (f"split_part({EMAIL}, '@', 2) = s.ending", True),
        (f"{EMAIL} like '%@' || s.ending", True),
        (f"{EMAIL} like '%@' || s.ending or {EMAIL} like '%.' || s.ending", True),
    ],
)
def test_a_domain_that_is_a_part_of_another(audited: Audited, asked: str, is_whole: bool) -> None:
    found = told(audited(SCHOOLS + BY_ADDRESS.format(asked)), "claims")
    assert found == ([] if is_whole else [("public.sheets", "medium", ("select",))])


@pytest.mark.parametrize(
    ("asked", "count"),
    [(f"{EMAIL} like '%' || s.ending", 1), (f"split_part({EMAIL}, '@', 2) = s.ending", 0)],
)
def test_who_joins_by_a_part_of_his_address(audited: Audited, asked: str, count: int) -> None:
    found = told(audited(SCHOOLS + BY_JOINING.format(asked)), "claims")
    assert found == [("public.enrol()", "medium", ("execute",))] * count
