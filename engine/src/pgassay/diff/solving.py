"""Conditions of HEAD solved against BASE's: rows, claims and settings for which only HEAD's is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.model import Function
from pgassay.catalog.read import read_catalog
from pgassay.diff.asked import Asked, Scene
from pgassay.diff.asked_functions import find_functions
from pgassay.diff.asked_tables import find_tables
from pgassay.diff.asked_views import find_views
from pgassay.diff.conditions import TwoSchemas, find_changed_functions
from pgassay.diff.experiments import Experiment
from pgassay.diff.flattening import inline
from pgassay.diff.former import fit_insert, make_former
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.volatile import Opening, open_all
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona
from pgassay.solver.model import Goal, Reached, Reason, Unreached
from pgassay.solver.solver import Solver

_AT_HAND = 8  # rows of a table that are judged before one is made


class Solving:
    """Solves what HEAD asks otherwise, in the session of its owner, and undoes each time what it made."""

    def __init__(self, base: LoadedSide, head: LoadedSide, changes: Sequence[SchemaChange]) -> None:
        self._session = head.session
        self._changes = changes
        self._former = _find_former(base, head, changes)
        self._rows: Mapping[str, Sequence[Row]] = {}
        with self._session.undone():
            former = make_former(self._session, self._former)
            self._solver = Solver(self._session)
        self._surface = head.read_surface()
        self._schemas = TwoSchemas(
            base=base.read_surface().by_name,
            head=self._surface.by_name,
            before=base.inventory,
            after=head.inventory,
            former=former,
        )

    @property
    def spent(self) -> int:
        """The statements so far."""
        return self._solver.spent

    def ask(self, samples: Sequence[Sample], personas: Sequence[Persona]) -> tuple[Asked, ...]:
        """The conditions that differ: of tables, of views, of functions."""
        self._rows = {sample.object: sample.rows for sample in samples}
        scene = Scene(
            schemas=self._schemas,
            changes=self._changes,
            samples=samples,
            schema=self._solver.schema,
            former=self._former,
            rights=self._surface.rights,
        )
        return (*find_tables(scene, personas), *find_views(scene), *find_functions(scene))

    def solve(self, asked: Asked, persona: Persona) -> Experiment | Unreached:
        """What to try once there is what only HEAD's condition lets through, or why there is nothing."""
        answer, openings = self._solve(asked, persona)
        if isinstance(answer, Unreached):
            return answer
        experiment = asked.experiment(persona, answer)
        columns = {name: table.columns.keys() for name, table in self._schemas.base.items()}
        former = tuple(fit_insert(text, columns) for text in experiment.setup)
        return replace(experiment, former=former, openings=openings)

    def _solve(self, asked: Asked, persona: Persona) -> tuple[Reached | Unreached, tuple[Opening, ...]]:
        """As it stands; where that is not reached, clock and chance may stand behind a function."""
        bodies = self._schemas.bodies
        answer, openings = self._open(asked, asked.condition.text, asked.former, persona)
        if isinstance(answer, Unreached) and not openings:
            texts = [inline(text or "true", bodies) for text in (asked.condition.text, asked.former)]
            if any(open_all(texts[0], reason, texts[1])[1] for reason in (Reason.CHANCE, Reason.CLOCK)):
                return self._open(asked, texts[0], texts[1], persona)
        return answer, openings

    def _open(
        self, asked: Asked, text: str, former: str, persona: Persona
    ) -> tuple[Reached | Unreached, tuple[Opening, ...]]:
        """Chance is left out of it at once, the clock where nothing else helps."""
        text, openings = open_all(text, Reason.CHANCE, former)
        answer = self._reach(asked, text, persona)
        if isinstance(answer, Unreached):
            opened, dates = open_all(text, Reason.CLOCK, former)
            if dates:
                answer = self._reach(asked, opened, persona)
                openings = (*openings, *dates)
        return answer, tuple(self._date(opening) for opening in openings)

    def _reach(self, asked: Asked, text: str, persona: Persona) -> Reached | Unreached:
        goal = Goal(condition=replace(asked.condition, text=text), unwritten=asked.unwritten)
        with self._session.undone():
            make_former(self._session, self._former)
            with self._session.as_owner(), self._solver.undone():
                there = None if asked.unwritten else self._at_hand(goal, persona)
                return there or self._solver.reach(goal, persona, free_claims=True)

    def _at_hand(self, goal: Goal, persona: Persona) -> Reached | None:
        """A row that is there already, for which the goal holds, with other claims and settings at most."""
        rows = self._rows.get(goal.condition.table, ())[:_AT_HAND]
        return next(filter(None, (self._solver.reach_at(goal, persona, row.values) for row in rows)), None)

    def _date(self, opening: Opening) -> Opening:
        """With the moment as the server reads it."""
        if not opening.moment:
            return opening
        attempt = self._session.attempt(f"select ({opening.moment})::timestamptz::date::text as day")
        return replace(opening, moment=attempt.rows[0]["day"] if attempt.rows else "")


def _find_former(base: LoadedSide, head: LoadedSide, changes: Sequence[SchemaChange]) -> tuple[Function, ...]:
    """The functions that BASE has otherwise, those that others call first."""
    names = find_changed_functions(changes, base.inventory, head.inventory)
    with base.session.as_owner():
        functions = read_catalog(base.session.connection, Function).of(Function)
    found = [one for one in functions if one.function in names and one.result != "trigger"]
    return tuple(sorted(found, key=lambda one: (len(base.inventory.reach(one.function)), one.function)))
