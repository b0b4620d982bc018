"""Why a cell is as it is, in one sentence from direct evidence. `explain_cell` proves it by ablation."""

from __future__ import annotations

from pgassay.catalog.names import quoted, role_name
from pgassay.catalog.tables import Privileges, Table
from pgassay.matrix.model import Action, Observation, RowClass
from pgassay.observation import Outcome


def find_reason(table: Table, observation: Observation) -> str:
    """The grant that is missing, the policies that apply, the constraint or function that was named."""
    role = observation.probe.witness.persona.role
    held = table.privileges[role]
    match observation.outcome:
        case Outcome.DENIED_GRANT:
            return _missing_grant(table, held, observation) or observation.message
        case Outcome.DENIED_POLICY:
            return f"{observation.message}; {_policies(table, role, observation.probe.key.action)}"
        case Outcome.REJECTED | Outcome.ERROR:
            return _refusal(observation)
        case Outcome.ALLOWED | Outcome.FILTERED:
            return _row_security(table, held, observation)


def _missing_grant(table: Table, held: Privileges, observation: Observation) -> str:
    """The first privilege that the catalog shows to be missing; "" where it shows none."""
    key, role = observation.probe.key, role_name(observation.probe.witness.persona.role)
    if not held.usage:
        return f"missing grant usage on schema {quoted(table.schema)} to {role}"
    on = f"on {table.spelled} to {role}"
    column = key.variant.split("=")[0]
    match key.action:
        case Action.SELECT | Action.INSERT | Action.UPDATE as action:
            names = {Action.SELECT: held.select, Action.INSERT: held.insert, Action.UPDATE: held.update}[
                action
            ]
            if not names:
                return f"missing grant {action.value} {on}"
            if column in table.columns and column not in names:
                return f"missing grant {action.value} ({quoted(column)}) {on}"
        case Action.DELETE if not held.delete:
            return f"missing grant delete {on}"
        case Action.TRUNCATE if not held.truncate:
            return f"missing grant truncate {on}"
    names_row = key.action in (Action.UPDATE, Action.DELETE) and key.rows is not RowClass.ANY
    return f"missing grant select {on}, to name the row" if names_row and not held.select else ""


def _refusal(observation: Observation) -> str:
    if observation.constraint:
        where = f"on {quoted(observation.table)}" if observation.table else "of a domain"
        return f"constraint {quoted(observation.constraint)} {where}"
    place = observation.context.splitlines()[0] if observation.context else ""
    return f"{observation.message} ({place})" if place else observation.message


def _row_security(table: Table, held: Privileges, observation: Observation) -> str:
    role, action = observation.probe.witness.persona.role, observation.probe.key.action
    if observation.probe.key.rows is RowClass.NONE:
        return "privilege held"
    if table.kind in "vm":
        return f"a view, with the rights of its {'reader' if table.invoker else 'owner'}"
    if held.filtered:
        return _policies(table, role, action)
    return (
        f"row level security does not apply to {role_name(role)}"
        if table.secured
        else "no row level security"
    )


def _policies(table: Table, role: str, action: Action) -> str:
    applying = [p for p in table.policies if p.command in (action.value, "all") and role in p.roles]
    if not any(policy.permissive for policy in applying):
        return f"no policy for {action.value} to {role_name(role)}"
    named = (f'{"" if p.permissive else "restrictive "}"{p.name}"' for p in applying)
    return f"policies {', '.join(named)}"
