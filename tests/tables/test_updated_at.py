"""updated_at is the database's own stamp: every update sets it, nobody forges it."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.rows import ALICE, BOB

# A harmless update of one existing row of each table that has the column.
UPDATES = {
    "credit_packages": "update public.credit_packages set {} where name = 'Pro Pack'",
    "jobs": "update public.jobs set {} where id = 'a11ce000-0000-4000-8000-000000000101'",
    "payments": "update public.payments set {} where id = 'a11ce000-0000-4000-8000-000000000202'",
    "user_preferences": f"update public.user_preferences set {{}} where user_id = '{ALICE}'",
    "users": f"update public.users set {{}} where id = '{ALICE}'",
}
IN_THIS_TRANSACTION = "returning updated_at between now() and clock_timestamp() as stamped"
OFTEN_WRITABLE = {
    "jobs": "job_name = 'New'",
    "user_preferences": "theme = 'light'",
    "users": "full_name = 'New'",
}


def test_every_table_with_the_column_is_tested_here(session: Session) -> None:
    query = """
        select array_agg(c.relname::text order by c.relname)
        from pg_attribute a inner join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname = 'updated_at'
    """
    assert session.value(query) == sorted(UPDATES)


@pytest.mark.parametrize("table", UPDATES)
def test_update_that_changes_nothing_else_stamps_the_row(session: Session, table: str) -> None:
    row = session.execute(f"{UPDATES[table].format('created_at = created_at')} {IN_THIS_TRANSACTION}").rows
    assert row == [{"stamped": True}]


@pytest.mark.parametrize("moment", ["1999-01-01", "2999-01-01"])
@pytest.mark.parametrize("table", UPDATES)
def test_forged_stamp_is_replaced_even_for_the_owner(session: Session, table: str, moment: str) -> None:
    forged = UPDATES[table].format(f"updated_at = '{moment}'")
    assert session.execute(f"{forged} {IN_THIS_TRANSACTION}").rows == [{"stamped": True}]


@pytest.mark.parametrize("table", ["credit_packages", "jobs", "payments", "user_preferences"])
def test_service_cannot_forge_the_stamp(session: Session, service: Persona, table: str) -> None:
    forged = UPDATES[table].format("updated_at = '1999-01-01'")
    with session.act_as(service):
        assert session.execute(f"{forged} {IN_THIS_TRANSACTION}").rows == [{"stamped": True}]


@pytest.mark.parametrize("table", OFTEN_WRITABLE)
def test_update_by_its_user_stamps_the_row(session: Session, alice: Persona, table: str) -> None:
    with session.act_as(alice):
        update = UPDATES[table].format(OFTEN_WRITABLE[table])
        assert session.execute(f"{update} {IN_THIS_TRANSACTION}").rows == [{"stamped": True}]


# A new row of each table, which says when it was updated.
INSERTS = {
    "credit_packages": "(name, credits, price_thb, updated_at) values ('New Pack', 2, 50, %s)",
    "jobs": f"(user_id, updated_at) values ('{BOB}', %s)",
    "payments": f"""(user_id, provider, amount_thb, credits_purchased, updated_at)
        values ('{BOB}', 'MANUAL', 99, 3, %s)""",
    "user_preferences": f"(user_id, updated_at) values ('{BOB}', %s)",
    "users": "(id, updated_at) values ('ca201000-0000-4000-8000-000000000009', %s)",
}


@pytest.mark.parametrize("moment", ["1999-01-01", "2999-01-01"])
@pytest.mark.parametrize("table", UPDATES)
def test_new_row_is_stamped_whatever_it_says(session: Session, table: str, moment: str) -> None:
    session.execute(f"delete from public.user_preferences where user_id = '{BOB}'")
    row = session.execute(f"insert into public.{table} {INSERTS[table]} {IN_THIS_TRANSACTION}", [moment])
    assert row.rows == [{"stamped": True}]
