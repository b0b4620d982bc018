"""What a closed account leaves behind: every personal column is filled first, and searched for afterwards."""

from __future__ import annotations

import json
import uuid

import pytest
from psycopg import sql

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, SERVICE, find_disagreements, read_books
from tests.shared.payments import ALICE_PAYMENTS, SET_STATUS, order

CANARY = "canary"
KINDS = "('text', 'varchar', 'bpchar', 'json', 'jsonb', 'bytea', 'xml', 'hstore', 'inet', 'tsvector')"
COLUMNS = f"""
    select c.relnamespace::regnamespace::text as schema, c.relname::text as "table", a.attname::text as name
    from pg_attribute as a
    inner join pg_class as c on a.attrelid = c.oid
    inner join pg_type as t on a.atttypid = t.oid
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
        and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
        and (t.typname in {KINDS} or t.typcategory = 'A')
    order by 1, 2, 3
"""
LISTED = "select table_name, column_name, is_personal from private.column_privacy"
CLOSED = {
    "the auth user is deleted": "delete from auth.users where id = %s",
    "the auth server deletes softly": "update auth.users set deleted_at = now() where id = %s",
    "the user closes it": "select public.close_my_account()",
    "the backend closes it": "update public.users set deleted_at = now() where id = %s",
}
KEPT = {("payments", "provider_transaction_id"), ("credit_transactions", "idempotency_key")}


def find_columns(session: Session) -> set[tuple[str, str]]:
    return {(row["table"], row["name"]) for row in session.execute(COLUMNS).rows}


def read_list(session: Session) -> dict[tuple[str, str], bool]:
    rows = session.execute(LISTED).rows
    return {(row["table_name"], row["column_name"]): row["is_personal"] for row in rows}


def search(session: Session, text: str) -> set[tuple[str, str]]:
    """Every column of every table, whatever its type, in which the text stands somewhere."""
    columns = """
        select
            c.relnamespace::regnamespace::text as schema, c.relname::text as name, a.attname::text as "column"
        from pg_attribute as a inner join pg_class as c on a.attrelid = c.oid
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
            and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    """
    places = session.execute(columns).rows
    searched = sql.SQL(" union all ").join(
        sql.SQL("select {}, {} where exists (select from {} as r where r.{}::text ilike {})").format(
            sql.Literal(place["name"]),
            sql.Literal(place["column"]),
            sql.Identifier(place["schema"], place["name"]),
            sql.Identifier(place["column"]),
            sql.Literal(f"%{text}%"),
        )
        for place in places
    )
    query = sql.SQL("select a, b from ({}) as f (a, b)").format(searched)
    with session.as_owner():
        return {tuple(row.values()) for row in session.execute(query.as_string()).rows}


def test_every_text_json_array_and_binary_column_is_listed_and_no_other(session: Session) -> None:
    assert len(find_columns(session)) >= 50
    assert set(read_list(session)) == find_columns(session)


@pytest.mark.parametrize(
    ("change", "table", "column"),
    [
        ("alter table public.jobs add notes text", "jobs", "notes"),
        ("alter table public.users add settings jsonb", "users", "settings"),
        ("alter table public.users add numbers text[]", "users", "numbers"),
        ("alter table private.debts add scan bytea", "debts", "scan"),
        ("create table public.later (id int primary key, body varchar(9))", "later", "body"),
    ],
)
def test_new_column_that_is_not_listed_is_found(
    session: Session, change: str, table: str, column: str
) -> None:
    session.execute(change)
    assert find_columns(session) - set(read_list(session)) == {(table, column)}


def test_listed_column_that_is_gone_is_found(session: Session) -> None:
    session.execute("alter table public.jobs drop worker_id")
    assert set(read_list(session)) - find_columns(session) == {("jobs", "worker_id")}


@pytest.fixture
def erin(session: Session) -> Persona:
    return leave_canaries(session)


def leave_canaries(session: Session) -> Persona:
    """A new user who left a canary wherever somebody can write of her."""
    user = str(uuid.uuid4())
    session.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
        [
            user,
            f"{CANARY}@example.com",
            json.dumps({"full_name": CANARY, "avatar_url": f"https://example.com/{CANARY}"}),
        ],
    )
    with session.act_as(SERVICE):
        fill(session, user)
    # What the backend writes to a finished job, past the states that would clear it.
    session.execute("set local session_replication_role = replica")
    session.execute(
        "update public.jobs set current_step = %(c)s, transcription_json = %(j)s, analysis_json = %(j)s,"
        " error_message = %(c)s, replicate_prediction_id = %(c)s || id::text,"
        " output_video_path = user_id || '/' || %(c)s, thumbnail_path = user_id || '/' || %(c)s"
        " where user_id = %(u)s",
        {"c": CANARY, "j": json.dumps({"text": CANARY}), "u": user},
    )
    fill_what_is_left(session, user)
    session.execute("set local session_replication_role = origin")
    return Persona(name="erin", role="authenticated", claims={"sub": user})


