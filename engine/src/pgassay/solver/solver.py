"""The solver as others use it: over a session of the owner's, on a loaded database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from typing import TypeVar

from pglast.parser import ParseError

from pgassay.catalog.names import quoted, without_arguments
from pgassay.database import Session
from pgassay.observation import Attempt, Persona
from pgassay.solver import uses
from pgassay.solver.asking import Answer, Asker, BudgetSpentError
from pgassay.solver.model import (
    ArgumentSlot,
    Assignment,
    Atom,
    ColumnSlot,
    Condition,
    Goal,
    Made,
    Reached,
    Reason,
    RowNeed,
    RowRef,
    SettingSlot,
    Slot,
    Truth,
    Unreached,
    Value,
)
from pgassay.solver.reaching import PROPOSALS, Reaching, parts, reach_at
from pgassay.solver.rows import Maker, RowMaker
from pgassay.solver.schema import read_schema
from pgassay.solver.scope import BoundRow, Scope, Term, arguments_of, parse_expression, write
from pgassay.solver.search import Search
from pgassay.solver.state import State
from pgassay.solver.steps import STEPS
from pgassay.solver.writing import where

STATEMENTS_OF_A_GOAL = 400
_Found = TypeVar("_Found")

STATEMENTS_OF_A_ROW = 300
_SEARCHES = 2  # of which the steps are, in the budget of a goal or row: its own, and those of checks
_QUICK = 0.15
_STEPS_OF_A_STATEMENT = 10
_UNDECIDED = Answer(error="something in it is not decided")
_UNREADABLE = (ParseError, RecursionError)  # pglast knows the grammar of one version


class Solver:
    """Makes rows in the transaction of `session`; what failed leaves no trace.

    `makers` by table make the rows of tables that take more than an INSERT. `effort` scales the budgets.
    With `logs_in` false, rows are made as the owner alone makes them, until `log_in` is called: functions
    that ask for `session_user` are told of a request's login from then on, and whoever loads rows has none.
    """

    def __init__(
        self,
        session: Session,
        *,
        makers: Mapping[str, Maker] | None = None,
        effort: int = 1,
        logs_in: bool = True,
    ) -> None:
        with session.as_owner():
            self.schema = read_schema(session.connection)
        self._session = session
        self._asker = Asker(session)
        self._rows = RowMaker(self.schema, self._asker, makers or {})
        self._effort = effort
        if logs_in:
            self.log_in()

    def log_in(self) -> None:
        """Once, before the first question for a persona."""
        self._asker.log_in()

    @property
    def spent(self) -> int:
        """The statements so far."""
        return self._asker.spent

    @property
    def work(self) -> int:
        """Statements so far, and steps of searches, some of which take as long as a statement."""
        return self._asker.spent + self._asker.steps // _STEPS_OF_A_STATEMENT

    @contextmanager
    def undone(self) -> Iterator[None]:
        """A block of which nothing stays."""
        with self._asker.trial():
            yield

    def begin_numbers(self, table: str, purpose: str) -> tuple[str, ...]:
        """Statements, carried out already: what triggers of a table draw for a purpose is always the same."""
        return self._rows.sequences.begin(table, purpose)

    def run(self, statement: str) -> Attempt:
        """One statement of the owner's, and what became of it."""
        return self._asker.run(statement)

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self._asker.look(f"select count(*) as number from {table}").rows[0]["number"])

    def conditions(self, table: str = "") -> tuple[Condition, ...]:
        """The conditions of a table or view, or of all: policies first, in the order of the catalog."""
        tables = [table] if table else sorted(self.schema.relations)
        return tuple(condition for one in tables for condition in self.schema.conditions(one))

    def atoms(self, condition: Condition) -> tuple[Atom, ...]:
        """The parts that AND, OR and NOT join, in the order of the text."""
        return tuple(
            Atom(condition=condition, number=number, text=text)
            for number, text in enumerate(_texts_of_parts(condition.text))
        )

    def make(self, need: RowNeed) -> Made | Unreached:
        """Make one valid row, and the parents that it needs. Statements are run as the owner."""
        try:
            with self._budget(STATEMENTS_OF_A_ROW, self._effort):
                return self._rows.make(need)
        except BudgetSpentError:
            return Unreached(goal=f"a row of {need.table}", reason=Reason.BUDGET)
        except _UNREADABLE as error:
            return Unreached(goal=f"a row of {need.table}", reason=Reason.OPAQUE, what=str(error))

    def reach(
        self,
        goal: Goal,
        persona: Persona,
        *,
        given: Mapping[str, Value] | None = None,
        purpose: str = "",
        free_claims: bool = False,
        may_change: bool = True,
        quick: bool = False,
        decisive: bool = True,
    ) -> Reached | Unreached:
        """Make rows such that a goal holds for `persona` on a row with the `given` values.

        Stops at the first proposal that the server confirms; what is made stays. `free_claims`: claims
        besides `sub` and `role` may differ from the persona's, and then `claims` of the answer says how.
        `may_change`: rows that were there before may get other values, where nothing else helps.
        `quick`: with a small part of the budgets. `decisive`: at first such that an atom decides the whole.
        """
        share = _QUICK if quick else 1.0
        search = Search(
            self.schema,
            self._asker,
            persona=persona,
            purpose=purpose or _purpose(goal),
            effort=self._effort * share,
            may_change=may_change,
        )
        attempt = Reaching(
            self,
            search,
            goal,
            persona,
            self._start(goal, given or {}, free_claims),
            rows=self._rows,
            most=PROPOSALS * self._effort,
            decisive=decisive,
        )
        spent = self._asker.spent
        try:
            with self._budget(STATEMENTS_OF_A_GOAL, self._effort * share):
                found = attempt.run()
        except BudgetSpentError:
            found = attempt.unreached(Reason.BUDGET)
        except _UNREADABLE as error:
            found = Unreached(goal=str(goal), reason=Reason.OPAQUE, what=str(error))
        return replace(found, spent=self._asker.spent - spent)

    def _budget(self, statements: int, effort: float) -> AbstractContextManager[None]:
        return self._asker.budget(round(statements * effort), round(_SEARCHES * STEPS * effort))

    def _start(self, goal: Goal, given: Mapping[str, Value], free_claims: bool) -> State:  # noqa: FBT001
        ref = RowRef(goal.condition.table)
        values: dict[Slot, Value] = {ColumnSlot(ref, name): value for name, value in given.items()}
        return State(values=values, rows=(ref,), free_claims=free_claims)

    def meet(
        self,
        use: uses.Use,
        row: Mapping[str, Value],
        persona: Persona,
        known: State,
        *,
        changing: Collection[str] = (),
    ) -> State | None:
        """Arguments with which a statement of a function meets a row, beside those that are `known`.

        Where the row is not as it must be, also other values of the columns that are `changing`.
        """
        return self._look(persona, lambda search: uses.meet(search, use, row, known, changing=changing))

    def reach_at(self, goal: Goal, persona: Persona, row: Mapping[str, Value]) -> Reached | None:
        """A goal on a row that is there, by claims and settings alone."""
        return self._look(persona, lambda search: reach_at(self, search, goal, persona, row))

    def _look(self, persona: Persona, find: Callable[[Search], _Found | None]) -> _Found | None:
        """What is found without making rows."""
        search = Search(self.schema, self._asker, persona=persona, purpose="met")
        try:
            with self._budget(STATEMENTS_OF_A_ROW, self._effort):
                return find(search)
        except (BudgetSpentError, *_UNREADABLE):
            return None

    def judge(
        self, condition: Condition, persona: Persona, row: Mapping[str, Value]
    ) -> tuple[Truth | None, ...]:
        """What each atom of a condition is for `persona` on a row; None where the server refused to say."""
        answers = (
            self.judge_one(replace(condition, text=atom.text), persona, row) for atom in self.atoms(condition)
        )
        return tuple(answer.truth or None for answer in answers)

    def judge_one(
        self,
        condition: Condition,
        persona: Persona,
        row: Mapping[str, Value],
        *,
        settings: Mapping[str, str] | None = None,
        arguments: Mapping[str, Value] | None = None,
    ) -> Answer:
        """What a condition is for a persona on a row, with `settings` of its request and these arguments."""
        ref = RowRef(condition.table)
        search = Search(self.schema, self._asker, persona=persona)
        values: dict[Slot, Value] = {ColumnSlot(ref, name): value for name, value in row.items()}
        values |= {SettingSlot(name): value for name, value in (settings or {}).items()}
        values |= {
            ArgumentSlot(name, type_): (arguments or {}).get(name) for name, type_ in condition.parameters
        }
        state = State(values=values, rows=(ref,))
        term = Term(parse_expression(condition.text), self.scope_of(condition))
        return search.terms.evaluate(term, state) or _UNDECIDED

    def again(self, made: Made) -> Made:
        """The row as it is by now: triggers after the statement may have changed it."""
        key = self.schema.key(made.table)
        if not key or any(made.values.get(name) is None for name in key):
            return made
        shown = ", ".join(
            f"{quoted(name)}::text as {quoted(name)}" for name in self.schema.columns(made.table)
        )
        wanted = where({name: made.values[name] for name in key})
        found = self._asker.look(f"select {shown} from {made.table} where {wanted}").rows
        return replace(made, values=dict(found[0])) if found else made

    def scope_of(self, condition: Condition) -> Scope:
        """Where a condition stands: beside its row, if any, and the arguments of its function."""
        table = condition.table
        return self.schema.memory.get(
            ("scope of a condition", table, condition.name, condition.parameters, condition.asks),
            lambda: Scope(
                rows={self.schema.plain_name(table): BoundRow(RowRef(table))} if table else {},
                variables=arguments_of(
                    without_arguments(condition.name).rpartition(".")[2], condition.parameters
                ),
                path=self.schema.path,
                role=condition.asks,
            ),
        )

    def assignment(self, state: State, purpose: str, why: str) -> Assignment:
        """What a state asks for: parents before what refers to them."""
        needs = [
            RowNeed(
                table=ref.table,
                values=state.columns(ref),
                purpose=f"{purpose} {ref.number}" if ref.number else purpose,
                why=why,
            )
            for ref in state.rows
            if ref.table
        ]
        needs.sort(key=lambda need: self._rank(need.table))
        return Assignment(
            rows=tuple(needs), claims=state.claims, settings=state.settings, arguments=state.arguments
        )

    def _rank(self, table: str, above: tuple[str, ...] = ()) -> int:
        """How many tables a table's foreign keys lead through."""
        if table in above or table not in self.schema.relations:
            return 0
        keys = self.schema.constraints(table, "f")
        return max((1 + self._rank(key.target or "", (*above, table)) for key in keys), default=0)


@cache
def _texts_of_parts(text: str) -> tuple[str, ...]:
    return tuple(write(node) for node, _ in parts(parse_expression(text)))


def _purpose(goal: Goal) -> str:
    """What rows are made for, in a word that is another for each goal."""
    return f"g{hashlib.sha256(str(goal).encode()).hexdigest()[:8]}"
