"""One goal: proposals in their order, each tried and judged, until one is confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import BoolExprType

from pgassay.observation import Persona
from pgassay.solver import logic
from pgassay.solver.asking import Answer, merged
from pgassay.solver.model import (
    Assignment,
    ColumnSlot,
    Goal,
    Made,
    Reached,
    Reason,
    RowRef,
    Truth,
    Unreached,
    Value,
)
from pgassay.solver.rows import RowMaker
from pgassay.solver.scope import Node, Term, parse_expression
from pgassay.solver.search import Search
from pgassay.solver.state import State
from pgassay.solver.writing import where

if TYPE_CHECKING:
    from pgassay.solver.solver import Solver

PROPOSALS = 16
_DECISIVE = 2_000  # steps for proposals in which the atom decides
_AT_HAND = 4  # of one row that is there
_REFUSALS = 5  # of rows, before a goal is given up


class Reaching:
    """One goal: proposals in their order, each tried and judged, until one is confirmed."""

    def __init__(
        self,
        solver: Solver,
        search: Search,
        goal: Goal,
        persona: Persona,
        state: State,
        *,
        rows: RowMaker,
        most: int,
        decisive: bool = True,
    ) -> None:
        self.solver = solver
        self.rows = rows
        self.most = most
        self.decisive = decisive
        self.search = search
        self.goal = goal
        self.persona = persona
        self.start = state
        self.refusals: list[Unreached] = []
        self.tried = 0
        self.hopeless = False

    def run(self) -> Reached | Unreached:
        if self._is_hopeless():
            return self.unreached(None)
        for state in islice(self._distinct(), self.most):
            self.tried += 1
            if reached := self._try(state):
                return reached
            if len(self.refusals) >= _REFUSALS or self.hopeless:
                break
        return self.unreached(None)

    def _is_hopeless(self) -> bool:
        """Whether it is refused before any row is looked at, as where a policy asks itself."""
        nothing = dict.fromkeys(self.solver.schema.columns(self.goal.condition.table))
        answer = self._judge(Assignment(), nothing)
        if answer.is_hopeless:
            self.search.obstacles.meet(answer.error, Reason.REFUSED)
        return answer.is_hopeless

    def unreached(self, reason: Reason | None) -> Unreached:
        """Why it was not reached: what was met, or what refused, or the budget."""
        first = self.search.obstacles.first
        what = ""
        if self.refusals:
            reason, what = reason or Reason.REFUSED, str(self.refusals[-1])
        elif first and not reason:
            what, reason = first
        elif not reason:
            reason = Reason.UNREACHED if self.tried else Reason.CONTRADICTION
        return Unreached(goal=str(self.goal), reason=reason or Reason.UNREACHED, what=what)

    def _distinct(self) -> Iterator[State]:
        """Several ways lead to the same values."""
        seen = set()
        for state in self._proposals():
            key = frozenset(state.values.items()), state.rows
            if key not in seen:
                seen.add(key)
                yield state

    def _proposals(self) -> Iterator[State]:
        """First such that the atom decides, then such that it is as wanted, whatever the others are."""
        scope = self.solver.scope_of(self.goal.condition)
        whole = parse_expression(self.goal.condition.text)
        if self.goal.atom is None:
            yield from self.search.make(Term(whole, scope), self.goal.wanted, self.start)
            return
        node, siblings = list(parts(whole))[self.goal.atom.number]
        atom = (Term(node, scope), self.goal.wanted)
        if siblings and self.decisive:
            others = [(Term(other, scope), truth) for other, truth in siblings]
            decisive = logic.each(self.search, [atom, *others], self.start)
            yield from self.search.steps.within(_DECISIVE, decisive)
        yield from self.search.make(*atom, self.start)

    def _try(self, state: State) -> Reached | None:
        assignment = self.solver.assignment(state, self.search.purpose, f"makes {self.goal}")
        table = self.goal.condition.table
        with self.rows.asker.trial() as trial:
            made: list[Made] = []
            main = None
            for need in assignment.rows:
                row = self.rows.make(need)
                if isinstance(row, Unreached):
                    self.refusals.append(row)
                    return None
                made.append(row)
                if need.table == table and need.purpose == self.search.purpose:
                    main = row
            if main:
                main = self.solver.again(main)
            if not self._is_confirmed(assignment, main):
                return None
            trial.keep()
        return Reached(
            goal=self.goal,
            row=main,
            made=tuple(made),
            claims=assignment.claims,
            settings=assignment.settings,
            arguments=assignment.arguments,
        )

    def _is_confirmed(self, assignment: Assignment, row: Made | None) -> bool:
        key = self.solver.schema.key(row.table) if row and self.goal.unwritten else ()
        if not row or not key:
            return self._holds(assignment, row)
        with self.rows.asker.trial():  # the row is there again afterwards
            self.solver.run(
                f"delete from {row.table} where {where({name: row.values[name] for name in key})}"
            )
            return self._holds(assignment, row)

    def _holds(self, assignment: Assignment, row: Made | None) -> bool:
        answer = self._judge(assignment, row.values if row else {})
        if answer.is_hopeless:
            self.search.obstacles.meet(answer.error, Reason.REFUSED)
            self.hopeless = True
        return bool(answer.truth & self.goal.wanted)

    def _judge(self, assignment: Assignment, row: Mapping[str, Value]) -> Answer:
        persona = self.persona
        if assignment.claims:
            persona = replace(persona, claims=merged(persona.claims, assignment.claims))
        condition = self.goal.condition
        return self.solver.judge_one(
            replace(condition, text=self.goal.atom.text) if self.goal.atom else condition,
            persona,
            row,
            settings=assignment.settings,
            arguments=assignment.arguments,
        )


def reach_at(
    solver: Solver, search: Search, goal: Goal, persona: Persona, row: Mapping[str, Value]
) -> Reached | None:
    """Claims and settings under which a goal holds on a row that is there, with no other one."""
    condition = goal.condition
    ref = RowRef(condition.table)
    start = State(
        values={ColumnSlot(ref, name): value for name, value in row.items()}, rows=(ref,), free_claims=True
    )
    term = Term(parse_expression(condition.text), solver.scope_of(condition))
    for state in islice(search.make(term, goal.wanted, start), _AT_HAND):
        asking = replace(persona, claims=merged(persona.claims, state.claims)) if state.claims else persona
        answer = solver.judge_one(condition, asking, row, settings=state.settings)
        if len(state.rows) == 1 and answer.truth & goal.wanted:
            made = Made(table=condition.table, values=row)
            return Reached(goal=goal, row=made, claims=state.claims, settings=state.settings)
    return None


Parts = Iterator[tuple[Node, tuple[tuple[Node, Truth], ...]]]


def parts(node: Node, besides: tuple[tuple[Node, Truth], ...] = ()) -> Parts:
    """The atoms below a node, each with what the others must be for it to decide."""
    if not isinstance(node, ast.BoolExpr):
        yield node, besides
        return
    neutral = Truth.NOT_TRUE if node.boolop == BoolExprType.OR_EXPR else Truth.TRUE
    below = [*(node.args or ())]
    for number, part in enumerate(below):
        others = [*below[:number], *below[number + 1 :]]
        yield from parts(part, (*besides, *((other, neutral) for other in others)))
