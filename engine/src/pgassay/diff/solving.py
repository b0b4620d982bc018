"""Conditions of HEAD solved against BASE's: rows, claims and settings for which only HEAD's is true."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.model import Function
from pgassay.catalog.read import read_catalog
from pgassay.diff.asked import Asked, Scene
from pgassay.diff.asked_functions import find_functions
from pgassay.diff.asked_tables import find_tables
from pgassay.diff.asked_triggers import find_triggers
from pgassay.diff.asked_views import find_views
from pgassay.diff.conditions import TwoSchemas, find_changed_functions
from pgassay.diff.experiments import Experiment
from pgassay.diff.flattening import inline
from pgassay.diff.former import fit_insert, make_former
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.volatile import Opening, open_all
from pgassay.diff.weights import Scales
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona
from pgassay.solver.model import Goal, Made, Reached, Reason, RowNeed, Unreached, Value
from pgassay.solver.solver import Solver

_WORDS = 4  # of lists, for each of which rows are made
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
        self._surface = head.surface
        self._schemas = TwoSchemas(
            base=base.surface.by_name,
            head=self._surface.by_name,
            before=base.inventory,
            after=head.inventory,
            former=former,
        )

    @property
    def spent(self) -> int:
        """The statements so far."""
        return self._solver.spent

    def ask(
        self, samples: Sequence[Sample], personas: Sequence[Persona], scales: Scales
    ) -> tuple[Asked, ...]:
        """The conditions that differ: of tables, of views, of functions, of triggers."""
        self._rows = {sample.object: sample.rows for sample in samples}
        scene = Scene(
            schemas=self._schemas,
            changes=self._changes,
            samples=samples,
            schema=self._solver.schema,
            former=self._former,
            rights=self._surface.rights,
            scales=scales,
        )
        return (
            *find_tables(scene, personas),
            *find_views(scene),
            *find_functions(scene),
            *find_triggers(scene, personas),
        )

    def solve(self, asked: Asked, persona: Persona) -> Experiment | Unreached:
        """What to try once there is what only HEAD's condition lets through, or why there is nothing."""
        answer, openings = self._solve_within(asked, persona)
        if isinstance(answer, Unreached):
            return answer
        experiment = asked.experiment(persona, answer)
        columns = {name: table.columns.keys() for name, table in self._schemas.base.items()}
        former = tuple(fit_insert(text, columns) for text in experiment.setup)
        return replace(experiment, former=former, openings=openings)

    def make(
        self,
        table: str,
        values: Mapping[str, str],
        there: Sequence[Mapping[str, Value]],
        known: Collection[str],
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Two rows with these values and each word of a list, if it is `known`, that none `there` has.

        In words, and the owner's statements.
        """
        schema = self._solver.schema
        listed = {c.name: c.labels or schema.words(table, c.name) for c in schema.columns(table).values()}
        lacking = [
            {name: word}
            for name, words in listed.items()
            for word in words
            if word in known and not any(row.get(name) == word for row in there)
        ]
        for more in lacking[:_WORDS] if lacking or there else [{}]:
            wanted = {**values, **more}
            if statements := tuple(self._make(table, wanted)):
                said = " and ".join(f"{name} = {literal(value)}" for name, value in wanted.items())
                yield f"rows of {table} with {said}", statements

    def _make(self, table: str, values: Mapping[str, str]) -> Iterator[str]:
        with self._session.undone(), self._session.as_owner(), self._solver.undone():
            for number in ("1", "2"):  # what is taken twice shows with two
                purpose = " ".join((*values.values(), number))
                row = self._solver.make(RowNeed(table=table, values=values, purpose=purpose))
                yield from row.statements if isinstance(row, Made) else ()

    def _solve_within(
        self, asked: Asked, persona: Persona
    ) -> tuple[Reached | Unreached, tuple[Opening, ...]]:
        """With what should hold, too; where that cannot be had, without."""
        if asked.within:
            text = f"({asked.condition.text}) and {asked.within}"
            narrow = replace(asked, condition=replace(asked.condition, text=text))
            answer, openings = self._solve(narrow, persona)
            if isinstance(answer, Reached):
                return answer, openings
        return self._solve(asked, persona)

    def _solve(self, asked: Asked, persona: Persona) -> tuple[Reached | Unreached, tuple[Opening, ...]]:
        """As it stands; what opens it may stand behind a function. Nobody looks for what was hashed."""
        whole = (asked.condition.text, asked.former)
        text, former = (inline(one or "true", self._schemas.bodies) for one in whole)
        if open_all(text, Reason.HASH, former)[1]:
            return self._open(asked, text, former, persona)
        answer, openings = self._open(asked, *whole, persona)
        inside = (open_all(text, reason, former)[1] for reason in (Reason.CHANCE, Reason.CLOCK))
        if isinstance(answer, Unreached) and not openings and any(inside):
            return self._open(asked, text, former, persona)
        return answer, openings

    def _open(
        self, asked: Asked, text: str, former: str, persona: Persona
    ) -> tuple[Reached | Unreached, tuple[Opening, ...]]:
        """Chance and hashes are left out of it at once, the clock where nothing else helps."""
        text, by_chance = open_all(text, Reason.CHANCE, former)
        text, openings = open_all(text, Reason.HASH, former)
        openings = (*by_chance, *openings)
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