def fill_what_is_left(session: Session, user: str) -> None:
    """Write a canary to each personal column that has none yet: a column of tomorrow."""
    typed = {"jsonb": json.dumps({"text": CANARY}), "ARRAY": f"{{{CANARY}}}"}
    kinds = """
        select data_type from information_schema.columns
        where table_schema in ('public', 'private') and table_name = %s and column_name = %s
    """
    filled = search(session, CANARY)
    for table, column in sorted(c for c, is_personal in read_list(session).items() if is_personal):
        if (table, column) not in filled:
            value = typed.get(session.value(kinds, [table, column]), CANARY)
            owner = "id" if table == "users" else "user_id"
            place = sql.Identifier("public", table), sql.Identifier(column), sql.Identifier(owner)
            update = sql.SQL("update {} set {} = %s where {} = %s").format(*place)
            assert session.execute(update.as_string(), [value, user]).rowcount > 0


def fill(session: Session, user: str) -> None:
    document = json.dumps({"email": CANARY, "nested": [{"phone": CANARY}]})
    paid = {"payment_method": CANARY, "metadata": document, "status": "COMPLETED"}
    payments = [
        str(order(session, user, **paid, provider_transaction_id=f"{CANARY}-{n}").rows[0]["id"])
        for n in range(2)
    ]
    jobs = [
        session.value(
            "insert into public.jobs (user_id, status, job_name, input_video_path, client_request_id)"
            " values (%s, %s, %s, %s, %s) returning id::text",
            [user, status, CANARY, f"{user}/{CANARY}.mp4", f"{CANARY}{status}"],
        )
        for status in ("PENDING", "QUEUED", "UPLOADING")
    ]
    move = "update public.jobs set status = 'CANCELLED' where id = %s"
    session.execute(move, [jobs[2]])
    query = "select public.grant_credits(%s, 1, 'BONUS', %s, %s)"
    session.execute(query, [user, CANARY, f"{CANARY} key"])
    session.execute("select public.refund_partially(%s, 1, %s, 'part of erin')", [payments[0], CANARY])
    spent = "select public.grant_credits(%s, -5, 'ADJUSTMENT', %s)"
    session.execute(spent, [user, CANARY])
    session.execute(SET_STATUS, ["REFUNDED", payments[1]])
    session.execute("select public.settle_debt(%s, 1, %s)", [user, CANARY])
    events = (
        "insert into public.webhook_logs"
        " (provider, event_id, event_type, payload, headers, error_message, job_id, payment_id)"
        " values ('stripe', %s, 'x', %s, %s, %s, %s, %s)"
    )
    for number, (job, payment) in enumerate([(jobs[0], None), (None, payments[0]), (jobs[1], payments[1])]):
        event = f"evt_erin_{number}"
        session.execute(events, [event, document, json.dumps({"X-User": CANARY}), CANARY, job, payment])
    calls = (
        "insert into public.api_usage_logs"
        " (api_provider, user_id, job_id, request_metadata, response_metadata)"
        " values ('openai', %s, %s, %s, %s)"
    )
    for owner, job in ((user, None), (None, jobs[0]), (user, jobs[1])):
        session.execute(calls, [owner, job, document, document])
    settings = "update public.user_preferences set preferences_json = %s where user_id = %s"
    session.execute(settings, [document, user])


def close(session: Session, user: Persona, how: str) -> None:
    actors = {"the user closes it": user, "the backend closes it": SERVICE}
    with session.act_as(actors[how]) if how in actors else session.as_owner():
        session.execute(CLOSED[how], [user.id] if "%s" in CLOSED[how] else None)


def test_new_personal_column_that_is_not_erased_is_found(session: Session) -> None:
    """A control of the tests below: a column of tomorrow is filled, too, and searched."""
    session.execute("alter table public.jobs add note text, add labels jsonb, add tags text[]")
    session.execute("""
        insert into private.column_privacy (table_name, column_name, is_personal)
        values ('jobs', 'note', true), ('jobs', 'labels', true), ('jobs', 'tags', true)
    """)
    erin = leave_canaries(session)
    close(session, erin, "the user closes it")
    assert search(session, CANARY) == KEPT | {("jobs", "note"), ("jobs", "labels"), ("jobs", "tags")}


def test_canaries_stand_in_every_personal_column(session: Session, erin: Persona) -> None:
    """The control of the test below: a personal column that nobody fills would prove nothing."""
    personal = {column for column, is_personal in read_list(session).items() if is_personal}
    assert search(session, CANARY) == personal | KEPT


