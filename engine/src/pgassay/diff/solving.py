"""Conditions of HEAD solved against BASE's: rows, claims and settings for which only HEAD's is true."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.model import Function
from pgassay.catalog.read import read_catalog
from pgassay.diff.asked import Asked, Scene, find_functions, find_tables, find_views
from pgassay.diff.conditions import TwoSchemas, find_changed_functions
from pgassay.diff.experiments import Experiment
from pgassay.diff.former import fit_insert, make_former
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.volatile import Opening, open_all
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona
from pgassay.solver.model import Condition, Goal, Reached, Reason, Unreached
from pgassay.solver.solver import Solver

_NONE_FITS = (Reason.CONTRADICTION, Reason.CLAIMS)  # who asks is fixed


class Solving:
    """Solves what HEAD asks otherwise, in the session of its owner, and undoes each time what it made.

    `conditions`: how many there were so far; `unsolved`: of which of them it is not known, and why.
    """

    def __init__(self, base: LoadedSide, head: LoadedSide, changes: Sequence[SchemaChange]) -> None:
        self._session = head.session
        self._changes = changes
        self._former = _find_former(base, head, changes)
        self.conditions = 0
        self.unsolved: list[str] = []
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

    def experiments(
        self, samples: Sequence[Sample], personas: Sequence[Persona], *, budget: int
    ) -> Iterator[Experiment]:
        """What to try for each condition that has a solution, until so many statements are spent.

        For one of each role, with an id where there is such a one.
        """
        scene = Scene(
            schemas=self._schemas,
            changes=self._changes,
            samples=samples,
            schema=self._solver.schema,
            former=self._former,
            rights=self._surface.rights,
        )
        people = _first_of_each_role(personas)
        for asked in (*find_tables(scene, people), *find_views(scene), *find_functions(scene)):
            for persona in people:
                if persona.role in asked.roles:
                    yield from self._solve_one(asked, persona, budget)

    def _solve_one(self, asked: Asked, persona: Persona, budget: int) -> Iterator[Experiment]:
        self.conditions += 1
        if self.spent >= budget:
            self.unsolved.append(f"{asked}: {Reason.BUDGET.value}")
            return
        answer, openings = self._solve(asked.condition, asked.former, persona)
        if isinstance(answer, Reached):
            experiment = asked.experiment(persona, answer)
            columns = {name: table.columns.keys() for name, table in self._schemas.base.items()}
            former = tuple(fit_insert(text, columns) for text in experiment.setup)
            yield replace(experiment, former=former, openings=openings)
        elif answer.reason not in _NONE_FITS:
            self.unsolved.append(f"{asked}: {_spell_reason(answer)}")

    def _solve(
        self, condition: Condition, former: str, persona: Persona
    ) -> tuple[Reached | Unreached, tuple[Opening, ...]]:
        """Chance is left out of it at once, the clock where nothing else helps."""
        text, openings = open_all(condition.text, Reason.CHANCE, former)
        answer = self._reach(replace(condition, text=text), persona)
        if isinstance(answer, Unreached):
            opened, dates = open_all(text, Reason.CLOCK, former)
            if dates:
                answer = self._reach(replace(condition, text=opened), persona)
                openings = (*openings, *dates)
        return answer, tuple(self._date(opening) for opening in openings)

    def _reach(self, condition: Condition, persona: Persona) -> Reached | Unreached:
        with self._session.undone():
            make_former(self._session, self._former)
            with self._session.as_owner():
                return self._solver.reach(Goal(condition=condition), persona, free_claims=True)

    def _date(self, opening: Opening) -> Opening:
        """With the moment as the server reads it."""
        if not opening.moment:
            return opening
        attempt = self._session.attempt(f"select ({opening.moment})::timestamptz::date::text as day")
        return replace(opening, moment=attempt.rows[0]["day"] if attempt.rows else "")


def _first_of_each_role(personas: Collection[Persona]) -> list[Persona]:
    found: dict[str, Persona] = {}
    for persona in sorted(personas, key=lambda one: one.id is None):
        found.setdefault(persona.role, persona)
    return list(found.values())


def _find_former(base: LoadedSide, head: LoadedSide, changes: Sequence[SchemaChange]) -> tuple[Function, ...]:
    """The functions that BASE has otherwise, those that others call first."""
    names = find_changed_functions(changes, base.inventory, head.inventory)
    with base.session.as_owner():
        functions = read_catalog(base.session.connection, Function).of(Function)
    found = [one for one in functions if one.function in names and one.result != "trigger"]
    return tuple(sorted(found, key=lambda one: (len(base.inventory.reach(one.function)), one.function)))


def _spell_reason(answer: Unreached) -> str:
    return f"{answer.reason.value}{f', {answer.what}' if answer.what else ''}"
