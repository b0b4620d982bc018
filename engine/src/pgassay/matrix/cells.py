"""Observations become cells: for each kind of row treated otherwise an answer and its reason. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType

from pgassay.catalog.names import quoted, role_name
from pgassay.catalog.tables import CallRight, Privileges, Surface, Table
from pgassay.database.pipeline import Answer
from pgassay.matrix.model import (
    Action,
    Cell,
    CellKey,
    CellResult,
    Effects,
    Observation,
    RowClass,
    Try,
    Witness,
)
from pgassay.matrix.statements import literal
from pgassay.observation import Outcome, Persona

# What lets a persona do most comes first.
_OPENNESS = (
    Outcome.ALLOWED,
    Outcome.REJECTED,
    Outcome.DENIED_POLICY,
    Outcome.FILTERED,
    Outcome.DENIED_GRANT,
    Outcome.ERROR,
)
State = Mapping[str, str]
_AT_ONCE = 2  # features that tell rows apart; more would not be read
_Answer = tuple[Outcome, str, Effects]


def build_cells(
    observations: Iterable[Observation],
    surface: Surface,
    personas: Sequence[Persona],
    refusals: Mapping[Persona, Answer] = MappingProxyType({}),
) -> tuple[Cell, ...]:
    """The cells of all observations, and of the rights on functions and sequences; sorted.

    `refusals`: what each request of a persona is refused with, before anything else.
    """
    tables = surface.by_name
    by_key: dict[CellKey, list[Observation]] = defaultdict(list)
    for observation in observations:
        by_key[observation.probe.key].append(observation)
    cells = [Cell(key=key, results=_results(some, tables)) for key, some in by_key.items()]
    cells += [
        _cell_of_right(right, persona, refusals.get(persona))
        for persona in personas
        for right in surface.rights
        if right.role == persona.role
    ]
    return tuple(sorted(cells, key=lambda cell: sort_key(cell.key)))


def sort_key(key: CellKey) -> tuple[str, ...]:
    """The order of cells in every output."""
    return key.persona, key.object, key.action.value, key.variant, key.whose


def _results(observations: Sequence[Observation], tables: Mapping[str, Table]) -> tuple[CellResult, ...]:
    groups: dict[_Answer, list[Observation]] = defaultdict(list)
    for observation in observations:
        groups[observation.outcome, observation.answer.sqlstate, observation.effects].append(observation)
    states = [[state for one in some for state in one.states] for some in groups.values()]
    results = [
        CellResult(
            outcome=outcome,
            sqlstate=sqlstate,
            effects=effects,
            when=when,
            why=find_reason(tables[some[0].probe.key.table], some[0]),
            witness=some[0].probe.witness,
            rows=len(rows),
            tries=tuple(Try(state=state, witness=one.probe.witness) for one in some for state in one.states),
        )
        for ((outcome, sqlstate, effects), some), when, rows in zip(
            groups.items(), describe_groups(states), states, strict=True
        )
    ]
    return tuple(
        sorted(results, key=lambda r: (_OPENNESS.index(r.outcome), r.sqlstate, r.when, str(r.effects)))
    )


def _cell_of_right(right: CallRight, persona: Persona, refusal: Answer | None) -> Cell:
    execute = right.privilege == "execute"
    variant = "-" if execute else right.privilege
    kind = "function" if execute else "sequence"
    question = f"has_{kind}_privilege({literal(right.object)}, {literal(right.privilege)})"
    lacking = f"missing grant {right.privilege} on {kind} {right.object} to {right.role}"
    why = "privilege held" if right.held else lacking
    why = why if right.usage else f"no usage of the schema of {right.object} for {right.role}"
    held = right.held and right.usage and not refusal
    result = CellResult(
        outcome=Outcome.ALLOWED if held else Outcome.DENIED_GRANT,
        sqlstate="" if held else refusal.sqlstate if refusal else "42501",
        why=explain_refusal(refusal) if refusal else why,
        witness=Witness(persona=persona, statement=f"select {question}"),
    )
    key = CellKey(
        persona=persona.name,
        object=right.object,
        action=Action.EXECUTE if execute else Action.USAGE,
        variant=variant,
        rows=RowClass.NONE,
    )
    return Cell(key=key, results=(result,))


def describe_groups(groups: Sequence[Sequence[State]]) -> tuple[str, ...]:
    """For each group of row states what tells it: "" for a single one, "2 of 9 rows" where nothing does."""
    if len(groups) < 2:
        return tuple("" for _ in groups)
    features = _find_features(groups)
    if not features:
        total = sum(map(len, groups))
        return tuple(f"{len(group)} of {total} rows" for group in groups)
    return tuple(
        " or ".join(sorted({" and ".join(f"{name}={state[name]}" for name in features) for state in group}))
        if len(features) > 1
        else f"{features[0]}={'|'.join(sorted({state[features[0]] for state in group}))}"
        for group in groups
    )


def _find_features(groups: Sequence[Sequence[State]]) -> tuple[str, ...]:
    """The first features whose values never occur in two groups."""
    states = [state for group in groups for state in group]
    names = [name for name in states[0] if len({state.get(name) for state in states}) > 1]
    for size in range(1, _AT_ONCE + 1):
        for some in combinations(names, size):
            values = [{tuple(state.get(name) for name in some) for state in group} for group in groups]
            if sum(map(len, values)) == len(set().union(*values)):
                return some
    return ()


def find_reason(table: Table, observation: Observation) -> str:
    """The grant that is missing, the policies that apply, the constraint or function that was named."""
    role = observation.probe.witness.persona.role
    held = table.privileges[role]
    if observation.answer.whole_request:
        return explain_refusal(observation.answer)
    match observation.outcome:
        case Outcome.DENIED_GRANT:
            return _missing_grant(table, held, observation) or observation.answer.message
        case Outcome.DENIED_POLICY:
            return f"{observation.answer.message}; {_policies(held, role, observation.probe.key.action)}"
        case Outcome.REJECTED | Outcome.ERROR:
            return explain_refusal(observation.answer)
        case Outcome.ALLOWED | Outcome.FILTERED:
            return _row_security(table, held, observation)


def _missing_grant(table: Table, held: Privileges, observation: Observation) -> str:
    """The first privilege that the surface shows to be missing; "" where it shows none."""
    key, role = observation.probe.key, role_name(observation.probe.witness.persona.role)
    if not held.usage:
        return f"missing grant usage on schema {quoted(table.schema)} to {role}"
    on = f"on {table.name} to {role}"
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


def explain_refusal(answer: Answer) -> str:
    """The constraint or function that refused, in the server's words."""
    if answer.constraint:
        where = f"on {quoted(answer.table)}" if answer.table else "of a domain"
        return f"constraint {quoted(answer.constraint)} {where}"
    place = answer.context.splitlines()[0] if answer.context else ""
    said = f"{answer.message} ({place})" if place else answer.message
    return f"every request is refused: {said}" if answer.whole_request else said


def _row_security(table: Table, held: Privileges, observation: Observation) -> str:
    role, action = observation.probe.witness.persona.role, observation.probe.key.action
    if observation.probe.key.rows is RowClass.NONE:
        return "privilege held"
    if table.kind in "vm":
        return f"a view, with the rights of its {'reader' if table.invoker else 'owner'}"
    if held.filtered:
        return _policies(held, role, action)
    return (
        f"row level security does not apply to {role_name(role)}"
        if table.secured
        else "no row level security"
    )


def _policies(held: Privileges, role: str, action: Action) -> str:
    applying = [policy for policy in held.policies if policy.command in (action.value, "all")]
    if not any(policy.permissive for policy in applying):
        return f"no policy for {action.value} to {role_name(role)}"
    named = (f'{"" if p.permissive else "restrictive "}"{p.name}"' for p in applying)
    return f"policies {', '.join(named)}"
