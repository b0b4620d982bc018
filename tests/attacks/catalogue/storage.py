"""What visitors and users try on files: other folders, other buckets, moving, overwriting, deleting.

On Supabase the API roles hold every privilege on storage.objects, so that policies alone, or their absence,
keep everybody out.
"""

from __future__ import annotations

from pgassay.denial import Guard, NoPolicy, Policy
from pgassay.observation import Outcome
from tests.attacks.attack import ALICE, BOB, DAVE, Attack, Control, Section
from tests.attacks.catalogue.own_values import ENCODED, literal

READ = Policy(
    table="storage.objects",
    name="Users read their own videos and thumbnails",
    clause="USING",
    command="select",
)
UPLOAD = Policy(
    table="storage.objects",
    name="Users upload raw videos to their own folder",
    clause="WITH CHECK",
    command="insert",
)
NO_UPDATE = NoPolicy(table="storage.objects", command="update", role="authenticated")
NO_DELETE = NoPolicy(table="storage.objects", command="delete", role="authenticated")

MY_UPLOAD = Control(
    by="alice",
    sql="insert into storage.objects (bucket_id, name) values ('raw-videos', %(alice)s || '/pending.mp4')",
)
BOBS_UPLOAD = Control(
    by="bob",
    sql="insert into storage.objects (bucket_id, name) values ('raw-videos', %(bob)s || '/pending.mp4')",
)
BOBS_FILES = Control(
    by="bob", sql="select name from storage.objects where name like 'b0b00000-0000-4000-8000-000000000002/%%'"
)
OTHER_BUCKET = "insert into storage.buckets (id, name) values ('other', 'other')"
FILE_THERE = "insert into storage.objects (bucket_id, name) values ('other', %(alice)s || '/report.pdf')"


def waiting_job(path: str, by: str = "alice", status: str = "PENDING") -> tuple[str, ...]:
    """A job that waits for its video at this path, past the triggers that would refuse it."""
    return (
        "alter table public.jobs disable trigger user",
        "insert into public.jobs (user_id, status, input_video_path, completed_at)"
        f" values (%({by})s, '{status}', {literal(path)},"
        f" case when '{status}' in ('FAILED', 'CANCELLED') then now() end)",
        "alter table public.jobs enable trigger user",
    )


def upload(
    name: str,
    path: str,
    *,
    bucket: str = "raw-videos",
    by: str = "alice",
    prepare: tuple[str, ...] | None = None,
    suspended: bool = False,
) -> Attack:
    """An attempt to put a new object where it must not lie, though a job of the same person names that path.

    The same person's upload of a video may pass.
    """
    if prepare is None:
        prepare = waiting_job(path, by) + ((OTHER_BUCKET,) if bucket == "other" else ())
    return Attack(
        name=name,
        by=by,
        prepare=prepare,
        sql=f"insert into storage.objects (bucket_id, name) values ('{bucket}', {literal(path)})",
        outcome=Outcome.DENIED_POLICY,
        sqlstate="42501",
        control=BOBS_UPLOAD if suspended else MY_UPLOAD,
        defences=(UPLOAD,),
    )


def touch(name: str, sql: str, *defences: Guard) -> Attack:
    """An attempt of Alice's to change or remove what the backend may."""
    return Attack(
        name=name,
        by="alice",
        sql=sql,
        outcome=Outcome.FILTERED,
        control=Control(by="service", sql=sql),
        defences=defences,
    )


def hidden(name: str, sql: str, *, by: str, control: Control, defence: Guard) -> Attack:
    """An attempt to read objects that are somebody else's."""
    return Attack(
        name=name,
        by=by,
        prepare=(OTHER_BUCKET, FILE_THERE),
        sql=sql,
        outcome=Outcome.FILTERED,
        control=control,
        defences=(defence,),
    )


PATHS = {
    "upload to a foreign folder": f"{BOB}/new.mp4",
    "upload to the root": "new.mp4",
    "upload to a foreign folder through ..": f"{ALICE}/../{BOB}/new.mp4",
    "upload from above the root": f"../{ALICE}/new.mp4",
    "upload through a dot": f"{ALICE}/./new.mp4",
    "upload with an empty segment": f"{ALICE}//new.mp4",
    "upload with a leading slash": f"/{ALICE}/new.mp4",
    "upload a folder without a file": f"{ALICE}/",
    "upload to a longer look-alike of the own folder": f"{ALICE}0/new.mp4",
    "upload to a shorter look-alike of the own folder": f"{ALICE[:-1]}/new.mp4",
    "upload to the own folder in capitals": f"{ALICE.upper()}/new.mp4",
    "upload to the own folder inside another": f"{BOB}/{ALICE}/new.mp4",
    "upload to the own folder below one of no user": f"videos/{ALICE}/new.mp4",
    "upload a file in place of the own folder": ALICE,
    "upload with a backslash": f"{ALICE}/..\\{BOB}\\new.mp4",
    "upload with a control character": f"{ALICE}/new\n.mp4",
    **{f"upload to a foreign folder {what}": path for what, path in ENCODED.items()},
}

