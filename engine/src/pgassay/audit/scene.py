"""A loaded schema with rows, and all that rules ask about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import chain
from typing import Any

from pglast import parser

from pgassay.audit.planning import find_misdeclared
from pgassay.audit.slow import TIMEOUT, find_slow
from pgassay.audit.watch import watched
from pgassay.audit.work import OutOfPatienceError, Work
from pgassay.catalog.inventory import Inventory, follow, take_inventory
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import Constraint, Function, Policy, Relation, Role, Trigger
from pgassay.catalog.names import quoted, spell
from pgassay.catalog.read import ACCESS, Catalog, read_catalog
from pgassay.catalog.tables import Surface, Table, read_surface
from pgassay.database import Script, Session, open_session, read_script
from pgassay.database.pipeline import Answer, fly, probing
from pgassay.matrix.baseline import spell_field
from pgassay.matrix.model import Action, Cell, Matrix, RowClass
from pgassay.matrix.rows import Sample, read_samples
from pgassay.matrix.statements import literal
from pgassay.matrix.survey import survey
from pgassay.observation import Persona
from pgassay.plpgsql.definitions import Definitions, find_definitions
from pgassay.solver.model import Value
from pgassay.solver.solver import Solver
from pgassay.workbench import Workbench
from pgassay.world.model import World

PLATFORM = (
    *("auth", "storage", "realtime", "vault", "extensions", "graphql_public"),
    *("supabase_migrations", "supabase_functions", "pgassay"),
)
"""Schemas of the platform."""
STATEMENTS = 40_000
"""How many statements each rule may send; more with more effort."""
_NOTHING = "-"  # no object is called so
_OF_A_TIMEOUT = 2000
LONGEST = 2000  # milliseconds of one statement: functions may sleep
_OF_OWNER = 5000  # of the owner's, who looks at whole tables
PATIENCE = 60.0
"""For how many seconds slow statements may hold all rules up."""


@dataclass(frozen=True, kw_only=True)
class Solved:
    """Arguments by their number from 0, for rows as the owner's `setup` leaves them; what that changes."""

    arguments: Mapping[int, Value]
    setup: tuple[str, ...] = ()
    changed: frozenset[tuple[str, str]] = frozenset()  # tables and columns


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One loaded schema. `people` are strangers to whatever is not theirs.

    `unending` collects the functions of which a call did not end in time: rules look at them no further.
    `heavy` are objects of which a DELETE without WHERE is slow: rules do not repeat it.
    `untried` collects what rules did not try, in sentences; `solved` the arguments that the solver found;
    `listed` all arguments that are tried; `refused` what each persona was not shown with others.
    """

    bench: Workbench
    world: World
    session: Session
    catalog: Catalog
    surface: Surface
    samples: tuple[Sample, ...]
    matrix: Matrix
    people: tuple[Persona, ...]
    unending: set[str] = field(default_factory=set)
    heavy: frozenset[str] = frozenset()
    untried: list[str] = field(default_factory=list)
    solved: dict[str, list[Solved]] = field(default_factory=dict, repr=False)
    refused: dict[str, set[str]] = field(default_factory=dict, repr=False)
    listed: dict[str, list[tuple[str | None, ...]]] = field(default_factory=dict, repr=False)
    work: Work = field(default_factory=lambda: Work(left=STATEMENTS))
    _planned: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _plans: dict[Session, dict[tuple[str, str], str]] = field(default_factory=dict, repr=False)

    def beside(self, session: Session, untried: list[str]) -> Scene:
        """The same for a session of one's own, which tells others only of what does not end."""
        planned = self._plans.setdefault(session, {})
        other = replace(self, session=session, untried=untried, work=Work(left=STATEMENTS), _planned=planned)
        known = {f.name for f in fields(self)} | {"solver"}
        vars(other).update({name: value for name, value in vars(self).items() if name not in known})
        return other

    @cached_property
    def inventory(self) -> Inventory:
        return take_inventory(self.catalog)

    @cached_property
    def solver(self) -> Solver:
        with self.session.as_owner():
            return Solver(self.session)

    @cached_property
    def scripts(self) -> list[Script]:
        config = self.bench.config
        return [read_script(path) for path in (*config.schema, *config.companions)]

    @cached_property
    def definitions(self) -> Definitions:
        """Where the files define what."""
        return find_definitions(self.scripts)

    @cached_property
    def statements(self) -> tuple[Any, ...]:
        """Those of the files, as pglast's trees; none of a file that it cannot parse."""
        return tuple(chain.from_iterable(_parse(script.text) for script in self.scripts))

    @cached_property
    def cells(self) -> Mapping[tuple[str, Action], Sequence[Cell]]:
        found: dict[tuple[str, Action], list[Cell]] = {}
        for cell in self.matrix.cells:
            found.setdefault((cell.key.object, cell.key.action), []).append(cell)
        return found

    def cell(self, persona: str, object_: str, action: Action, variant: str, rows: RowClass) -> Cell | None:
        some = self.cells.get((object_, action), ())
        return next(
            (c for c in some if (c.key.persona, c.key.variant, c.key.rows) == (persona, variant, rows)), None
        )

    @property
    def users(self) -> tuple[Persona, ...]:
        return tuple(persona for persona in self.people if persona.id is not None)

    @cached_property
    def sample_of(self) -> Mapping[str, Sample]:
        return {sample.object: sample for sample in self.samples}

    @cached_property
    def policies(self) -> Mapping[int, list[Policy]]:
        return self.catalog.parts(Policy)

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        some = self.catalog.of(Function)
        named = Counter((function.schema, function.name) for function in some)
        return {f.function: replace(f, is_overloaded=named[f.schema, f.name] > 1) for f in some}

    @cached_property
    def literals(self) -> Literals:
        """What the conditions and bodies of the schema compare with."""
        return find_literals(
            [
                *(text for policy in self.catalog.of(Policy) for _, text in policy.clauses),
                *(f.text for f in self.catalog.of(Function) if self.is_ours(f)),
                *(t.definition for t in self.catalog.of(Trigger) if t.relation_oid in self._served),
                *(
                    c.definition
                    for c in self.catalog.of(Constraint)
                    if c.type == "c" and c.relation_oid in self._served
                ),
            ]
        )

    def is_the_projects(self, table: Table) -> bool:
        """Not a service's of the platform."""
        return table.schema not in PLATFORM

    def is_unending(self, function: Function) -> bool:
        return function.function in self.unending

    def is_ours(self, function: Function) -> bool:
        return spell(function.schema, function.name) in self._made

    @cached_property
    def _served(self) -> frozenset[int]:
        return frozenset(t.oid for t in self.surface.reachable if t.schema != "storage")

    @cached_property
    def _made(self) -> frozenset[str]:
        """The functions that the files of the project make."""
        return frozenset(key.object for key in self.definitions.known if key.kind == "function")

    def ask(self, persona: Persona | None, segments: Sequence[Sequence[str]]) -> list[Answer]:
        """What becomes of each segment of statements, each undone again."""
        if not segments:
            return []
        self.work.spend(sum(map(len, segments)))
        with probing(self.session, persona):
            answers = fly(self.session, segments)
        self.work.spend(_OF_A_TIMEOUT * sum(answer.sqlstate == TIMEOUT for answer in answers))
        _be_patient(self.session)
        return answers

    def planned(self, query: str, role: str = "") -> str:
        """A statement of the owner, or of a role, that does the same as a query, planned once.

        Of a role's own only where it is about nothing `unplanned`.
        """
        if (role, query) not in self._planned:
            name = f"pgassay_{len(self._planned)}"
            with self.session.undone(), self.session.as_owner():  # or it would hold its locks
                failed = self.session.attempt(f"prepare {name} as {query}").sqlstate
            self._planned[role, query] = query if failed else f"execute {name}"
        return self._planned[role, query]

    @cached_property
    def unplanned(self) -> frozenset[str]:
        """The tables and views of which no statement of a role may be planned once."""
        wrong, needs = find_misdeclared(self.catalog), self.inventory.needs
        return frozenset(t.name for t in self.surface.reachable if wrong and wrong & follow(needs, t.name))

    def dependents(self, name: str) -> frozenset[str]:
        """The tables and views whose policies or definitions come to read `name`."""
        return self._dependents.get(name, frozenset())

    @cached_property
    def _dependents(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for table in self.surface.reachable:
            for name in self.inventory.reach(table.name):
                found.setdefault(name, set()).add(table.name)
        return {name: frozenset(names) for name, names in found.items()}

    @cached_property
    def said(self) -> frozenset[str]:
        """All words and strings of policies, of the project's functions and of views."""
        literals = find_literals(
            [
                *(text for policy in self.catalog.of(Policy) for _, text in policy.clauses),
                *(f.text for f in self.catalog.of(Function) if self.is_ours(f)),
                *(r.definition for r in self.catalog.of(Relation) if r.definition),
            ]
        )
        return literals.words.union(literals.strings)


@contextmanager
def open_loaded(bench: Workbench, world: World) -> Iterator[Session]:
    """A session of the owner's on a fresh load of schema and world; materialized views are filled."""
    with bench.database(rows=world.statements) as database, open_session(database) as session:
        session.connection.execute("set constraints all immediate")
        session.longest = LONGEST
        session.run_plainly(f"begin; set local statement_timeout = {_OF_OWNER}")
        with session.as_owner():
            for relation in read_catalog(session.connection, Relation).of(Relation):
                if relation.kind == "m":
                    session.attempt(f"refresh materialized view {relation.name}")
        with watched(database, session, LONGEST):
            yield session


def survey_all(bench: Workbench, world: World) -> Scene:
    """Load schema and world, and let everybody try everything. Raises SchemaError where it does not load.

    The scene's session is closed: who asks more has one of his own, `beside` it.
    """
    with open_loaded(bench, world) as session:
        with session.as_owner():
            catalog = read_catalog(session.connection, *ACCESS)
        strangers = _strangers(bench.personas.values(), catalog)
        refused = {one.name: answer for one in strangers if (answer := session.refusal(one))}
        people = tuple(persona for persona in strangers if persona.name not in refused)
        surface = read_surface(session, roles=[persona.role for persona in people])
        ids = [persona.id for persona in bench.personas.values() if persona.id is not None]
        rows = {name: text for name, text in bench.config.rows.items() if name in surface.by_name}
        samples = read_samples(session, surface, ids=ids, overrides=rows)
        slow, heavy = find_slow(session, samples, people)
        asked = [sample for sample in samples if sample.object not in slow]
        only = [spell_field(sample.table.name) for sample in asked] or [_NOTHING]
        matrix = survey(session, people, rows=rows, only=only if slow else (), known=(surface, samples))
        return Scene(
            bench=bench,
            world=world,
            session=session,
            catalog=catalog,
            surface=surface,
            samples=tuple(asked),
            matrix=matrix,
            people=people,
            heavy=heavy,
            untried=[
                *(f"{name}: each request is refused: {one.message}" for name, one in refused.items()),
                *(f"{name}: a statement took over {LONGEST / 1000:g} s" for name in sorted(slow)),
            ],
        )


def _strangers(personas: Iterable[Persona], catalog: Catalog) -> tuple[Persona, ...]:
    """Whom policies bind."""
    trusted = {role.name for role in catalog.of(Role) if role.superuser or role.bypassrls}
    return tuple(persona for persona in personas if persona.role not in trusted)


def _parse(text: str) -> Iterator[Any]:
    try:
        yield from (raw.stmt for raw in parser.parse_sql(text))
    except parser.ParseError:  # the server's to judge
        return


def _be_patient(session: Session) -> None:
    if session.waited > PATIENCE:
        raise OutOfPatienceError


def run(session: Session, persona: Persona | None, statement: str) -> bool:
    """Whether a statement goes through; its effects stay."""
    _be_patient(session)
    return not session.try_as(persona, statement).sqlstate


def own_condition(sample: Sample, persona: Persona) -> str:
    """SQL that holds of the rows `t` of a persona; false where no path leads to users."""
    ownership = sample.ownership
    if ownership is None or persona.id is None:
        return "false"
    columns = [sample.table.columns[name] for name in sorted(ownership.direct)]
    if len(columns) == len(ownership.expressions) == 1 and columns[0].base in ("uuid", "text"):
        return f"t.{columns[0].quoted} = {literal(persona.id)}"
    return f"({ownership.users}) && array[{literal(persona.id)}]::text[]"


def key_expression(key: Sequence[str], alias: str = "") -> str:
    prefix = f"{alias}." if alias else ""
    return ", ".join(f"{prefix}{quoted(name)}::text" for name in key) or "1"
