"""The debt of a refunded payment is taken from credits that jobs give back, and from nothing else."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import add_job, move_job, open_account, read_books
from tests.shared.payments import SET_STATUS, buy

RECOVERED = """
select coalesce(sum(-amount), 0) from public.credit_transactions
where user_id = %s and type = 'ADJUSTMENT' and metadata ? 'recovered'
"""

READ = """
select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables
where relid = 'public.credit_transactions'::regclass
"""


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user without credits."""
    return open_account(backend, "erin")


def owe(session: Session, user: str | None, *costs: int) -> list[str]:
    """Buy 3 credits, spend them on jobs of these costs, have the payment refunded; the jobs."""
    payment = buy(session, user)
    jobs = [add_job(session, user, status="QUEUED", cost=cost) for cost in costs]
    session.execute(SET_STATUS, ["REFUNDED", payment])
    return jobs


def test_refunding_the_payment_and_then_cancelling_the_job_leaves_nothing(
    backend: Session, erin: Persona
) -> None:
    (job,) = owe(backend, erin.id, 3)
    assert read_books(backend, erin.id).credits == 0
    move_job(backend, job, "CANCELLED")
    assert backend.value(RECOVERED, [erin.id]) == 3
    assert read_books(backend, erin.id).credits == 0


def test_each_refund_pays_its_part_until_nothing_is_owed(backend: Session, erin: Persona) -> None:
    first, second = owe(backend, erin.id, 1, 1)  # one of the three is still there and is clawed back
    for job, recovered in ((first, 1), (second, 2)):
        move_job(backend, job, "FAILED")
        assert backend.value(RECOVERED, [erin.id]) == recovered
    backend.execute("select public.grant_credits(%s, 2, 'BONUS', 'later')", [erin.id])
    later = add_job(backend, erin.id, status="QUEUED", cost=2)
    move_job(backend, later, "CANCELLED")
    assert backend.value(RECOVERED, [erin.id]) == 2
    assert read_books(backend, erin.id).credits == 2


def test_credits_bought_later_are_not_touched_beyond_what_the_job_gave_back(
    backend: Session, erin: Persona
) -> None:
    first, _ = owe(backend, erin.id, 1, 2)
    buy(backend, erin.id)
    move_job(backend, first, "CANCELLED")
    assert backend.value(RECOVERED, [erin.id]) == 1
    assert read_books(backend, erin.id).credits == 3


def test_no_more_than_is_owed_is_taken(backend: Session, erin: Persona) -> None:
    backend.execute("select public.grant_credits(%s, 2, 'BONUS', 'before')", [erin.id])
    (job,) = owe(backend, erin.id, 5)
    move_job(backend, job, "CANCELLED")
    assert backend.value(RECOVERED, [erin.id]) == 3
    assert read_books(backend, erin.id).credits == 2


def test_a_single_credit_that_is_owed_is_taken(backend: Session, erin: Persona) -> None:
    payment = buy(backend, erin.id, "Trial Pack")
    job = add_job(backend, erin.id, status="QUEUED")
    backend.execute(SET_STATUS, ["REFUNDED", payment])
    move_job(backend, job, "CANCELLED")
    assert backend.value(RECOVERED, [erin.id]) == 1
    assert read_books(backend, erin.id).credits == 0


def test_correction_by_support_pays_nothing_of_what_is_owed(backend: Session, erin: Persona) -> None:
    (job,) = owe(backend, erin.id, 3)
    for amount, kind in ((2, "BONUS"), (-2, "ADJUSTMENT")):
        backend.execute("select public.grant_credits(%s, %s, %s, 'support')", [erin.id, amount, kind])
    move_job(backend, job, "CANCELLED")
    assert backend.value(RECOVERED, [erin.id]) == 3
    assert read_books(backend, erin.id).credits == 0


