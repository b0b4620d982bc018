"""The schema's defences by name, for attacks to declare."""

from __future__ import annotations

from typing import get_args

from pgassay.catalog.model import Command
from pgassay.denial import Constraint, Grant, NoPolicy, Policy, Trigger
from pgassay.denial.guard import Clause

VIEW = {
    table: Policy(table=f"public.{table}", name=name, clause="USING", command="select")
    for table, name in {
        "users": "Users view their own row",
        "jobs": "Users view their own jobs",
        "payments": "Users view their own payments",
        "credit_transactions": "Users view their own ledger",
        "user_preferences": "Users view their own preferences",
        "credit_packages": "Everybody views what is for sale",
    }.items()
}
_EDIT = {
    "users": "Users edit their own row",
    "jobs": "Users edit or cancel their own jobs until work begins",
    "user_preferences": "Users edit their own preferences",
}
_ADD = {"jobs": "Users start their own jobs", "user_preferences": "Users add their own preferences"}


def _policies(names: dict[str, str], clause: Clause, command: Command) -> dict[str, Policy]:
    return {
        table: Policy(table=f"public.{table}", name=name, clause=clause, command=command)
        for table, name in names.items()
    }


EDIT = _policies(_EDIT, "USING", "update")
EDIT_CHECK = _policies(_EDIT, "WITH CHECK", "update")
ADD = _policies(_ADD, "WITH CHECK", "insert")

CLOSED = tuple(
    Policy(table="public.users", name="Closed accounts see and do nothing", clause=clause, permissive=False)
    for clause in get_args(Clause)
)

ROLES = {"anon": "anon", "alice": "authenticated", "service": "service_role"}
"""The role of each persona that is refused for its role's sake."""


def no_grant(privilege: str, table: str, *columns: str, by: str = "alice") -> Grant:
    return Grant(privilege=privilege, object=f"public.{table}", role=ROLES[by], columns=columns)


def no_policy(command: Command, table: str, *, by: str = "alice") -> NoPolicy:
    return NoPolicy(table=f"public.{table}", command=command, role=ROLES[by])


def trigger(table: str, name: str) -> Trigger:
    return Trigger(table=f"public.{table}", name=name)


def constraint(table: str, name: str) -> Constraint:
    return Constraint(table=f"public.{table}", name=name)


APPEND_ONLY = trigger("credit_transactions", "credit_transactions_append_only")
JOB_START = trigger("jobs", "jobs_start")
JOB_MOVE = trigger("jobs", "jobs_move")
CHARGE_INSERTED = trigger("jobs", "jobs_settle_insert")
CHARGE_MOVED = trigger("jobs", "jobs_settle_update")
PAYMENT_START = trigger("payments", "payments_start")
PAYMENT_MOVE = trigger("payments", "payments_move")
VALUES_CHECKED = trigger("jobs", "jobs_check_values")
ENTRY_KEPT = trigger("credit_transactions", "credit_transactions_keep_description")
