"""One valid row of a table, made by the schema's owner: what it needs, and repairs where the server refuses.

What is made is a plain INSERT, triggers and constraints on. The SQLSTATE, constraint and column of a refusal
say what to repair. All of it costs statements, and there are so many and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from pgassay.catalog.model import Column, Constraint
from pgassay.catalog.names import quoted
from pgassay.observation import Attempt
from pgassay.solver import parents, values
from pgassay.solver.asking import Asker
from pgassay.solver.model import Made, Reason, RowNeed, Unreached, Value
from pgassay.solver.repairs.duplicates import merge_singular
from pgassay.solver.repairs.repair import repair
from pgassay.solver.schema import Schema
from pgassay.solver.sequences import Sequences, is_counted
from pgassay.solver.state import State
from pgassay.solver.writing import literal

Maker = Callable[[RowNeed], Made | Unreached]
"""Makes a row of one table in a way of its own, as accounts are made; runs in the solver's session."""

_REPAIRS = 14
_COUNTED = ("int2", "int4", "int8")
_CHANCE = ("gen_random_uuid", "uuid_generate", "random()")


class RowMaker:
    """Makes rows as the owner of the schema. `makers` by table do what takes more than an INSERT."""

    def __init__(self, schema: Schema, asker: Asker, makers: Mapping[str, Maker]) -> None:
        self.schema = schema
        self.asker = asker
        self.makers = makers
        self.sequences = Sequences(schema, asker)
        self.stack: list[str] = []
        self.unmoved: Counter[tuple[str, ...]] = Counter()  # how often triggers refused whatever was tried

    def make(self, need: RowNeed) -> Made | Unreached:
        """Make a row and what it needs; what failed leaves no trace. Raises BudgetSpentError."""
        if need.table in self.makers:
            return self.makers[need.table](need)
        relation = self.schema.relations.get(need.table)
        if relation is None or relation.kind not in "rp":
            return self.refusal(need, Reason.OPAQUE, "it is no table")
        if self._is_circle(need.table):
            circle = " → ".join([*self.stack[self.stack.index(need.table) :], need.table])
            return self.refusal(need, Reason.CONTRADICTION, f"each needs the other first: {circle}")
        self.stack.append(need.table)
        try:
            return self._make(need)
        finally:
            self.stack.pop()

    def _is_circle(self, table: str) -> bool:
        """Whether it waits for itself; a row may wait for one of its own table, and that one for none."""
        below = self.stack[:-1] if self.stack and self.stack[-1] == table else self.stack
        return table in below

    def _make(self, need: RowNeed) -> Made | Unreached:
        spent = self.asker.spent
        with self.asker.trial() as trial:
            made = Making(self, need).run()
            if isinstance(made, Unreached) and need.full:
                trial.undo()
                made = Making(self, replace(need, full=False)).run()
            if isinstance(made, Made):
                trial.keep()
                return replace(made, spent=self.asker.spent - spent)
        return replace(made, spent=self.asker.spent - spent)

    @staticmethod
    def refusal(need: RowNeed, reason: Reason, what: str) -> Unreached:
        """Why a row was not made."""
        return Unreached(goal=f"a row of {need.table}", reason=reason, what=what)