@pytest.mark.parametrize("how", CLOSED)
def test_nothing_personal_is_left(session: Session, erin: Persona, how: str) -> None:
    books = read_books(session, erin.id)
    close(session, erin, how)
    assert search(session, CANARY) == KEPT
    # The books stay: what was paid, spent and owed.
    after = read_books(session, erin.id)
    assert after.entries[: len(books.entries)] == books.entries
    assert find_disagreements(session) == []
    owed = session.value("select public.credits_owed(%s)", [erin.id])
    shortfalls = "select sum((metadata ->> 'shortfall')::int)::int from public.payments where user_id = %s"
    assert session.value(shortfalls, [erin.id]) == owed > 0


@pytest.mark.parametrize("how", CLOSED)
def test_other_users_keep_everything(session: Session, erin: Persona, how: str) -> None:
    others = """
        select string_agg(r::text, '' order by r::text) from (
            select u::text from public.users as u where u.id <> %(u)s
            union all select j::text from public.jobs as j where j.user_id <> %(u)s
            union all select p::text from public.payments as p where p.user_id <> %(u)s
            union all select t::text from public.credit_transactions as t where t.user_id <> %(u)s
            union all select w::text from public.webhook_logs as w where w.event_id in ('evt_1', 'evt_2')
            union all select l::text from public.api_usage_logs as l
            where l.id <= 2 or l.api_endpoint = 'alice'
            union all select d::text from private.debts as d where d.user_id <> %(u)s
            union all select f::text from private.partial_refunds as f where f.description = 'said of a part'
        ) as rows (r)
    """
    # Of alice's job, which they name; the world's other events and calls say nothing.
    event = "update public.webhook_logs set payload = %s where job_id = %s and event_id = 'evt_2'"
    assert session.execute(event, ['{"said": "in an event"}', ALICE_JOBS["FAILED"]]).rowcount == 1
    call = """
        insert into public.api_usage_logs (api_provider, api_endpoint, job_id, request_metadata)
        values ('openai', 'alice', %s, %s)
    """
    session.execute(call, [ALICE_JOBS["FAILED"], '{"said": "in a call"}'])
    part = "select public.refund_partially(%s, 2, 'said of a part', 'part of alice')"
    session.execute(part, [ALICE_PAYMENTS["COMPLETED"]])
    debt = """
        insert into private.debts (user_id, payment_id, kind, credits, after_entry, description)
        values (%s, %s, 'shortfall', 1, 0, 'said of a debt')
    """
    session.execute(debt, [ALICE, ALICE_PAYMENTS["COMPLETED"]])
    before = session.value(others, {"u": erin.id})
    for said in ("alice@example.com", "in an event", "in a call", "said of a part", "said of a debt"):
        assert said in before
    close(session, erin, how)
    assert session.value(others, {"u": erin.id}) == before


def test_what_comes_after_closing_goes_when_the_sign_in_does(session: Session, erin: Persona) -> None:
    close(session, erin, "the user closes it")
    with session.act_as(SERVICE):
        session.execute(
            "insert into public.api_usage_logs (api_provider, user_id, request_metadata)"
            " values ('openai', %s, %s)",
            [erin.id, json.dumps({"late": CANARY})],
        )
    assert search(session, CANARY) == KEPT | {("api_usage_logs", "request_metadata")}
    close(session, erin, "the auth user is deleted")
    assert search(session, CANARY) == KEPT


def test_objects_of_closed_accounts_are_listed_for_the_backend(
    session: Session, erin: Persona, service: Persona
) -> None:
    listed = "select bucket_id, name from public.objects_to_erase() where name like %s"
    objects = "insert into storage.objects (bucket_id, name) values (%s, %s)"
    own = {(bucket, f"{erin.id}/{CANARY}") for bucket in ("raw-videos", "final-videos", "thumbnails")}
    for place in own:
        session.execute(objects, list(place))
    with session.act_as(service):
        assert session.execute(listed, [f"{erin.id}/%"]).rows == []
    close(session, erin, "the user closes it")
    with session.act_as(service):
        assert {tuple(row.values()) for row in session.execute(listed, [f"{erin.id}/%"]).rows} == own
        owners = "select array_agg(distinct split_part(name, '/', 1)) from public.objects_to_erase()"
        dave = "dead0000-0000-4000-8000-000000000003"
        assert set(session.value(owners)) == {erin.id, dave}


def test_description_of_the_ledger_is_emptied_for_closed_accounts_alone(
    session: Session, erin: Persona
) -> None:
    empty = "update public.credit_transactions set description = %s where user_id = %s"
    assert session.attempt(empty, [None, erin.id]).sqlstate == "PT405"
    close(session, erin, "the user closes it")
    assert session.attempt(empty, ["rewritten", erin.id]).sqlstate == "PT405"
    assert session.attempt(empty, [None, erin.id]).sqlstate == ""
    other = "update public.credit_transactions set amount = amount, description = null where user_id = %s"
    assert session.attempt(other, [erin.id]).sqlstate == "PT405"
