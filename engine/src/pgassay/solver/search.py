"""The search: what to set such that an expression is true, false or null, or has a value.

It goes backwards through the expression. Each step proposes, cheapest first, and what it proposes is a state:
the values that are decided. Nothing here knows whether one is right; whoever applies it asks the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from pglast import ast
from pglast.enums import A_Expr_Kind, SubLinkType

from pgassay.observation import Persona
from pgassay.solver import (
    arrays,
    conditional,
    documents,
    fresh,
    inverses,
    logic,
    operators,
    predicates,
    queries,
    values,
)
from pgassay.solver.asking import Answer, Asker
from pgassay.solver.model import ClaimSlot, ColumnSlot, Reason, Slot, Truth, Value
from pgassay.solver.obstacles import Obstacles
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Term, names_of
from pgassay.solver.state import Path, State, States
from pgassay.solver.steps import STEPS, Steps
from pgassay.solver.syntax import is_condition
from pgassay.solver.terms import Terms

_GUESSES = 4
_TRUTHS = ((Truth.TRUE, "true"), (Truth.FALSE, "false"), (Truth.NULL, None))
_SPELLED = {"true": Truth.TRUE, "t": Truth.TRUE, "false": Truth.FALSE, "f": Truth.FALSE, None: Truth.NULL}
_COUNTED = {"1": Truth.TRUE, "0": Truth.FALSE}  # true::int
_RULES: Mapping[type, inverses.Rule] = {
    ast.A_Expr: operators.push,
    ast.A_Indirection: arrays.push_element,
    ast.CaseExpr: conditional.push_case,
    ast.CoalesceExpr: conditional.push_coalesce,
    ast.CollateClause: lambda search, term, value, state, path: search.push(
        term.at(term.node.arg), value, state, path
    ),
    ast.MinMaxExpr: conditional.push_extreme,
}
"""For values, by the class of a node."""


class Search:
    """One search, for a persona or for none, as when a row has to satisfy its table's checks.

    `purpose`: what fresh values are derived from; `preferred`: values to try first;
    `may_change`: rows that are there may get other values. `obstacles`: what was met that nobody can set.
    `fresh`: the value of its own that each column has got.
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
        self.obstacles = Obstacles()
        self.steps = Steps(asker, round(STEPS * effort))
        self.terms = Terms(schema, asker, persona, steps=self.steps, obstacles=self.obstacles)
        self.fresh: dict[ColumnSlot, Value] = {}

    def for_nobody(self, preferred: Mapping[Slot, Value]) -> Search:
        """Another search for the same purpose, about what holds for everybody. They share what is fresh."""
        other = Search(self.schema, self.asker, purpose=self.purpose, preferred=preferred)
        other.fresh = self.fresh
        return other

    # Truth

    def make(self, term: Term, wanted: Truth, state: State) -> States:
        """States in which the term is one of what is wanted."""
        self.steps.take()
        if wanted == Truth.ANY:
            yield state
            return
        if not isinstance(term.node, ast.BoolExpr):
            reading = self.terms.read(term, state)
            if reading.is_ground:
                answer = self.terms.answer(reading, term, state)
                if answer.error:
                    self.obstacles.meet(answer.error, Reason.REFUSED)
                if answer.truth & wanted:
                    yield state
                if reading.is_final or answer.is_hopeless:
                    return
            elif kept := self._keep(reading.free, state):
                likely = self.terms.evaluate(term, kept)
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
        free = self.terms.read(term, state).free
        for following in islice(self.settle(free, state), _GUESSES) if free else ():
            answer = self.terms.evaluate(term, following)
            if answer and answer.truth & wanted:
                yield following

    def _keep(self, free: Sequence[Slot], state: State) -> State | None:
        """With the preferred values of what is not decided; None where one has none."""
        following: State | None = state
        for slot in dict.fromkeys(free):
            if slot not in self.preferred or following is None:
                return None
            following = following.keep(slot, self.preferred[slot])
        return following

    def _make(self, term: Term, wanted: Truth, state: State) -> States:
        match term.node:
            case ast.BoolExpr():
                return logic.join(self, term, wanted, state)
            case ast.A_Expr() if term.node.kind != A_Expr_Kind.AEXPR_NULLIF:
                return predicates.compare_node(self, term, wanted, state)
            case ast.SubLink(subLinkType=SubLinkType.EXISTS_SUBLINK):
                return queries.exists(self, term, wanted, state)
            case ast.SubLink(subLinkType=SubLinkType.ANY_SUBLINK | SubLinkType.ALL_SUBLINK):
                return queries.member(self, term, wanted, state)
            case ast.NullTest():
                return predicates.null_test(self, term, wanted, state)
            case ast.BooleanTest():
                return predicates.boolean_test(self, term, wanted, state)
            case ast.CoalesceExpr():
                return conditional.make_coalesce(self, term, wanted, state)
            case ast.CaseExpr():
                return conditional.make_case(self, term, wanted, state)
            case ast.FuncCall():
                return self._make_call(term, wanted, state)
            case ast.ColumnRef() | ast.ParamRef():
                found = self.terms.resolve(term)
                return (
                    self.make(found, wanted, state)
                    if isinstance(found, Term)
                    else self._by_value(term, wanted, state)
                )
            case ast.TypeCast() if is_condition(term.node.arg):
                return self.make(term.at(term.node.arg), wanted, state)
        return self._by_value(term, wanted, state)

    def _make_call(self, term: Term, wanted: Truth, state: State) -> States:
        if (body := self.terms.inline(term)) is not None:
            return self.make(body, wanted, state)
        if (rule := inverses.CONDITIONS.get(names_of(term.node.funcname)[1])) is not None:
            return rule(self, term, wanted, state)
        return self._by_value(term, wanted, state)

    def _by_value(self, term: Term, wanted: Truth, state: State) -> States:
        for truth, value in _TRUTHS:
            if truth in wanted:
                yield from self.push(term, value, state)

    # Values

    def push(self, term: Term, value: Value, state: State, path: Path = ()) -> States:
        """States in which the term has a value; with a `path`, in which its document has it there as JSON."""
        self.steps.take()
        if not path:
            reading = self.terms.read(term, state)
            if reading.is_ground:
                if self.terms.has_value(reading, value, term, state):
                    yield state
                if reading.is_final:
                    return
        yield from self._push(term, value, state, path)

    def _push(self, term: Term, value: Value, state: State, path: Path) -> States:
        node = term.node
        match node:
            case ast.ColumnRef() | ast.ParamRef():
                found = self.terms.resolve(term)
                if isinstance(found, Term):
                    yield from self.push(found, value, state, path)
                elif found is not None:
                    yield from self.assign(found, value, state, path)
            case ast.TypeCast() if is_condition(node.arg) and value in _COUNTED:
                yield from self.make(term.at(node.arg), _COUNTED[value], state)
            case ast.TypeCast():
                yield from self.push(term.at(node.arg), value, state, path)
            case ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK):
                if (spread := self.terms.spread(term)) is not None:
                    yield from self.push(spread, value, state, path)
                else:
                    yield from queries.push(self, term, value, state, path)
            case ast.FuncCall():
                yield from self._push_call(term, value, state, path)
            case _ if (rule := _RULES.get(type(node))) is not None:
                yield from rule(self, term, value, state, path)
            case _ if is_condition(node) and not path and value in _SPELLED:
                yield from self.make(term, _SPELLED[value], state)

    def _push_call(self, term: Term, value: Value, state: State, path: Path) -> States:
        name = names_of(term.node.funcname)[1]
        if (inverse := inverses.FUNCTIONS.get(name)) is not None:
            yield from inverse(self, term, value, state, path)
        elif (body := self.terms.inline(term)) is not None:
            yield from self.push(body, value, state, path)
        else:
            self.obstacles.meet_name(name)

    def assign(self, slot: Slot, value: Value, state: State, path: Path = ()) -> States:
        """Decide a slot, or a place in the document that it holds."""
        if path:
            slot, value = documents.place(slot, path), documents.as_json(value, path)
        for fitting in fresh.fit(self, slot, value):
            following = state.assign(slot, fitting)
            if following is not None:
                yield following
            elif isinstance(slot, ClaimSlot):
                self.obstacles.meet(f"the claim {'.'.join(slot.path)}", Reason.CLAIMS)

    def pick(self, term: Term, state: State) -> Iterator[tuple[State, Answer]]:
        """Any values of a term: what it is now, else with fresh values for what is not decided."""
        self.steps.take()
        reading = self.terms.read(term, state)
        if reading.is_ground:
            answer = self.terms.answer(reading, term, state)
            if not answer.error:
                yield state, answer
            if answer.value is not None:
                return
        else:
            for following in self.settle(reading.free, state):
                found = self.terms.evaluate(term, following)
                if found and not found.error:
                    yield following, found
        yield from self._pick_inside(term, state)

    def pick_all(self, terms: Sequence[Term], state: State) -> Iterator[tuple[State, list[Value]]]:
        """Any values of several terms."""
        if not terms:
            yield state, []
            return
        for following, answer in self.pick(terms[0], state):
            for last, rest in self.pick_all(terms[1:], following):
                yield last, [answer.value, *rest]

    def _pick_inside(self, term: Term, state: State) -> Iterator[tuple[State, Answer]]:
        """The value of a query that finds nothing yet: of the row that it shall find."""
        match term.node:
            case ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK) if self.terms.spread(term) is None:
                yield from queries.pick(self, term, state)
            case ast.FuncCall() if (body := self.terms.inline(term)) is not None:
                yield from self.pick(body, state)
            case ast.TypeCast():
                yield from self._pick_inside(term.at(term.node.arg), state)
            case ast.ColumnRef() | ast.ParamRef():
                if isinstance(found := self.terms.resolve(term), Term):
                    yield from self._pick_inside(found, state)
            case ast.FuncCall() | ast.A_Expr() | ast.CoalesceExpr() | ast.A_Indirection():
                value = values.short(self.purpose).lower()  # which most functions leave as it is
                for following in self.push(term, value, state):
                    yield following, Answer(value)

    def contain(self, array: Term, value: Value, state: State) -> States:
        """States in which an array, or what a function returns row by row, has an element."""
        self.steps.take()
        match array.node:
            case ast.SubLink(subLinkType=SubLinkType.ARRAY_SUBLINK | SubLinkType.EXPR_SUBLINK):
                yield from queries.push(self, array, value, state, element=True)
            case _:
                yield from arrays.contain(self, array, value, state)

    def settle(self, free: Sequence[Slot], state: State) -> States:
        """Give every slot that is not decided a value of its own, and then one that exists."""
        if not free:
            yield state
            return
        slot, *rest = dict.fromkeys(free)
        for value in fresh.propose(self, slot):
            for following in self.assign(slot, value, state):
                yield from self.settle([one for one in rest if not following.known(one)], following)