def test_refund_of_a_user_who_owes_nothing_is_whole(backend: Session, erin: Persona) -> None:
    buy(backend, erin.id)
    job = add_job(backend, erin.id, status="QUEUED", cost=3)
    move_job(backend, job, "CANCELLED")
    assert backend.value(RECOVERED, [erin.id]) == 0
    assert read_books(backend, erin.id).credits == 3


def test_debt_names_the_users_own_last_entry_and_writes_no_other_payment(
    backend: Session, erin: Persona
) -> None:
    payment = buy(backend, erin.id)
    add_job(backend, erin.id, status="QUEUED", cost=3)
    last = backend.value("select max(id) from public.credit_transactions where user_id = %s", [erin.id])
    others = buy(backend, open_account(backend, "frank").id)  # an entry later than erin's
    version = "select ctid::text from public.payments where id = %s"
    before = backend.value(version, [others])
    backend.execute(SET_STATUS, ["REFUNDED", payment])
    assert backend.value(version, [others]) == before
    with backend.as_owner():
        debts = backend.execute(
            "select credits, after_entry from private.debts where user_id = %s", [erin.id]
        )
    assert debts.rows == [{"credits": 3, "after_entry": last}]


@pytest.mark.parametrize("owes", [True, False])
def test_refund_reads_no_more_of_a_long_ledger(backend: Session, erin: Persona, *, owes: bool) -> None:
    # In one statement that ends many jobs, reading the whole ledger for each would be quadratic.
    if owes:
        owe(backend, erin.id, 3)
    short, long = (count_read_entries(backend, erin.id, more=more) for more in (40, 400))
    assert 0 < long <= short


def count_read_entries(session: Session, user: str | None, *, more: int) -> int:
    """How many entries are read to refund a job, when `more` have been posted before."""
    grants = "select public.grant_credits(%s, 1, 'BONUS', 'more') from generate_series(1, %s)"
    session.execute(grants, [user, more])
    job = add_job(session, user, status="QUEUED")
    with session.as_owner():  # else what other tests left behind decides between indexes
        session.execute("analyze public.credit_transactions")
    before = session.value(READ)
    move_job(session, job, "CANCELLED")
    return int(session.value(READ) - before)


@pytest.mark.parametrize("queued_first", [True, False])
def test_one_statement_refunds_before_it_charges(
    backend: Session, erin: Persona, *, queued_first: bool
) -> None:
    backend.execute("select public.grant_credits(%s, 2, 'BONUS', 'all there is')", [erin.id])
    ids = sorted(add_job(backend, erin.id, cost=2) for _ in range(2))
    paid, waiting = ids if queued_first else reversed(ids)
    move_job(backend, paid, "QUEUED")
    swap = """
        update public.jobs
        set status = case id when %(paid)s then 'CANCELLED' else 'QUEUED' end::public.job_status
        where id in (%(paid)s, %(waiting)s)
    """
    assert backend.execute(swap, {"paid": paid, "waiting": waiting}).rowcount == 2
    assert read_books(backend, erin.id).credits == 0
    told = "select description from public.credit_transactions where user_id = %s and type = 'REFUND'"
    assert backend.value(told, [erin.id]) == "Video job cancelled"


def test_payment_shows_what_it_owes_and_not_what_others_do(backend: Session, erin: Persona) -> None:
    owe(backend, erin.id, 2)
    payment = buy(backend, erin.id)
    note = (
        "update public.payments set metadata = metadata || '{\"note\": 1}' where id = %s returning metadata"
    )
    assert backend.value(note, [payment]) == {"note": 1}
    shown = backend.execute(
        "select metadata -> 'shortfall' as owed from public.payments where user_id = %s order by created_at",
        [erin.id],
    )
    assert [row["owed"] for row in shown.rows] == [2, None]


def test_new_payment_owes_nothing_whatever_is_sent(backend: Session, erin: Persona) -> None:
    sent = """
        insert into public.payments (user_id, amount_thb, credits_purchased, provider, metadata)
        values (%s, 50, 2, 'MANUAL', '{"shortfall": 9, "note": 1}') returning metadata
    """
    assert backend.value(sent, [erin.id]) == {"note": 1}
