"""Functions that answer about others: yes or no, through many arguments, of types that the call decides."""

from __future__ import annotations

import pytest

from pgassay.diff.outcome import Review
from pgassay.diff.review import SEARCH_STATEMENTS, review
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

OWN, ANY = "d.owner = auth.uid()", "true"
CALLED = """
revoke all on function {0} from public, anon;
grant execute on function {0} to authenticated;
"""
HAS_LABEL = """
create function public.has_label(what text) returns boolean language {} stable security definer as $$
    select exists (select from public.documents as d where d.label = what and {})
$$;
""" + CALLED.format("public.has_label(text)")
LONGER = """
create function public.is_longer(who uuid, pages integer) returns boolean language plpgsql
security definer as $$ begin
    {}
    return (select sum(d.pages) > is_longer.pages from public.documents as d where d.owner = who);
end $$;
""" + CALLED.format("public.is_longer(uuid, integer)")
PICK = """
create function public.pick(variadic which integer[]) returns setof text language sql security definer as $$
    select d.label from public.documents as d where d.id = any (which) and {}
$$;
""" + CALLED.format("public.pick(integer[])")
AMONG = """
create function public.among(them anyarray) returns bigint language sql security definer as $$
    select count(*) from public.documents as d where d.label = any (them::text[]) and {}
$$;
""" + CALLED.format("public.among(anyarray)")
LEAVE = """
create function public.leave(who uuid) returns void language plpgsql security definer as $$ begin
    if {} then raise exception 'not you' using errcode = '42501'; end if;
    delete from public.documents as d where d.owner = who;
end $$;
""" + CALLED.format("public.leave(uuid)")
COUNT = """
create function public.count_labels(what text) returns bigint language plpgsql security definer as $$
declare found bigint; begin
    execute format('select count(*) from public.documents as d where d.owner = %L and d.label = {}',
        auth.uid(), what) into found;
    return found;
end $$;
""" + CALLED.format("public.count_labels(text)")
OPEN = """
create function public.browse(shelf refcursor) returns refcursor language plpgsql security definer as $$ begin
    open shelf for select d.* from public.documents as d where {};
    return shelf;
end $$;
""" + CALLED.format("public.browse(refcursor)")
SAVE = """
create function public.save(said jsonb) returns void language plpgsql security definer as $$
declare
    given public.documents := jsonb_populate_record(null::public.documents, said);
begin
    update public.documents as d set label = coalesce(given.label, d.label) where {};
end $$;
""" + CALLED.format("public.save(jsonb)")
OF_CLAIMS = """
create function public.leave() returns void language plpgsql security definer as $$
declare who constant uuid := (
    {}current_setting('request.jwt.claims', true)::jsonb ->> 'sub'{}
)::uuid;
begin
    delete from public.documents as d where d.owner = who;
end $$;
""" + CALLED.format("public.leave()")
BELIEVED = "coalesce(current_setting('request.jwt.claims', true)::jsonb #>> '{user_metadata,account}', "
REFUSED = "if who <> auth.uid() then return false; end if;"


def compare(tenants: Tenants, before: str, after: str) -> Review:
    sides = tenants.head(before, name="base.sql"), tenants.head(after)
    return review(tenants.server, *sides, search=SEARCH_STATEMENTS)


@pytest.mark.parametrize(
    ("narrow", "wide", "message"),
    [
        (
            HAS_LABEL.format("sql", OWN),
            HAS_LABEL.format("sql", ANY),
            "EXECUTE public.has_label(text) to get what only others got",
        ),
        (
            LONGER.format(REFUSED),
            LONGER.format(""),
            "EXECUTE public.is_longer(uuid, integer) to get what only others got",
        ),
        (PICK.format(OWN), PICK.format(ANY), "EXECUTE public.pick(integer[]) to get 1 of its rows (was: 0)"),
        (AMONG.format(OWN), AMONG.format(ANY), "EXECUTE public.among(anyarray) to get another answer"),
        (
            OPEN.format(OWN),
            OPEN.format(ANY),
            "EXECUTE public.browse(refcursor) to find more in the cursor that it opens",
        ),
        # On the way back whoever names nobody is no longer refused, and nothing comes of it.
        (
            LEAVE.format("who is distinct from auth.uid()"),
            LEAVE.format("who is null or auth.uid() is null"),
            "EXECUTE public.leave(uuid) to write more (was: refused, 42501)",
        ),
        (
            OF_CLAIMS.format("", ""),
            OF_CLAIMS.format(BELIEVED, ")"),
            "EXECUTE public.leave() to write more",
        ),
        (
            COUNT.format("%L"),
            COUNT.format("''%s''"),
            "EXECUTE public.count_labels(text) and have SQL run there that they pass (was: a value)",
        ),
    ],
    ids=[
        "yes",
        "yes in PL/pgSQL",
        "many",
        "any type",
        "cursor",
        "removal",
        "claim",
        "text that is run",
    ],
)
def test_answer_about_others_is_a_gain_and_its_end_is_none(
    tenants: Tenants, narrow: str, wide: str, message: str
) -> None:
    found = compare(tenants, narrow, wide)
    gains = [one.message for one in found.difference.gained]
    assert any(message in one for one in gains), (gains, found.fault, found.tried)
    assert compare(tenants, wide, narrow).difference.gained == ()