@dataclass
class Making:
    """The making of one row: `values` are what is written, `given` of them what was asked for."""

    maker: RowMaker
    need: RowNeed
    values: dict[str, Value] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)  # statements that made what it needs
    begun: tuple[str, ...] = ()  # statements that say what its triggers draw
    after: list[RowNeed] = field(default_factory=list)  # parents whose keys are checked at the end
    solutions: Iterator[State] | None = None
    refused: bool = False  # by a trigger
    tries: int = 0

    @property
    def table(self) -> str:
        return self.need.table

    @property
    def schema(self) -> Schema:
        return self.maker.schema

    @property
    def asker(self) -> Asker:
        return self.maker.asker

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        return self.schema.columns(self.table)

    def run(self) -> Made | Unreached:
        """Insert, and repair until it is in, or nothing helps."""
        self.values = {name: value for name, value in self.need.values.items() if name in self.columns}
        if merged := merge_singular(self):
            return merged
        if refused := self._fill():
            return refused
        for _ in range(_REPAIRS):
            self.tries += 1
            self.begin_numbers()
            attempt = self.asker.run(self.statement())
            if not attempt.sqlstate:
                return self._finish(self.made(attempt))
            repaired = repair(self, attempt)
            if isinstance(repaired, Made):
                return self._finish(repaired)
            if repaired is not None:
                return repaired
        return self.refused_by(attempt)

    # What a row needs from the start

    def _fill(self) -> Unreached | None:
        for column in self.columns.values():
            if column.name not in self.values and self._is_own(column):
                self.values[column.name] = self.own(column)
        for key in self.schema.constraints(self.table, "f"):
            if refused := parents.refer(self, key):
                return refused
        for column in self.columns.values():
            if column.name not in self.values and self._is_due(column):
                self.values[column.name] = self.own(column)
        return None

    def _is_own(self, column: Column) -> bool:
        """An id that the server would draw: it shall be the same in each run.

        So shall a number that other rows refer to: what was refused has moved its sequence on.
        """
        drawn = column.base == "uuid" and any(name in (column.default or "") for name in _CHANCE)
        counted = column.base in _COUNTED and is_counted(column)
        drawn = drawn or (counted and self.schema.is_referred_to(self.table, column.name))
        return drawn and not column.generated and not self.keys_of(column.name)

    def _is_due(self, column: Column) -> bool:
        if column.generated or column.identity or column.has_default:
            return False
        due = column.not_null or self.schema.refuses_null(column.type)
        return due or (self.need.full and not self.keys_of(column.name))

    def keys_of(self, name: str) -> list[Constraint]:
        return [key for key in self.schema.constraints(self.table, "f") if name in key.columns]

    def own(self, column: Column, *, variant: str = "") -> Value:
        purpose = f"{self.table}.{column.name} {self.need.purpose}{variant}".strip()
        return values.own(column.base, purpose, labels=column.labels, length=column.length)

    def default(self, column: Column) -> Value:
        """What the server writes where nothing is given; null for what it counts."""
        if column.generated or is_counted(column):
            return None
        return self.asker.evaluate(column.default or "null", None).value

    # The statement

    def begin(self, first: Mapping[str, Value]) -> Made | Unreached:
        """A row of the same purpose with only these values."""
        return Making(self.maker, replace(self.need, values=first)).run()

    def begin_numbers(self) -> None:
        """As whatever its triggers draw shall begin."""
        self.begun = self.maker.sequences.begin(self.table, self.need.purpose)

    def statement(self) -> str:
        returning = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in self.columns)
        return f"{self.insert()} returning {returning or 'null'}"

    def insert(self) -> str:
        names = [
            name for name, column in self.columns.items() if name in self.values and not column.generated
        ]
        always = any(self.columns[name].identity == "a" for name in names)
        overriding = " overriding system value" if always else ""
        what = (
            f"({', '.join(map(quoted, names))}){overriding} values"
            f" ({', '.join(literal(self.values[name]) for name in names)})"
            if names
            else "default values"
        )
        return f"insert into {self.table} {what}"

    def update(self, changed: Mapping[str, Value], wanted: str) -> Made | Attempt:
        """A row that is there gets these values; what became of it where it does not."""
        sets = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in changed.items())
        shown = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in self.columns)
        statement = f"update {self.table} set {sets} where {wanted}"
        self.begin_numbers()
        updated = self.asker.run(f"{statement} returning {shown}")
        if updated.sqlstate or not updated.rows:
            return updated
        return self.as_made(dict(updated.rows[0]), statement)

    def made(self, attempt: Attempt, *, unchecked: bool = False) -> Made:
        statement = self.insert()
        row = dict(attempt.rows[0]) if attempt.rows else dict(self.values)
        return self.as_made(row, statement, unchecked=unchecked)

    def as_made(self, row: Mapping[str, Value], *statements: str, unchecked: bool = False) -> Made:
        return Made(
            table=self.table,
            values=row,
            statements=(*self.before, *self.begun, *statements),
            purpose=self.need.purpose,
            why=self.need.why,
            unchecked=unchecked,
        )

    def _finish(self, made: Made) -> Made | Unreached:
        """What is checked at the end of a transaction is checked at the end of the outermost row."""
        for need in self.after:
            parent = self.maker.make(need)
            if isinstance(parent, Unreached):
                return parent
            made = replace(made, statements=(*made.statements, *parent.statements))
        if len(self.maker.stack) > 1 or not self.schema.defers:
            return made
        attempt = self.asker.run("set constraints all immediate")
        if attempt.sqlstate:
            return self.refused_by(attempt)
        self.asker.run("set constraints all deferred")
        return made

    @property
    def kind(self) -> tuple[str, ...]:
        """What rows have in common of which the same columns are asked for."""
        return self.table, *sorted(self.need.values)

    def refused_by(self, attempt: Attempt) -> Unreached:
        return self.maker.refusal(self.need, Reason.REFUSED, f"{attempt.message} ({attempt.sqlstate})")
