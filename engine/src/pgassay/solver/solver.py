"""The solver as others use it: over a session of the owner's, on a loaded database."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pgassay.database import Session
from pgassay.observation import Persona
from pgassay.solver.model import Atom, Condition, Goal, Made, Reached, RowNeed, Truth, Unreached, Value

Maker = Callable[[RowNeed], Made | Unreached]
"""Makes a row of one table in a way of its own, as accounts are made; runs in the solver's session."""


class Solver:
    """Makes rows in the transaction of `session`; what failed leaves no trace.

    `makers` by table make the rows of tables that take more than an INSERT. `effort` scales the budgets.
    """

    def __init__(
        self, session: Session, *, makers: Mapping[str, Maker] | None = None, effort: int = 1
    ) -> None:
        raise NotImplementedError

    def conditions(self, table: str = "") -> tuple[Condition, ...]:
        """The conditions of a table or view, or of all: policies first, in the order of the catalog."""
        raise NotImplementedError

    def atoms(self, condition: Condition) -> tuple[Atom, ...]:
        """The parts that AND, OR and NOT join, in the order of the text."""
        raise NotImplementedError

    def make(self, need: RowNeed) -> Made | Unreached:
        """Make one valid row, and the parents that it needs. Statements are run as the owner."""
        raise NotImplementedError

    def reach(
        self,
        goal: Goal,
        persona: Persona,
        *,
        given: Mapping[str, Value] | None = None,
        purpose: str = "",
        free_claims: bool = False,
    ) -> Reached | Unreached:
        """Make rows such that a goal holds for `persona` on a row with the `given` values.

        Stops at the first proposal that the server confirms; what is made stays. `free_claims`: claims
        besides `sub` and `role` may differ from the persona's, and then `claims` of the answer says how.
        """
        raise NotImplementedError

    def judge(
        self, condition: Condition, persona: Persona, row: Mapping[str, Value]
    ) -> tuple[Truth | None, ...]:
        """What each atom of a condition is for `persona` on a row; None where the server refused to say."""
        raise NotImplementedError