WITHOUT_JOB = {
    "upload without a job": (),
    "upload for a job that waits for another path": waiting_job(f"{ALICE}/new.mp4.mov"),
    "upload for a job that another user has": waiting_job(f"{ALICE}/new.mp4", "bob"),
    **{
        f"upload for a job that is {status}": waiting_job(f"{ALICE}/new.mp4", status=status)
        for status in ("QUEUED", "FAILED", "CANCELLED")
    },
}
SUSPENDED = (
    *waiting_job(f"{ALICE}/new.mp4"),
    "update public.users set is_active = false where id = %(alice)s",
)

MINE = "bucket_id = 'raw-videos' and name = %(alice)s || '/completed.mp4'"
BOBS = "bucket_id = 'raw-videos' and name = %(bob)s || '/completed.mp4'"

STORAGE = Section(
    title="Storage",
    attacks=(
        *(upload(name, path) for name, path in PATHS.items()),
        *(upload(name, f"{ALICE}/new.mp4", prepare=prepare) for name, prepare in WITHOUT_JOB.items()),
        upload("upload from a suspended account", f"{ALICE}/new.mp4", prepare=SUSPENDED, suspended=True),
        upload("upload to final-videos", f"{ALICE}/new.mp4", bucket="final-videos"),
        upload("upload to thumbnails", f"{ALICE}/new.webp", bucket="thumbnails"),
        upload("upload to a bucket of another kind", f"{ALICE}/new.mp4", bucket="other"),
        upload("upload with a closed account", f"{DAVE}/new.mp4", by="dave"),
        Attack(
            name="upload without an account",
            by="anon",
            sql=MY_UPLOAD.sql,
            outcome=Outcome.DENIED_POLICY,
            sqlstate="42501",
            control=MY_UPLOAD,
            defences=(NoPolicy(table="storage.objects", command="insert", role="anon"),),
        ),
        Attack(
            name="overwrite an own video by uploading it again",
            by="alice",
            prepare=waiting_job(f"{ALICE}/completed.mp4"),
            sql="""
                insert into storage.objects (bucket_id, name)
                values ('raw-videos', %(alice)s || '/completed.mp4')
                on conflict (bucket_id, name) do update set version = '2'
            """,
            outcome=Outcome.DENIED_POLICY,
            sqlstate="42501",
            control=MY_UPLOAD,
            defences=(NO_UPDATE,),
        ),
        Attack(
            name="overwrite a foreign video by uploading it again",
            by="alice",
            sql="""
                insert into storage.objects (bucket_id, name)
                values ('raw-videos', %(bob)s || '/completed.mp4')
                on conflict (bucket_id, name) do update set version = '2'
            """,
            outcome=Outcome.DENIED_POLICY,
            sqlstate="42501",
            control=MY_UPLOAD,
            defences=(UPLOAD, READ, NO_UPDATE),
        ),
        hidden(
            "read a foreign folder",
            f"select name from storage.objects where {BOBS}",
            by="alice",
            control=BOBS_FILES,
            defence=READ,
        ),
        hidden(
            "read a bucket of another kind",
            "select name from storage.objects where bucket_id = 'other'",
            by="alice",
            control=Control(by="service", sql="select name from storage.objects where bucket_id = 'other'"),
            defence=READ,
        ),
        hidden(
            "read own files with a closed account",
            "select name from storage.objects where name like %(dave)s || '/%%'",
            by="dave",
            control=Control(
                by="service", sql="select name from storage.objects where name like %(dave)s || '/%%'"
            ),
            defence=READ,
        ),
        hidden(
            "read files without an account",
            "select name from storage.objects",
            by="anon",
            control=BOBS_FILES,
            defence=NoPolicy(table="storage.objects", command="select", role="anon"),
        ),
        touch(
            "move an own video to another bucket",
            f"update storage.objects set bucket_id = 'final-videos', name = name || '2' where {MINE}",
            NO_UPDATE,
        ),
        touch(
            "move an own video to a foreign folder",
            f"update storage.objects set name = %(bob)s || '/moved.mp4' where {MINE}",
            NO_UPDATE,
            READ,
        ),
        touch(
            "give an own video to somebody else",
            f"update storage.objects set owner_id = %(bob)s where {MINE}",
            NO_UPDATE,
        ),
        touch(
            "move a foreign video to the own folder",
            f"update storage.objects set name = %(alice)s || '/stolen.mp4' where {BOBS}",
            READ,
            NO_UPDATE,
        ),
        touch("delete an own video", f"delete from storage.objects where {MINE}", NO_DELETE),
        touch("delete a foreign video", f"delete from storage.objects where {BOBS}", READ, NO_DELETE),
        touch(
            "make a bucket public",
            "update storage.buckets set public = true where id = 'raw-videos'",
            NoPolicy(table="storage.buckets", command="select", role="authenticated"),
            NoPolicy(table="storage.buckets", command="update", role="authenticated"),
        ),
        Attack(
            name="open a bucket of one's own",
            by="alice",
            sql="insert into storage.buckets (id, name, public) values ('mine', 'mine', true)",
            outcome=Outcome.DENIED_POLICY,
            sqlstate="42501",
            control=Control(
                by="service",
                sql="insert into storage.buckets (id, name, public) values ('mine', 'mine', true)",
            ),
            defences=(NoPolicy(table="storage.buckets", command="insert", role="authenticated"),),
        ),
    ),
)
