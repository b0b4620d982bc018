"""Observations become cells: an answer for each kind of row that is treated otherwise. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pgassay.catalog.tables import Catalog, Right, Table
from pgassay.matrix.model import Action, Cell, CellKey, Footprint, Observation, Result, RowClass, Try, Witness
from pgassay.matrix.reasons import find_reason
from pgassay.matrix.statements import literal
from pgassay.matrix.states import describe_groups
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
_Answer = tuple[Outcome, str, Footprint]


def build_cells(
    observations: Iterable[Observation], catalog: Catalog, personas: Sequence[Persona]
) -> tuple[Cell, ...]:
    """The cells of all observations, and of the rights on functions and sequences; sorted."""
    tables = {table.spelled: table for table in catalog.tables.values()}
    by_key: dict[CellKey, list[Observation]] = defaultdict(list)
    for observation in observations:
        by_key[observation.probe.key].append(observation)
    cells = [Cell(key=key, results=_results(some, tables)) for key, some in by_key.items()]
    cells += [
        _cell_of_right(right, persona) for persona in personas for right in catalog.rights_of(persona.role)
    ]
    return tuple(sorted(cells, key=lambda cell: sort_key(cell.key)))


def sort_key(key: CellKey) -> tuple[str, ...]:
    """The order of cells in every output."""
    return key.persona, key.object, key.action.value, key.variant, key.rows.value


def _results(observations: Sequence[Observation], tables: Mapping[str, Table]) -> tuple[Result, ...]:
    groups: dict[_Answer, list[Observation]] = defaultdict(list)
    for observation in observations:
        groups[observation.outcome, observation.sqlstate, observation.footprint].append(observation)
    states = [[state for one in some for state in one.states] for some in groups.values()]
    results = [
        Result(
            outcome=outcome,
            sqlstate=sqlstate,
            footprint=footprint,
            when=when,
            why=find_reason(tables[some[0].probe.table], some[0]),
            witness=some[0].probe.witness,
            rows=len(rows),
            tries=tuple(Try(state=state, witness=one.probe.witness) for one in some for state in one.states),
        )
        for ((outcome, sqlstate, footprint), some), when, rows in zip(
            groups.items(), describe_groups(states), states, strict=True
        )
    ]
    return tuple(sorted(results, key=lambda r: (_OPENNESS.index(r.outcome), r.sqlstate, r.when)))


def _cell_of_right(right: Right, persona: Persona) -> Cell:
    execute = right.privilege == "execute"
    variant = "-" if execute else right.privilege
    kind = "function" if execute else "sequence"
    question = f"has_{kind}_privilege({literal(right.object)}, {literal(right.privilege)})"
    lacking = f"missing grant {right.privilege} on {kind} {right.object} to {right.role}"
    why = "privilege held" if right.held else lacking
    held = right.held and right.usage
    result = Result(
        outcome=Outcome.ALLOWED if held else Outcome.DENIED_GRANT,
        sqlstate="" if held else "42501",
        why=why if right.usage else f"no usage of the schema of {right.object} for {right.role}",
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
