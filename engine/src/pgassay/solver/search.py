"""The search: what to set such that an expression is true, false or null, or has a value.

It goes backwards through the expression. Each step proposes, cheapest first, and what it proposes is a state:
the values that are decided. Nothing here knows whether one is right; whoever applies it asks the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from pglast import ast
from pglast.enums import A_Expr_Kind, SubLinkType

from pgassay.catalog.names import quoted
from pgassay.observation import Persona
from pgassay.solver import constants, functions, inverses, logic, queries, values
from pgassay.solver.asking import Answer, Asker, BudgetSpentError
from pgassay.solver.comparison import Side
from pgassay.solver.model import ClaimSlot, ColumnSlot, Reason, Slot, Truth, Value
from pgassay.solver.schema import Schema, check_text
from pgassay.solver.scope import (
    BoundRow,
    Local,
    Scope,
    Term,
    UnknownNameError,
    constant,
    names_of,
    parse_expression,
    resolve,
    write,
)
from pgassay.solver.state import State
from pgassay.solver.substitution import Readings, Substitution

STEPS = 6_000
_STEPS_OF_A_CHECK = 600  # for a value of one column
_LONG, _NODES = 2_000, 10  # nodes of an expression that take no step; that take one each above that
_GUESSES = 4
_DENIED = "42501"
_TRUTHS = ((Truth.TRUE, "true"), (Truth.FALSE, "false"), (Truth.NULL, None))
CLOCK = ("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday")
CHANCE = ("random", "gen_random_uuid", "gen_random_bytes", "uuid_generate_v4", "setseed")

States = Iterator[State]
_Place = tuple[int, int]


def _place(term: Term) -> _Place:
    """Which expression of which scope: ids stay taken as long as somebody keeps the term."""
    return id(term.node), id(term.scope)


class _SomeSpentError(Exception):
    """A part of the search has had its steps."""


class Search:
    """One search, for a persona or for none, as when a row has to satisfy its table's checks.

    `purpose`: what fresh values are derived from; `preferred`: values to try first;
    `may_change`: rows that are there may get other values. `obstacles`: what was met that nobody can set.
    """

    def __init__(
        self,
        schema: Schema,
        asker: Asker,
        *,
        persona: Persona | None = None,
        purpose: str = "",
        preferred: Mapping[Slot, Value] | None = None,
        effort: float = 1,
        may_change: bool = True,
    ) -> None:
        self.schema = schema
        self.asker = asker
        self.persona = persona
        self.purpose = purpose
        self.may_change = may_change
        self.preferred = dict(preferred or {})
        self.obstacles: dict[str, Reason] = {}
        self._floor = 0
        self._fresh: dict[ColumnSlot, Value] = {}
        self._readings: dict[_Place, Readings] = {}
        self._inlined: dict[_Place, tuple[Term, Term | None]] = {}
        self._left = round(STEPS * effort)

    def step(self) -> None:
        """Count one step. Raises BudgetSpentError; in a part that has steps of its own, _SomeSpentError."""
        self.asker.step()
        self._left -= 1
        if self._left <= self._floor:
            raise _SomeSpentError if self._floor else BudgetSpentError

    def within(self, steps: int, states: States) -> States:
        """As many of the states as so many steps find."""
        self._floor = max(0, self._left - steps)
        try:
            yield from states
        except _SomeSpentError:
            return
        finally:
            self._floor = 0

    # Asking

    def read(self, term: Term, state: State) -> Substitution:
        """The term with what is decided as literals. A long one takes steps."""
        reading = self._read(term).at(state)
        long = max(0, reading.size - _LONG) // _NODES
        self._left -= long
        self.asker.steps += long
        return reading

    def _read(self, term: Term) -> Readings:
        if (place := _place(term)) not in self._readings:
            self._readings[place] = Readings(self.schema, term)
        return self._readings[place]

    def slots(self, term: Term) -> frozenset[Slot]:
        """All that it depends on and that can be set."""
        return self._read(term).slots

    def inline(self, call: Term) -> Term | None:
        """What a call stands for, as `functions.inline` says; the same term each time."""
        if (place := _place(call)) not in self._inlined:
            self._inlined[place] = (call, functions.inline(self, call))
        return self._inlined[place][1]

    def evaluate(self, term: Term, state: State) -> Answer | None:
        """Its value now; None while something in it is not decided."""
        reading = self.read(term, state)
        return self._answer(reading, term, state) if reading.is_ground else None

    def _answer(self, reading: Substitution, term: Term, state: State) -> Answer:
        known = constants.read(reading.node)
        return known or self._ask(reading.text, term, state, lasting=not reading.can_change)

    def _ask(self, text: str, term: Term, state: State, *, lasting: bool) -> Answer:
        answer = self.asker.evaluate(
            text,
            self.persona,
            claims=state.claims,
            settings=state.settings,
            role=term.scope.role,
            lasting=lasting,
        )
        if answer.error.startswith(_DENIED):  # whatever the values are
            self.obstacles.setdefault(answer.error, Reason.REFUSED)
        return answer

    def type_of(self, term: Term, state: State) -> str:
        """The name of its type, whatever its value is."""
        reading = self.read(term, state)
        return "text" if reading.unknown else self._ask(reading.text, term, state, lasting=True).type

    def labels(self, type_: str) -> Sequence[str]:
        """The labels of an enum, whose name may lack its schema."""
        names = (type_, *(f"{schema}.{type_}" for schema in self.schema.path))
        return next((self.schema.labels[name] for name in names if name in self.schema.labels), ())

    def side(self, answer: Answer) -> Side:
        """A value that is there, for what may stand at its left."""
        assert answer.value is not None
        return Side(
            value=answer.value,
            type=self._base(answer.type),
            labels=self.labels(answer.type),
            purpose=self.purpose,
        )

    def _base(self, type_: str) -> str:
        names = (type_, *(f"{schema}.{type_}" for schema in self.schema.path))
        found = next((self.schema.domains[name][0] for name in names if name in self.schema.domains), None)
        return found.base or type_ if found else type_

    # Truth

    def make(self, term: Term, wanted: Truth, state: State) -> States:
        """States in which the term is one of what is wanted."""
        self.step()
        if wanted == Truth.ANY:
            yield state
            return
        if not isinstance(term.node, ast.BoolExpr):
            reading = self.read(term, state)
            if reading.is_ground:
                answer = self._answer(reading, term, state)
                if answer.error:
                    self.obstacles.setdefault(answer.error, Reason.REFUSED)
                if answer.truth & wanted:
                    yield state
                if reading.is_final:
                    return
            elif kept := self._keep(reading.free, state):
                likely = self.evaluate(term, kept)
                if likely and likely.truth & wanted:
                    yield kept
        found = False
        for following in self._make(term, wanted, state):
            found = True
            yield following
        if not found:
            yield from self._happen(term, wanted, state)

    def _happen(self, term: Term, wanted: Truth, state: State) -> States:
        """As a last resort, whatever values there are: it may be as wanted for most."""
        free = self.read(term, state).free
        for following in islice(self.settle(free, state), _GUESSES) if free else ():
            answer = self.evaluate(term, following)
            if answer and answer.truth & wanted:
                yield following

    def _keep(self, free: Sequence[Slot], state: State) -> State | None:
        """With the preferred values of what is not decided; None where one has none."""
        following: State | None = state
        for slot in dict.fromkeys(free):
            if slot not in self.preferred or following is None:
                return None
            following = following.assign(slot, self.preferred[slot])
        return following

    def _make(self, term: Term, wanted: Truth, state: State) -> States:
        match term.node:
            case ast.BoolExpr():
                return logic.join(self, term, wanted, state)
            case ast.A_Expr() if term.node.kind != A_Expr_Kind.AEXPR_NULLIF:
                return logic.compare_node(self, term, wanted, state)
            case ast.SubLink(subLinkType=SubLinkType.EXISTS_SUBLINK):
                return queries.exists(self, term, wanted, state)
            case ast.SubLink(subLinkType=SubLinkType.ANY_SUBLINK | SubLinkType.ALL_SUBLINK):
                return queries.member(self, term, wanted, state)
            case ast.NullTest():
                return logic.null_test(self, term, wanted, state)
            case ast.BooleanTest():
                return logic.boolean_test(self, term, wanted, state)
            case ast.CoalesceExpr():
                return logic.coalesce(self, term, wanted, state)
            case ast.CaseExpr():
                return logic.case(self, term, wanted, state)
            case ast.FuncCall():
                return self._make_call(term, wanted, state)
            case ast.ColumnRef() | ast.ParamRef():
                found = self.resolve(term)
                return (
                    self.make(found, wanted, state)
                    if isinstance(found, Term)
                    else self._by_value(term, wanted, state)
                )
            case ast.TypeCast() if logic.is_condition(term.node.arg):
                return self.make(term.at(term.node.arg), wanted, state)
        return self._by_value(term, wanted, state)

    def _make_call(self, term: Term, wanted: Truth, state: State) -> States:
        if (body := self.inline(term)) is not None:
            return self.make(body, wanted, state)
        if (rule := inverses.CONDITIONS.get(names_of(term.node.funcname)[1])) is not None:
            return rule(self, term, wanted, state)
        return self._by_value(term, wanted, state)

    def _by_value(self, term: Term, wanted: Truth, state: State) -> States:
        for truth, value in _TRUTHS:
            if truth in wanted:
                yield from self.push(term, value, state)

    def resolve(self, term: Term) -> Term | Slot | None:
        """What a name stands for; None where nobody knows."""
        try:
            found = resolve(term.node, term.scope, self.schema.columns)
        except UnknownNameError as error:
            self.obstacles.setdefault(str(error), Reason.OPAQUE)
            return None
        return None if isinstance(found, Local) else found

    # Values

    def push(self, term: Term, value: Value, state: State, path: tuple[str, ...] = ()) -> States:
        """States in which the term has a value; with a `path`, in which its document has it there as JSON."""
        self.step()
        if not path:
            reading = self.read(term, state)
            if reading.is_ground:
                if self._has(reading, value, term, state):
                    yield state
                if reading.is_final:
                    return
        yield from self._push(term, value, state, path)

    def _has(self, reading: Substitution, value: Value, term: Term, state: State) -> bool:
        answer = self._answer(reading, term, state)
        if answer.error or answer.value == value:
            return not answer.error
        if value is None or answer.value is None:
            return False
        same = f"({reading.text}) = {write(constant(value, answer.type))}"
        return self._ask(same, term, state, lasting=not reading.can_change).truth is Truth.TRUE

    def _push(self, term: Term, value: Value, state: State, path: tuple[str, ...]) -> States:
        node = term.node
        match node:
            case ast.ColumnRef() | ast.ParamRef():
                found = self.resolve(term)
                if isinstance(found, Term):
                    yield from self.push(found, value, state, path)
                elif found is not None:
                    yield from self.assign(found, value, state, path)
            case ast.TypeCast():
                yield from self.push(term.at(node.arg), value, state, path)
            case ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK):
                yield from queries.push(self, term, value, state, path)
            case ast.FuncCall():
                yield from self._push_call(term, value, state, path)
            case _ if (inverse := inverses.NODES.get(type(node))) is not None:
                yield from inverse(self, term, value, state, path)
            case _ if logic.is_condition(node) and not path:
                truths = {
                    "true": Truth.TRUE,
                    "t": Truth.TRUE,
                    "false": Truth.FALSE,
                    "f": Truth.FALSE,
                    None: Truth.NULL,
                }
                if value in truths:
                    yield from self.make(term, truths[value], state)

    def _push_call(self, term: Term, value: Value, state: State, path: tuple[str, ...]) -> States:
        name = names_of(term.node.funcname)[1]
        if (inverse := inverses.FUNCTIONS.get(name)) is not None:
            yield from inverse(self, term, value, state, path)
        elif (body := self.inline(term)) is not None:
            yield from self.push(body, value, state, path)
        else:
            self.name_obstacle(name)

    def name_obstacle(self, name: str) -> None:
        """Remember what cannot be set."""
        reason = Reason.CLOCK if name in CLOCK else Reason.CHANCE if name in CHANCE else Reason.OPAQUE
        self.obstacles.setdefault(f"{name}()", reason)

    def assign(self, slot: Slot, value: Value, state: State, path: tuple[str, ...] = ()) -> States:
        """Decide a slot, or a place in the document that it holds."""
        if path:
            slot = ClaimSlot(path) if isinstance(slot, ClaimSlot) else _at(slot, path)
        for fitting in self._fitting(slot, value):
            following = state.assign(slot, fitting)
            if following is not None:
                yield following
            elif isinstance(slot, ClaimSlot):
                self.obstacles.setdefault(f"the claim {'.'.join(slot.path)}", Reason.CLAIMS)

    def _fitting(self, slot: Slot, value: Value) -> Iterable[Value]:
        """The value; where a column's type has none such, those that are meant by it."""
        if not isinstance(slot, ColumnSlot) or slot.path:
            return (value,)
        column = self.schema.columns(slot.row.table)[slot.column]
        if value is None:
            return () if column.not_null else (None,)
        words = column.labels or self.schema.words(slot.row.table, slot.column)
        if words and value not in words:
            # Another text than a word was asked for: `ax`, because it is not `a`.
            return (word for word in words if not value.startswith(word))
        if column.base == "uuid":
            return values.as_uuid(value, self.key_purpose(slot))
        return (value,)

    def pick(self, term: Term, state: State) -> Iterator[tuple[State, Answer]]:
        """Any values of a term: what it is now, else with fresh values for what is not decided."""
        self.step()
        reading = self.read(term, state)
        if reading.is_ground:
            answer = self._answer(reading, term, state)
            if not answer.error:
                yield state, answer
            if answer.value is not None:
                return
        else:
            for following in self.settle(reading.free, state):
                found = self.evaluate(term, following)
                if found and not found.error:
                    yield following, found
        yield from self._pick_inside(term, state)

    def _pick_inside(self, term: Term, state: State) -> Iterator[tuple[State, Answer]]:
        """The value of a query that finds nothing yet: of the row that it shall find."""
        match term.node:
            case ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK):
                yield from queries.pick(self, term, state)
            case ast.FuncCall() if (body := self.inline(term)) is not None:
                yield from self.pick(body, state)
            case ast.TypeCast():
                yield from self._pick_inside(term.at(term.node.arg), state)
            case ast.ColumnRef() | ast.ParamRef():
                if isinstance(found := self.resolve(term), Term):
                    yield from self._pick_inside(found, state)
            case ast.FuncCall() | ast.A_Expr() | ast.CoalesceExpr() | ast.A_Indirection():
                value = values.short(self.purpose).lower()  # which most functions leave as it is
                for following in self.push(term, value, state):
                    yield following, Answer(value)

    def settle(self, free: Sequence[Slot], state: State) -> States:
        """Give every slot that is not decided a value of its own, and then one that exists."""
        if not free:
            yield state
            return
        slot, *rest = dict.fromkeys(free)
        for value in self._proposals(slot):
            for following in self.assign(slot, value, state):
                yield from self.settle([one for one in rest if not following.known(one)], following)

    def _proposals(self, slot: Slot) -> Iterator[Value]:
        if isinstance(slot, ColumnSlot):
            yield from self.fresh(slot)
        elif not isinstance(slot, ClaimSlot):
            type_ = getattr(slot, "type", "text")
            yield values.own(type_, f"{slot.name} {self.purpose}", labels=self.labels(type_))

    def fresh(self, slot: ColumnSlot) -> Iterator[Value]:
        """A new value for a column, and then the keys that exist where it refers to some."""
        column = self.schema.columns(slot.row.table)[slot.column]
        purpose = self.key_purpose(slot)
        own = values.own(column.base, purpose, labels=column.labels, length=column.length)
        own = self._checked(slot, own)
        keys = [key for key in self.schema.constraints(slot.row.table, "f") if key.columns == (slot.column,)]
        existing = [value for key in keys for value in self.existing(key.target or "", key.target_columns[0])]
        # A text that refers to something is a word of a list, such as a plan's name.
        if existing and column.base != "uuid":
            yield from existing
        if own is not None:
            yield own
        if existing and column.base == "uuid":
            yield from existing

    def _checked(self, slot: ColumnSlot, value: Value) -> Value:
        """The value, or one that the checks of this column alone let pass."""
        if slot not in self._fresh:
            self._fresh[slot] = value
            tests = [(term, Truth.NOT_FALSE) for term in self.checks(slot)]
            inner = Search(self.schema, self.asker, purpose=self.purpose, preferred={slot: value})
            inner._fresh = self._fresh  # so that it does not look for this one again
            found = inner.within(_STEPS_OF_A_CHECK, logic.each(inner, tests, State()))
            for state in islice(found, 1) if tests else ():
                self._fresh[slot] = state.value(slot) if state.known(slot) else value
        return self._fresh[slot]

    def checks(self, slot: ColumnSlot) -> Iterator[Term]:
        """The checks that read this column and no other, those of its domain among them."""
        table = slot.row.table
        for text in self.schema.domain_checks(self.schema.columns(table)[slot.column].type):
            yield Term(parse_expression(text), Scope(variables={"value": slot}))
        scope = Scope(rows={self.schema.plain_name(table): BoundRow(slot.row)}, path=self.schema.path)
        for check in self.schema.constraints(table, "c"):
            if check.columns == (slot.column,):
                yield Term(parse_expression(check_text(check.definition)), scope)

    def key_purpose(self, slot: ColumnSlot) -> str:
        """What a column's own value is derived from."""
        number = f" {slot.row.number}" if slot.row.number else ""
        return f"{slot.row.table}.{slot.column} {self.purpose}{number}".strip()

    def existing(self, table: str, column: str) -> list[Value]:
        """Some values of a column, in their order."""
        if table not in self.schema.relations:
            return []
        name = f"t.{quoted(column)}"
        attempt = self.asker.look(
            f"select {name}::text as value from {table} as t where {name} is not null order by {name} limit 3"
        )
        return [row["value"] for row in attempt.rows]


def _at(slot: Slot, path: tuple[str, ...]) -> Slot:
    return replace(slot, path=(*slot.path, *path))
