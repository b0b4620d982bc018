"""One valid row of a table, made by the schema's owner: what it needs, and repairs where the server refuses.

What is made is a plain INSERT, triggers and constraints on. The SQLSTATE, constraint and column of a refusal
say what to repair. All of it costs statements, and there are so many and no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from pgassay.catalog.model import Column, Constraint, Index
from pgassay.catalog.names import quoted
from pgassay.observation import Attempt
from pgassay.solver import functions, logic, partitions, values
from pgassay.solver.asking import Asker, BudgetSpentError
from pgassay.solver.model import (
    ColumnSlot,
    Made,
    Reason,
    RowNeed,
    RowRef,
    Slot,
    Source,
    Truth,
    Unreached,
    Value,
)
from pgassay.solver.schema import Schema
from pgassay.solver.scope import BoundRow, Scope, Term, constant, parse_expression, write
from pgassay.solver.search import Search
from pgassay.solver.state import State

Maker = Callable[[RowNeed], Made | Unreached]
"""Makes a row of one table in a way of its own, as accounts are made; runs in the solver's session."""

TEXTS = ("text", "varchar", "bpchar", "citext")
_REPAIRS = 14
_CHANCE = ("gen_random_uuid", "uuid_generate", "random()")


class RowMaker:
    """Makes rows as the owner of the schema. `makers` by table do what takes more than an INSERT."""

    def __init__(self, schema: Schema, asker: Asker, makers: Mapping[str, Maker]) -> None:
        self.schema = schema
        self.asker = asker
        self.makers = makers
        self.stack: list[str] = []

    def make(self, need: RowNeed) -> Made | Unreached:
        """Make a row and what it needs; what failed leaves no trace. Raises BudgetSpentError."""
        if need.table in self.makers:
            return self.makers[need.table](need)
        relation = self.schema.relations.get(need.table)
        if relation is None or relation.kind not in "rp":
            return self.refusal(need, Reason.OPAQUE, "it is no table")
        if need.table in self.stack:
            circle = " → ".join([*self.stack[self.stack.index(need.table) :], need.table])
            return self.refusal(need, Reason.CONTRADICTION, f"each needs the other first: {circle}")
        self.stack.append(need.table)
        try:
            return self._make(need)
        finally:
            self.stack.pop()

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
        if refused := self._fill():
            return refused
        for _ in range(_REPAIRS):
            self.tries += 1
            attempt = self.asker.run(self._statement())
            if not attempt.sqlstate:
                return self._finish(self._made(attempt))
            repaired = self._repair(attempt)
            if isinstance(repaired, Made):
                return self._finish(repaired)
            if repaired is not None:
                return repaired
        return self._refused(attempt)

    # What a row needs from the start

    def _fill(self) -> Unreached | None:
        for column in self.columns.values():
            if column.name not in self.values and self._is_own(column):
                self.values[column.name] = self._own(column)
        for key in self.schema.constraints(self.table, "f"):
            if refused := self._refer(key):
                return refused
        for column in self.columns.values():
            if column.name not in self.values and self._is_due(column):
                self.values[column.name] = self._own(column)
        return None

    def _is_own(self, column: Column) -> bool:
        """An id that the server would draw: it shall be the same in each run."""
        drawn = any(name in (column.default or "") for name in _CHANCE)
        return drawn and column.base == "uuid" and not column.generated and not self._keys_of(column.name)

    def _is_due(self, column: Column) -> bool:
        if column.generated or column.identity or column.has_default:
            return False
        return (
            column.not_null
            or self._is_domain_due(column)
            or (self.need.full and not self._keys_of(column.name))
        )

    def _is_domain_due(self, column: Column) -> bool:
        domain = self.schema.domains.get(column.type)
        return bool(domain and domain[0].not_null)

    def _keys_of(self, name: str) -> list[Constraint]:
        return [key for key in self.schema.constraints(self.table, "f") if name in key.columns]

    def _own(self, column: Column, *, variant: str = "") -> Value:
        purpose = f"{self.table}.{column.name} {self.need.purpose}{variant}".strip()
        return values.own(column.base, purpose, labels=column.labels, length=column.length)

    # Parents

    def _refer(self, key: Constraint) -> Unreached | None:
        """What a foreign key needs: the parent that is named, or one for the same purpose."""
        given = {name: self.values[name] for name in key.columns if name in self.values}
        if None in given.values() or not self._is_needed(key, given):
            return None
        if key.target_oid == self.schema.relations[self.table].oid:
            return self._refer_to_self(key, given)
        target = key.target or ""
        wanted = {
            there: given[here]
            for here, there in zip(key.columns, key.target_columns, strict=True)
            if here in given
        }
        if len(given) == len(key.columns) and self._exists(target, wanted):
            return None
        found = self._choose(target, key, wanted) if not given else None
        parent = found or self._parent(target, key, wanted)
        if isinstance(parent, Unreached):
            return parent
        for here, there in zip(key.columns, key.target_columns, strict=True):
            self.values.setdefault(here, parent[there])
        return None

    def _is_needed(self, key: Constraint, given: Mapping[str, Value]) -> bool:
        columns = [self.columns[name] for name in key.columns]
        due = [one for one in columns if one.not_null and not one.has_default]
        return bool(due) or bool(given)

    def _refer_to_self(self, key: Constraint, given: Mapping[str, Value]) -> Unreached | None:
        """A row may be its own parent."""
        if len(given) == len(key.columns):
            pairs = dict(zip(key.target_columns, given.values(), strict=True))
            own = all(self.values.get(there) == value for there, value in pairs.items())
            if own or self._exists(self.table, pairs):
                return None
            return self.maker.refusal(self.need, Reason.CONTRADICTION, f"{key.name}: there is no such parent")
        for here, there in zip(key.columns, key.target_columns, strict=True):
            if there not in self.values:
                self.values[there] = self._own(self.columns[there])
            self.values.setdefault(here, self.values[there])
        return None

    def _exists(self, table: str, wanted: Mapping[str, Value]) -> bool:
        if table in self.maker.makers and not wanted:
            return False
        return bool(self.asker.look(f"select 1 from {table} where {where(wanted)} limit 1").rows)

    def _choose(self, target: str, key: Constraint, wanted: Mapping[str, Value]) -> dict[str, Value] | None:
        """A parent that is there, where parents are words of a list and not somebody's."""
        named = all(
            self.schema.columns(target)[name].base not in ("uuid", "int4", "int8")
            for name in key.target_columns
        )
        if not named:
            return None
        return self._first(target, key.target_columns, wanted)

    def _first(
        self, table: str, names: Sequence[str], wanted: Mapping[str, Value]
    ) -> dict[str, Value] | None:
        shown = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in names)
        order = ", ".join(map(quoted, names))
        condition = f" where {where(wanted)}" if wanted else ""
        rows = self.asker.look(f"select {shown} from {table}{condition} order by {order} limit 1").rows
        return dict(rows[0]) if rows else None

    def _parent(
        self, target: str, key: Constraint, wanted: Mapping[str, Value]
    ) -> Mapping[str, Value] | Unreached:
        need = RowNeed(table=target, values=wanted, purpose=self.need.purpose, why=f"{self.table} needs it")
        if key.deferrable and target in self.maker.stack:
            return self._later(need, key)
        made = self.maker.make(need)
        if isinstance(made, Unreached):
            existing = self._first(target, key.target_columns, wanted)
            return existing or made
        self.before += made.statements
        return made.values

    def _later(self, need: RowNeed, key: Constraint) -> Mapping[str, Value]:
        """Of a circle whose key is checked at the end: the parent that is being made gets this id."""
        parents = self.schema.columns(need.table)
        return {
            name: need.values.get(name)
            or values.own(parents[name].base, f"{need.table}.{name} {need.purpose}".strip())
            for name in key.target_columns
        }

    # The statement

    def _statement(self) -> str:
        returning = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in self.columns)
        return f"{self._insert()} returning {returning or 'null'}"

    def _insert(self) -> str:
        names = [name for name in self.columns if name in self.values]
        always = any(self.columns[name].identity == "a" for name in names)
        overriding = " overriding system value" if always else ""
        what = (
            f"({', '.join(map(quoted, names))}){overriding} values"
            f" ({', '.join(literal(self.values[name]) for name in names)})"
            if names
            else "default values"
        )
        return f"insert into {self.table} {what}"

    def _made(self, attempt: Attempt, *, unchecked: bool = False) -> Made:
        statement = self._insert()
        row = dict(attempt.rows[0]) if attempt.rows else dict(self.values)
        return self._as_made(row, statement, unchecked=unchecked)

    def _as_made(self, row: Mapping[str, Value], *statements: str, unchecked: bool = False) -> Made:
        return Made(
            table=self.table,
            values=row,
            statements=(*self.before, *statements),
            purpose=self.need.purpose,
            why=self.need.why,
            unchecked=unchecked,
        )

    def _finish(self, made: Made) -> Made | Unreached:
        """What is checked at the end of a transaction is checked at the end of the outermost row."""
        if len(self.maker.stack) > 1 or not self.schema.defers:
            return made
        attempt = self.asker.run("set constraints all immediate")
        if attempt.sqlstate:
            return self._refused(attempt)
        self.asker.run("set constraints all deferred")
        return made

    # Repairs

    def _repair(self, attempt: Attempt) -> Made | Unreached | None:
        """What comes of a refusal: a row after all, the end, or None for another try."""
        repair = _REPAIRED.get(attempt.sqlstate)
        if attempt.table and attempt.table != self.schema.relations[self.table].relation:
            repair = None  # a trigger's own statement was refused
        if repair is None or (attempt.sqlstate == "23514" and not self._has_check(attempt)):
            return self._persuade(attempt)
        return repair(self, attempt)

    def _has_check(self, attempt: Attempt) -> bool:
        """Whether it is one of the table's own, and not a trigger that says so."""
        named = {one.name for one in self.schema.catalog.of(Constraint) if one.type == "c"}
        return attempt.constraint in named if attempt.constraint else bool(attempt.table)

    def _persuade(self, attempt: Attempt) -> Made | Unreached | None:
        """A trigger refuses: values for which it does not; as a last resort without triggers."""
        if not self.refused:
            self.refused, self.solutions = True, None
            if self._document():
                return None
        if self.solutions is None or self.tries < _REPAIRS // 2:
            found = self._check(attempt)
            if found is None:
                return None
        return self._without_triggers(attempt)

    def _document(self) -> bool:
        """Documents get what the triggers read of them, as accounts have a name; whether there was any."""
        read = functions.documents(self.schema, self.table)
        found = {
            name: json.dumps(dict.fromkeys(keys, values.short(f"{name} {self.need.purpose}")), sort_keys=True)
            for name, keys in read.items()
            if name in self.columns and name not in self.need.values
        }
        self.values |= found
        return bool(found)

    def _refused(self, attempt: Attempt) -> Unreached:
        return self.maker.refusal(self.need, Reason.REFUSED, f"{attempt.message} ({attempt.sqlstate})")

    def _fill_null(self, attempt: Attempt) -> Unreached | None:
        column = self.columns.get(attempt.column)
        if column is None or column.name in self.need.values:
            return self._refused(attempt)
        value = self._own(column)
        if value is None or self.values.get(column.name) == value:
            return self._refused(attempt)
        self.values[column.name] = value
        for key in self._keys_of(column.name):
            del self.values[column.name]
            return self._refer(key)
        return None

    def _fill_parent(self, attempt: Attempt) -> Unreached | None:
        for key in self.schema.constraints(self.table, "f"):
            if key.name == attempt.constraint:
                wanted = {
                    there: self.values.get(here)
                    for here, there in zip(key.columns, key.target_columns, strict=True)
                }
                if None in wanted.values():
                    return self._refused(attempt)
                parent = self._parent(key.target or "", key, wanted)
                return parent if isinstance(parent, Unreached) else None
        return self._refused(attempt)

    def _part(self, attempt: Attempt) -> Made | Unreached | None:
        """A duplicate: the row that is there will do, or a column nobody asked for gets another value."""
        index = next((one for one in self.schema.indexes(self.table) if one.name == attempt.constraint), None)
        if index is None:
            return self._refused(attempt)
        asked = set(self.need.values)
        if self.need.shared and (index.primary or set(index.columns) <= asked):
            return self._merge(index, attempt)
        for name in reversed(index.columns):
            if name not in asked and self._vary(self.columns[name]):
                return None
        return self._merge(index, attempt) if self.need.shared and index.whole else self._refused(attempt)

    def _vary(self, column: Column) -> bool:
        current = self.values.get(column.name)
        if column.labels or column.base == "bool":
            tried = self.tries
            found = list(values.others(current, column.base, labels=column.labels))
            self.values[column.name] = found[tried % len(found)] if found else current
            return bool(found)
        keys = self._keys_of(column.name)
        value = self._own(column, variant=f" {self.tries}")
        if self.solutions is not None and column.base in TEXTS and current:  # it has to fit checks
            value = values.alike(current, f"{value}")
        if value == current or value is None:
            return False
        if keys:
            self.need = replace(self.need, purpose=f"{self.need.purpose} {self.tries}".strip())
            self.values.pop(column.name, None)
            return self._refer(keys[0]) is None and column.name in self.values
        self.values[column.name] = value
        return True

    def _merge(self, index: Index, attempt: Attempt) -> Made | Unreached:
        """The row that is there gets what was asked for."""
        key = {name: self.values.get(name) for name in index.columns}
        if None in key.values():
            return self._refused(attempt)
        shown = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in self.columns)
        rows = self.asker.look(f"select {shown} from {self.table} where {where(key)}").rows
        if not rows:
            return self._refused(attempt)
        row = dict(rows[0])
        changed = {
            name: value
            for name, value in self.need.values.items()
            if name in self.columns and name not in key and not self._is_same(name, row[name], value)
        }
        if not changed:
            return self._as_made(row)
        sets = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in changed.items())
        statement = f"update {self.table} set {sets} where {where(key)}"
        updated = self.asker.run(f"{statement} returning {shown}")
        if updated.sqlstate or not updated.rows:
            return self._refused(updated if updated.sqlstate else attempt)
        return self._as_made(dict(updated.rows[0]), statement)

    def _is_same(self, name: str, one: Value, other: Value) -> bool:
        if one == other or one is None or other is None:
            return one == other
        type_ = self.columns[name].type
        same = self.asker.look(
            f"select {literal(one)}::{type_} is not distinct from {literal(other)}::{type_} as same"
        )
        return bool(same.rows and same.rows[0]["same"])

    def _check(self, attempt: Attempt) -> Unreached | None:
        """Values such that all checks of the table hold; of a partitioned one, that a partition takes."""
        if not attempt.constraint and (found := partitions.key_values(self.schema, self.table)):
            free = {name: value for name, value in found.items() if name not in self.need.values}
            if any(self.values.get(name) != value for name, value in free.items()):
                self.values |= free
                return None
        if self.solutions is None:
            self.solutions = self._solve_checks()
        state = next(self.solutions, None)
        if state is None:
            return self.maker.refusal(
                self.need, Reason.CONTRADICTION, f"{attempt.message} ({attempt.sqlstate})"
            )
        found = state.columns(RowRef(self.table))
        kept = self._preferred()
        self.values |= {
            name: value
            for name, value in found.items()
            if name in self.values or value != kept.get(ColumnSlot(RowRef(self.table), name), "")
        }
        return None

    def _solve_checks(self) -> Iterator[State]:
        search = Search(self.schema, self.asker, purpose=self.need.purpose, preferred=self._preferred())
        ref = RowRef(self.table)
        state = State(rows=(ref,))
        for name, value in self.need.values.items():
            if name in self.columns:
                state = state.assign(ColumnSlot(ref, name), value) or state
        tests = [(test, Truth.NOT_FALSE) for test in self._tests(ref)]
        if self.refused:
            raising = functions.refusals(search, self.table, BoundRow(ref))
            tests += [(test, Truth.NOT_TRUE) for test in raising]
        try:
            yield from logic.each(search, tests, state)
        except BudgetSpentError:
            return

    def _preferred(self) -> dict[Slot, Value]:
        """What the columns would have: what was chosen, or their defaults."""
        ref = RowRef(self.table)
        found: dict[Slot, Value] = {}
        for column in self.columns.values():
            if column.name in self.values:
                found[ColumnSlot(ref, column.name)] = self.values[column.name]
            elif not column.generated and not column.identity and "nextval" not in (column.default or ""):
                default = self.asker.evaluate(column.default or "null", None)
                found[ColumnSlot(ref, column.name)] = default.value
        return found

    def _tests(self, ref: RowRef) -> Iterator[Term]:
        scope = Scope(rows={self.schema.plain_name(self.table): BoundRow(ref)}, path=self.schema.path)
        for condition in self.schema.conditions(self.table):
            if condition.source is Source.CONSTRAINT:
                yield Term(parse_expression(condition.text), scope)
        for column in self.columns.values():
            for text in self.schema.domain_checks(column.type):
                if column.name in self.values or column.not_null:
                    yield Term(
                        parse_expression(text), Scope(variables={"value": ColumnSlot(ref, column.name)})
                    )

    def _shift(self, attempt: Attempt) -> Unreached | None:
        """An exclusion constraint: another value for a column that nobody asked for."""
        for constraint in self.schema.constraints(self.table, "x"):
            if constraint.name == attempt.constraint:
                for name in reversed(constraint.columns):
                    if name not in self.need.values and self._shifted(self.columns[name]):
                        return None
        return self._refused(attempt)

    def _shifted(self, column: Column) -> bool:
        moved = values.another_range(column.base, self.tries)
        if moved is None:
            return self._vary(column)
        self.values[column.name] = moved
        return True

    def _small(self, attempt: Attempt) -> Unreached | None:
        """A number that is too large for its column."""
        numbers = [
            column.name
            for column in self.columns.values()
            if column.name in self.values and column.name not in self.need.values and column.category == "N"
        ]
        large = [name for name in numbers if self.values[name] not in ("1", "0")]
        for name in large:
            self.values[name] = "1" if self.tries < 3 else "0"
        return None if large else self._refused(attempt)

    def _without_triggers(self, attempt: Attempt) -> Made | Unreached:
        """As a last resort; not where a trigger is none of the owner's to disable."""
        triggers = self.schema.user_triggers(self.table)
        if not triggers or attempt.sqlstate[:2] in ("42", "22"):
            return self._refused(attempt)
        off = [f"alter table {self.table} disable trigger {one.quoted}" for one in triggers]
        on = [f"alter table {self.table} {one.enabling} trigger {one.quoted}" for one in triggers]
        with self.asker.trial() as trial:
            for statement in off:
                if self.asker.run(statement).sqlstate:
                    return self._refused(attempt)
            again = self.asker.run(self._statement())
            if again.sqlstate or any(self.asker.run(statement).sqlstate for statement in on):
                return self._refused(attempt)
            trial.keep()
        insert = self._insert()
        row = dict(again.rows[0])
        return self._as_made(row, *off, insert, *on, unchecked=True)


_REPAIRED: Mapping[str, Callable[[Making, Attempt], Made | Unreached | None]] = {
    "23502": Making._fill_null,
    "23503": Making._fill_parent,
    "23505": Making._part,
    "23514": Making._check,
    "23P01": Making._shift,
    "22003": Making._small,
}


def literal(value: Value) -> str:
    """A value as SQL, of no type."""
    return write(constant(value))


def where(wanted: Mapping[str, Value]) -> str:
    """The condition that columns have these values."""
    return (
        " and ".join(
            f"{quoted(name)} = {literal(value)}" if value is not None else f"{quoted(name)} is null"
            for name, value in wanted.items()
        )
        or "true"
    )