OF_WHOM = """
create function public.labels(asked jsonb) returns setof text language sql stable security definer as $$
    select d.label from public.documents as d where d.owner = {}
$$;
""" + CALLED.format("public.labels(jsonb)")


def test_call_that_no_longer_believes_its_argument_finds_only_what_is_known(tenants: Tenants) -> None:
    wide = OF_WHOM.format("coalesce((asked ->> 'of')::uuid, auth.uid())")
    found = compare(tenants, wide, OF_WHOM.format("auth.uid()"))
    assert [one.message for one in found.difference.gained] == []
    assert found.tried > 0
    [gain] = compare(tenants, OF_WHOM.format("auth.uid()"), wide).difference.gained
    assert "EXECUTE public.labels(jsonb)" in gain.message


def test_yes_that_everybody_got_for_these_arguments_is_none(tenants: Tenants) -> None:
    written = HAS_LABEL.format("sql", OWN).replace("d.label = what", "{} = {}")
    found = compare(
        tenants, written.format("d.label", "what"), written.format("lower(d.label)", "lower(what)")
    )
    assert [one.message for one in found.difference.gained] == []
    assert found.tried > 0


def test_value_that_the_caller_no_longer_chooses_is_none(tenants: Tenants) -> None:
    save = """
drop trigger keep_published on public.documents;
create function public.save(patch jsonb) returns void language sql security definer as $$
    update public.documents as d set label = patch ->> 'label'{} where d.owner = auth.uid()
$$;
""" + CALLED.format("public.save(jsonb)")
    wide = save.format(", pages = coalesce((patch ->> 'pages')::integer, d.pages)")
    [gain] = compare(tenants, save.format(""), wide).difference.gained
    assert "EXECUTE public.save(jsonb) with other effects" in gain.message
    assert [one.message for one in compare(tenants, wide, save.format("")).difference.gained] == []
    charged = save.format(", pages = d.pages + 1")  # whoever calls it has no say in that
    [gain] = compare(tenants, charged, save.format("")).difference.gained
    assert "EXECUTE public.save(jsonb) with other effects" in gain.message


def test_claim_that_says_whom_a_call_is_about_is_a_gain(tenants: Tenants) -> None:
    finish = """
drop trigger keep_published on public.documents;
create function public.finish() returns void language plpgsql security definer as $$
declare who constant uuid := {};
begin
    update public.documents as d set pages = d.id + 1 where d.owner = who;
end $$;
""" + CALLED.format("public.finish()")
    others = finish.format("coalesce((auth.jwt() -> 'user_metadata' ->> 'as')::uuid, auth.uid())")
    [gain] = compare(tenants, finish.format("auth.uid()"), others).difference.gained
    assert "EXECUTE public.finish() to write more (was: less), given the claims" in gain.message


def test_row_that_a_document_becomes_says_whose_it_is(tenants: Tenants) -> None:
    sides = (f"d.owner = {owner} and d.stage = 'DRAFT'" for owner in ("auth.uid()", "given.owner"))
    [gain] = compare(tenants, *map(SAVE.format, sides)).difference.gained
    assert "EXECUTE public.save(jsonb) to write more" in gain.message


LEADS = """
create function public.leads(which text) returns boolean language sql stable security definer as $$
    select exists (select from public.documents as d where d.owner = auth.uid() and d.tenant = {})
$$;
grant execute on function public.leads(text) to anon, authenticated;
"""


def test_no_where_it_said_yes_is_none(tenants: Tenants) -> None:
    before, after = (LEADS.format(text) for text in ("d.tenant", "which"))
    assert compare(tenants, before, after).difference.gained == ()


GUESTS = """
create function public.count_own() returns bigint language sql stable security definer as $$
    select count(*) from public.documents as d where d.owner = auth.uid() {}
$$;
""" + CALLED.format("public.count_own()")


def test_what_its_own_claims_say_tells_the_caller_of_nobody(tenants: Tenants) -> None:
    asked = "and (current_setting('request.jwt.claims', true)::jsonb ->> 'is_anonymous')::boolean is not true"
    assert compare(tenants, *map(GUESTS.format, ("", asked))).difference.gained == ()


FIND = """
create function public.find(words text, sorted text default 'label') returns setof text
language plpgsql stable security definer as $$ begin
    return query execute format(
        'select d.label from public.documents as d where d.owner = %L and d.label like ' || {},
        auth.uid(), words, sorted
    );
end $$;
""" + CALLED.format("public.find(text, text)")


def test_text_that_is_run_where_another_argument_has_a_default(tenants: Tenants) -> None:
    before, after = (FIND.format(f"'{text} order by d.%I'") for text in ("%L", "''%s''"))
    [gain] = compare(tenants, before, after).difference.gained
    assert "EXECUTE public.find(text, text)" in gain.message
