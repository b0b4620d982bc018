"""Expressions where they stand: what they depend on, and what the server says that they are now."""

from __future__ import annotations

from pglast import ast
from pglast.enums import SubLinkType

from pgassay.observation import Persona
from pgassay.solver import aggregates, constants, functions
from pgassay.solver.asking import Answer, Asker
from pgassay.solver.model import ColumnSlot, Reason, Slot, Truth, Value
from pgassay.solver.obstacles import Obstacles
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Local, Term, UnknownNameError, constant, resolve, write
from pgassay.solver.state import State
from pgassay.solver.steps import Steps
from pgassay.solver.substitution import Readings, Substitution

_LONG, _NODES = 2_000, 10  # nodes of an expression that take no step; that take one each above that
_DENIED = "42501"

_Place = tuple[int, int]


def _place(term: Term) -> _Place:
    """Which expression of which scope: ids stay taken as long as somebody keeps the term."""
    return id(term.node), id(term.scope)


class Terms:
    """Reads and evaluates terms for a persona, or for none. What it reads is the schema's to remember."""

    def __init__(
        self, schema: Schema, asker: Asker, persona: Persona | None, *, steps: Steps, obstacles: Obstacles
    ) -> None:
        self._schema = schema
        self._asker = asker
        self._persona = persona
        self._steps = steps
        self._obstacles = obstacles

    def read(self, term: Term, state: State) -> Substitution:
        """The term with what is decided as literals. A long one takes steps."""
        reading = self._read(term).at(state)
        self._steps.charge(max(0, reading.size - _LONG) // _NODES)
        return reading

    def _read(self, term: Term) -> Readings:
        return self._schema.memory.get(("read", *_place(term)), lambda: Readings(self._schema, term))

    def slots(self, term: Term) -> frozenset[Slot]:
        """All that it depends on and that can be set."""
        return self._read(term).slots

    def is_of_row(self, term: Term, state: State) -> bool:
        """Whether it depends on the row in question; what does not is the same for all rows."""
        rows = state.rows[:1]
        return any(isinstance(slot, ColumnSlot) and slot.row in rows for slot in self.slots(term))

    def inline(self, call: Term) -> Term | None:
        """What a call stands for, as `functions.inline` says; the same term each time."""
        return self._schema.memory.get(
            ("inline", *_place(call)), lambda: (call, functions.inline(self._schema, call))
        )[1]

    def spread(self, query: Term) -> Term | None:
        """What a scalar subquery stands for, as `aggregates.spread` says; the same term each time."""

        def read() -> tuple[Term, Term | None]:
            node = aggregates.spread(query.node.subselect)
            return query, None if node is None else query.at(node)

        return self._schema.memory.get(("spread", *_place(query)), read)[1]

    def resolve(self, term: Term) -> Term | Slot | None:
        """What a name stands for; None where nobody knows."""
        try:
            found = resolve(term.node, term.scope, self._schema.columns)
        except UnknownNameError as error:
            self._obstacles.meet(str(error), Reason.OPAQUE)
            return None
        return None if isinstance(found, Local) else found

    def unfold(self, term: Term) -> Term:
        """What a name, a call or a query of aggregates stands for, as far as it stands for an expression."""
        found: Term | Slot | None = None
        match term.node:
            case ast.ColumnRef() | ast.ParamRef():
                found = self.resolve(term)
            case ast.FuncCall():
                found = self.inline(term)
            case ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK):
                found = self.spread(term)
        return self.unfold(found) if isinstance(found, Term) else term

    def evaluate(self, term: Term, state: State) -> Answer | None:
        """Its value now; None while something in it is not decided."""
        reading = self.read(term, state)
        return self.answer(reading, term, state) if reading.is_ground else None

    def answer(self, reading: Substitution, term: Term, state: State) -> Answer:
        """The value of a term in which all is decided."""
        known = constants.read(reading.node)
        return known or self._ask(reading.text, term, state, lasting=not reading.can_change)

    def has_value(self, reading: Substitution, value: Value, term: Term, state: State) -> bool:
        """Whether a term in which all is decided has a value, however that is written."""
        answer = self.answer(reading, term, state)
        if answer.error or answer.value == value:
            return not answer.error
        if value is None or answer.value is None:
            return False
        same = f"({reading.text}) = {write(constant(value, answer.type))}"
        return self._ask(same, term, state, lasting=not reading.can_change).truth is Truth.TRUE

    def type_of(self, term: Term, state: State) -> str:
        """The name of its type, whatever its value is."""
        reading = self.read(term, state)
        return "text" if reading.unknown else self._ask(reading.text, term, state, lasting=True).type

    def _ask(self, text: str, term: Term, state: State, *, lasting: bool) -> Answer:
        answer = self._asker.evaluate(
            text,
            self._persona,
            claims=state.claims,
            settings=state.settings,
            role=term.scope.role,
            lasting=lasting,
        )
        if answer.error.startswith(_DENIED) or answer.is_hopeless:  # whatever the values are
            self._obstacles.meet(answer.error, Reason.REFUSED)
        return answer
