"""storage.sql: three private buckets, one folder per user, and what realtime publishes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pgassay.database import Session, apply_script
from pgassay.observation import Attempt, Outcome, Persona
from pgassay.workbench import Workbench

ALICE = "a11ce000-0000-4000-8000-000000000001"
DAVE = "dead0000-0000-4000-8000-000000000003"


def upload(session: Session, bucket: str, name: str) -> Attempt:
    return session.attempt("insert into storage.objects (bucket_id, name) values (%s, %s)", [bucket, name])


@pytest.mark.parametrize("name", ["{}/new.mp4", "{}/series/new.mp4", "{}/a..b.mp4"])
def test_user_uploads_to_her_own_folder_and_reads_it_back(
    session: Session, alice: Persona, name: str
) -> None:
    path = name.format(ALICE)
    with session.act_as(alice):
        session.execute("insert into public.jobs (user_id, input_video_path) values (%s, %s)", [ALICE, path])
        assert upload(session, "raw-videos", path).rowcount == 1
        assert session.value("select count(*) from storage.objects where name = %s", [path]) == 1


@pytest.mark.parametrize("bucket", ["final-videos", "thumbnails", "other"])
def test_users_upload_to_no_other_bucket(
    session: Session, alice: Persona, service: Persona, bucket: str
) -> None:
    session.execute("insert into storage.buckets (id, name) values ('other', 'other')")
    with session.act_as(alice):
        attempt = upload(session, bucket, f"{ALICE}/new.mp4")
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.DENIED_POLICY, "42501")
    with session.act_as(service):
        assert upload(session, bucket, f"{ALICE}/new.mp4").rowcount == 1


def test_user_reads_her_own_folder_in_all_three_buckets_and_nothing_else(
    session: Session, alice: Persona, service: Persona
) -> None:
    with session.act_as(service):
        upload(session, "raw-videos", "root.mp4")
        assert session.value("select count(*) from storage.objects") == 10
    with session.act_as(alice):
        rows = session.execute("select bucket_id, name from storage.objects order by bucket_id, name").rows
    assert [tuple(row.values()) for row in rows] == [
        ("final-videos", f"{ALICE}/completed.mp4"),
        ("raw-videos", f"{ALICE}/completed.mp4"),
        ("thumbnails", f"{ALICE}/completed.webp"),
    ]


def test_object_in_another_bucket_stays_hidden_even_in_the_own_folder(
    session: Session, alice: Persona, service: Persona
) -> None:
    with session.act_as(service):
        session.execute("insert into storage.buckets (id, name) values ('other', 'other')")
        assert upload(session, "other", f"{ALICE}/secret.mp4").rowcount == 1
    with session.act_as(alice):
        assert session.value("select count(*) from storage.objects where bucket_id = 'other'") == 0
        assert session.value("select count(*) from storage.objects") == 3


@pytest.mark.parametrize(
    "change",
    [
        f"update storage.objects set name = '{ALICE}/moved.mp4' where name like '{ALICE}/%%'",
        f"update storage.objects set bucket_id = 'final-videos' where name = '{ALICE}/completed.mp4'",
        f"delete from storage.objects where name like '{ALICE}/%%'",
    ],
)
def test_users_change_and_delete_nothing_of_their_own(session: Session, alice: Persona, change: str) -> None:
    with session.act_as(alice):
        assert session.value("select count(*) from storage.objects") == 3
        attempt = session.attempt(change)
        assert session.value("select count(*) from storage.objects where name like '%/completed.%'") == 3
    assert (attempt.outcome, attempt.rowcount) == (Outcome.FILTERED, 0)


@pytest.mark.parametrize("persona", ["anon", "dave"])
def test_visitor_and_closed_account_read_and_upload_nothing(
    session: Session, personas: Mapping[str, Persona], persona: str
) -> None:
    with session.act_as(personas["service"]):
        assert session.value("select count(*) from storage.objects where name like %s", [f"{DAVE}/%"]) == 3
    with session.act_as(personas[persona]):
        assert session.attempt("select * from storage.objects").outcome is Outcome.FILTERED
        attempt = upload(session, "raw-videos", f"{DAVE}/new.mp4")
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.DENIED_POLICY, "42501")


@pytest.mark.parametrize("persona", ["anon", "alice"])
def test_buckets_themselves_are_hidden_and_closed_to_clients(
    session: Session, personas: Mapping[str, Persona], persona: str
) -> None:
    with session.act_as(personas[persona]):
        assert session.attempt("select * from storage.buckets").outcome is Outcome.FILTERED
        assert session.attempt("update storage.buckets set public = true").outcome is Outcome.FILTERED
        opened = session.attempt("insert into storage.buckets (id, name, public) values ('x', 'x', true)")
    assert opened.outcome is Outcome.DENIED_POLICY
    assert session.value("select count(*) from pg_policies where tablename = 'buckets'") == 0


def test_realtime_publishes_jobs_and_users_with_the_default_replica_identity(session: Session) -> None:
    query = """
        select
            p.schemaname || '.' || p.tablename as name,
            c.relreplident::text as identity,
            p.rowfilter as filter
        from pg_publication_tables p
        inner join pg_class c on c.oid = format('%I.%I', p.schemaname, p.tablename)::regclass
        where p.pubname = 'supabase_realtime' order by 1
    """
    assert [tuple(row.values()) for row in session.execute(query).rows] == [
        ("public.jobs", "d", None),
        ("public.users", "d", None),
    ]


def test_file_applies_with_notices_where_storage_and_realtime_are_missing(
    workbench: Workbench, tmp_path: Path
) -> None:
    removal = tmp_path / "removal.sql"
    removal.write_text("drop schema storage cascade; drop publication supabase_realtime")
    [storage] = workbench.config.companions
    with workbench.database(depth="schema", starting_point=(removal,)) as database:
        notices = apply_script(database.conninfo(), storage, timeout_seconds=30)
    assert [notice.message for notice in notices] == [
        "storage.objects does not exist: buckets and their policies skipped",
        "publication supabase_realtime does not exist: realtime skipped",
    ]


def test_objects_of_others_do_not_hide_one_of_a_closed_account(session: Session, service: Persona) -> None:
    """They come first, and are as many as one call lists."""
    dave, alice = "dead0000-0000-4000-8000-000000000003", "a11ce000-0000-4000-8000-000000000001"
    session.execute(
        "insert into storage.objects (bucket_id, name)"
        " select 'final-videos', %s || '/' || n from generate_series(1, 1000) as n",
        [alice],
    )
    session.execute("insert into storage.objects (bucket_id, name) values ('raw-videos', %s)", [f"{dave}/zz"])
    with session.act_as(service):
        listed = session.execute("select name from public.objects_to_erase()").rows
    assert {"name": f"{dave}/zz"} in listed


@pytest.mark.parametrize(
    ("bucket", "name"), [("other", f"{DAVE}/doc.pdf"), ("final-videos", f"{ALICE}/a.mp4")]
)
def test_what_others_keep_is_never_listed_for_removal(
    session: Session, service: Persona, bucket: str, name: str
) -> None:
    """Another application's bucket, in which a closed account has a folder; and results, however old."""
    session.execute("insert into storage.buckets (id, name) values ('other', 'other')")
    put = (
        "insert into storage.objects (bucket_id, name, created_at) values (%s, %s, now() - interval '9 days')"
    )
    session.execute(put, [bucket, name])
    session.execute(put, ["raw-videos", f"{ALICE}/nobody-names-it.mp4"])
    with session.act_as(service):
        listed = session.execute("select bucket_id, name from public.objects_to_erase()").rows
    assert {"bucket_id": bucket, "name": name} not in listed
    assert {"bucket_id": "raw-videos", "name": f"{ALICE}/nobody-names-it.mp4"} in listed


def test_a_thousand_objects_are_listed_at_a_call(session: Session, service: Persona) -> None:
    session.execute(
        "insert into storage.objects (bucket_id, name)"
        " select 'raw-videos', %s || '/' || n from generate_series(1, 1001) as n",
        [DAVE],
    )
    with session.act_as(service):
        assert session.value("select count(*) from public.objects_to_erase()") == 1000
