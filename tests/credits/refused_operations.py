"""Operations that triggers, functions and policies refuse, one for every way to be refused."""

from __future__ import annotations

from tests.credits.statements import (
    BUY,
    CANCEL_PENDING,
    ERIN,
    GUEST,
    JOB,
    NAMESAKE,
    OWES,
    PAID,
    PAYMENT,
    QUEUE,
    QUEUE_TEN,
    SIGN_UP,
    TRIAL,
    VIDEOS,
    alice,
    grant,
    move,
    order,
    owner,
    pay,
    refund_partially,
    service,
    settle,
    token,
)
from tests.shared.accounts import ALICE, BOB

REFUSED = (
    alice(
        "start as completed",
        f"insert into public.jobs (user_id, status) values ('{ALICE}', 'COMPLETED')",
        refused="42501",
    ),
    alice(
        "start while suspended",
        f"insert into public.jobs (user_id) values ('{ALICE}')",
        f"update public.users set is_active = false where id = '{ALICE}'",
        refused="PT403",
    ),
    alice(
        "queue while suspended",
        QUEUE,
        f"update public.users set is_active = false where id = '{ALICE}'",
        refused="PT403",
    ),
    alice("choose yet another video", VIDEOS[3], *VIDEOS[:3], refused="PT429"),
    service("take more than is there", grant(ALICE, "-999", "ADJUSTMENT"), refused="PT402"),
    alice(
        "start a job too many",
        f"insert into public.jobs (user_id) values ('{ALICE}')",
        f"insert into public.jobs (user_id) select '{ALICE}' from generate_series(1, 98)",
        refused="PT429",
    ),
    alice(
        "queue without credits",
        QUEUE,
        grant(ALICE, f"-(select credits from public.users where id = '{ALICE}')", "ADJUSTMENT"),
        refused="PT402",
    ),
    service("skip a state", move("QUEUED", "COMPLETED"), refused="PT409"),
    service("give a job away", move("PENDING", "PENDING", f", user_id = '{BOB}'"), refused="PT409"),
    service("change the cost", move("QUEUED", "QUEUED", ", credits_cost = 9"), refused="PT409"),
    service("lose progress", move("RENDERING", "RENDERING", ", progress_percentage = 1"), refused="PT409"),
    service(
        "retry too often",
        move("ANALYZING", "QUEUED", ", max_retries = 0, progress_percentage = 0"),
        refused="PT409",
    ),
    service(
        "write no transcript", move("ANALYZING", "ANALYZING", ", transcription_json = '1'"), refused="23514"
    ),
    service("write no analysis", move("ANALYZING", "ANALYZING", ", analysis_json = '1'"), refused="23514"),
    service(
        "claim under a long name",
        "select public.claim_next_jobs(repeat('w', 201), 1, interval '1 minute')",
        refused="23514",
    ),
    service(
        "claim nothing", "select public.claim_next_jobs('worker-2', 0, interval '1 minute')", refused="22023"
    ),
    service(
        "order refunded", order("Starter Pack", f"'{BOB}', c.id, 'STRIPE', 'REFUNDED', null"), refused="PT409"
    ),
    service(
        "order what is not for sale",
        order("Retired Pack", f"'{BOB}', c.id, 'STRIPE', 'PENDING', null"),
        refused="PT409",
    ),
    service(
        "order too many credits",
        order("Starter Pack", f"'{BOB}', c.id, 'STRIPE', 'PENDING', 99"),
        refused="PT409",
    ),
    service("change the amount", pay("PENDING", "amount_thb = 1"), refused="PT409"),
    service("change the reference", pay("COMPLETED", "provider_transaction_id = 'pi_x'"), refused="PT409"),
    service("undo a payment", pay("COMPLETED", "status = 'PENDING'"), refused="PT409"),
    service("settle nothing", settle("0"), *OWES, refused="22023"),
    service("settle too much", settle("99"), *OWES, refused="PT409"),
    service("settle for nobody", settle("1", user=ERIN), refused="PT404"),
    service(
        "settle with another's key", settle("1", "'key'", BOB), *OWES, settle("3", "'key'"), refused="PT409"
    ),
    service("refund no part", refund_partially(0), refused="22023"),
    service("refund all in part", refund_partially(10), refused="PT409"),
    service("refund a part of nothing", refund_partially(1, payment=PAYMENT), refused="PT404"),
    service("refund another part with the key", refund_partially(3), refund_partially(4), refused="PT409"),
    service("reinstate what is not refunded", f"select public.reinstate_payment('{PAID}')", refused="PT409"),
    service("reinstate nothing", f"select public.reinstate_payment('{PAYMENT}')", refused="PT404"),
    service("take the trial as a guest", TRIAL, GUEST, refused="PT403"),
    service("take the trial as somebody who has", TRIAL, NAMESAKE, refused="PT409"),
    service("sell twice", BUY.replace(PAYMENT, JOB), SIGN_UP, BUY, refused="PT409"),
    service("grant too much", grant(ALICE, "1000001", "BONUS"), refused="22023"),
    service("keep logs for a day", "select public.purge_logs('1 day')", refused="22023"),
    service("live too long", f"select public.heartbeat_job({token('RENDERING')}, '2 days')", refused="22023"),
    service(
        "end by a heartbeat",
        f"select public.heartbeat_job({token('RENDERING')}, stage => 'COMPLETED')",
        refused="22023",
    ),
    service("deliver nothing", f"select public.complete_job({token('RENDERING')}, null)", refused="PT409"),
    service("start without a video", QUEUE.replace(f"'{ALICE}/in.mp4'", "null"), refused="PT409"),
    service(
        "queue without a video",
        move("PENDING", "QUEUED"),
        move("PENDING", "PENDING", ", input_video_path = null"),
        refused="PT409",
    ),
    service(
        "change the video", move("QUEUED", "QUEUED", f", input_video_path = '{ALICE}/x.mp4'"), refused="PT409"
    ),
    alice(
        "start more than a day's jobs",
        f"insert into public.jobs (user_id) values ('{ALICE}')",
        *(
            f"insert into public.jobs (user_id) select '{ALICE}' from generate_series(1, {number})"
            if number
            else CANCEL_PENDING
            for number in (96, 0, 95, 0)
        ),
        refused="PT429",
    ),
    owner("close nobody's account", "select public.close_my_account()", refused="PT403"),
    owner("fill an account", f"select private.post_entry('{ALICE}', 'BONUS', 100000000)", refused="PT409"),
    owner("change a description", "update public.credit_transactions set description = 'x'", refused="PT405"),
    owner(
        "wait for a row of an account",
        f"select private.wait_for_row('public.users as r where r.id = $1', '{ALICE}')",
        idle=True,
    ),
    owner(
        "lock a row of an account",
        f"select private.lock_rows('public.users as r where r.id = $1', '{ALICE}')",
        idle=True,
    ),
    owner(
        "put off nobody's turn", f"select private.keep_turns('{ALICE}', '{{}}')", QUEUE_TEN, QUEUE, idle=True
    ),
    owner(
        "close an account in use",
        f"select private.close_account('{ALICE}')",
        """create function private.hold() returns trigger language plpgsql as
        $$ begin raise exception using errcode = '55P03'; end $$""",
        "create trigger hold before update on public.users for each row execute function private.hold()",
        refused="55P03",
    ),
    service("grant as usage", grant(ALICE, "1", "USAGE"), refused="22023"),
    service("grant nothing", grant(ALICE, "0", "BONUS"), refused="22023"),
    service("grant to nobody", grant(ERIN, "1", "BONUS"), refused="PT404"),
    service("grant with another's key", grant(ALICE, "1", "BONUS", "'welcome-bob'"), refused="PT409"),
    owner(
        "break the ledger",
        "insert into public.credit_transactions (user_id, type, amount, balance_after)"
        f" values ('{ALICE}', 'BONUS', 1, 9999)",
        refused="PT409",
    ),
    owner(
        "break the ledger twice",
        "insert into public.credit_transactions (user_id, type, amount, balance_after)"
        f" values ('{ALICE}', 'BONUS', 1, 9999), ('{ALICE}', 'BONUS', 1, 10000)",
        refused="PT409",
    ),
    owner("empty the ledger", "delete from public.credit_transactions", refused="PT405"),
    owner("post to nobody", f"select private.post_entry('{ERIN}', 'BONUS', 1)", refused="PT404"),
)
