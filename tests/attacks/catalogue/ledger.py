"""Writing through the views, and the ledger in the hands of its owner."""

from __future__ import annotations

from pgassay.observation import Outcome
from tests.attacks.attack import Attack, Control, Section, Written
from tests.attacks.catalogue.defences import APPEND_ONLY, no_grant
from tests.attacks.catalogue.structure import (
    denied,
)

WRITABLE_VIEW = (
    "create function public.pass_on() returns trigger language plpgsql security definer as"
    " 'begin update public.users set credits = new.credits where id = old.id; return new; end'",
    "create trigger pass_on instead of update on public.user_stats"
    " for each row execute function public.pass_on()",
)

VIEWS = Section(
    title="Structure: views",
    intro="Neither view can be written: both join or aggregate, so that the rewriter refuses (55000) before\n"
    "it looks at grants. A trigger that made one writable would still find no grant.",
    attacks=(
        *(
            denied(
                "raise credits through a view made writable",
                by,
                "update public.user_stats set credits = 1000 where id = %(alice)s",
                no_grant("update", "user_stats", "credits", by=by),
                prepare=WRITABLE_VIEW,
            )
            for by in ("alice", "service")
        ),
        Written(
            name="insert, update, delete through a view",
            by="everybody",
            outcome="55000",
            defence="the views are not updatable; no grant behind it",
            test="test_views.py::test_nothing_is_written_through_a_view",
        ),
    ),
)

REPLICA = "set local session_replication_role = replica"
LEDGER_CHANGES = {
    "update": "update public.credit_transactions set amount = amount",
    "delete": "delete from public.credit_transactions",
    "truncate": "truncate public.credit_transactions",
    "upsert": "insert into public.credit_transactions (user_id, type, amount, balance_after, idempotency_key)"
    " values (%(alice)s, 'BONUS', 10, 25, 'welcome-alice')"
    " on conflict (idempotency_key) do update set amount = 1000",
    "merge": "merge into public.credit_transactions as t using (values (1)) as v (x) on true"
    " when matched then delete",
    "delete of an account with its ledger": "with gone as (delete from public.credit_transactions"
    " where user_id = %(dave)s returning 1) select count(*) from gone",
}

LEDGER = Section(
    title="Structure: the ledger, by its owner",
    intro="No grant and no policy stands in the way of the role that owns the tables: one trigger does,\n"
    "which fires whatever `session_replication_role` is.",
    attacks=(
        *(
            Attack(
                name=name,
                by="owner",
                prepare=prepare,
                sql=sql,
                outcome=Outcome.REJECTED,
                sqlstate="PT405",
                control=Control(
                    by="owner",
                    sql="insert into public.credit_transactions (user_id, type, amount, balance_after)"
                    " values (%(alice)s, 'BONUS', 1, 16)",
                ),
                defences=(APPEND_ONLY,),
                of=of,
            )
            for of, prepare in (
                ("change the ledger", ()),
                ("change the ledger with ordinary triggers off", (REPLICA,)),
            )
            for name, sql in LEDGER_CHANGES.items()
        ),
        Written(
            name="change the ledger with ordinary triggers off, were its guard ordinary",
            by="owner",
            outcome="refused PT405; succeeds in the twin",
            defence="`enable always` of trigger credit_transactions_append_only",
            test="test_several_steps.py::test_ledger_rests_on_enable_always",
        ),
    ),
)
