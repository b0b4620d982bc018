"""What personas may do that writes: calls of functions, and statements that fire triggers or ask policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.asking import asks_who_calls
from pgassay.audit.calls import Call, samples_of, setups, untaken
from pgassay.audit.scene import Scene
from pgassay.audit.writes import make_room, own_inserts, own_updates, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, ObjectKey, Trigger
from pgassay.catalog.read import Access
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, MOMENTS, NUMBERS, become
from pgassay.observation import Persona

_SETUPS = 16
_ACTS = 2  # of one function and persona
_LISTS = 8  # of arguments, after a setup
_LOOKS = 6  # calls of which is looked what they write
_WRITES = 8  # statements that are tried for one table and persona
_LENIENT = ("locked", "nowait", "pg_try_advisory_xact_lock", "pg_try_advisory_lock")

Known = dict[tuple[str, str], tuple[str, ...]]
"""The setup under which a function was seen to write, by role ("": of any) and function."""
Looked = tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Act:
    """A statement of a persona's that writes, by itself; `setup` is what the owner does before.

    `object` is the function that it calls or the table that it writes, `uses` are the tables that it comes to
    read or write, `written` those in which it leaves rows.
    """

    object: str
    verb: str
    persona: Persona
    statement: str
    uses: frozenset[str]
    setup: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()
    yields: bool = False
    asks_who: bool = True

    @property
    def about(self) -> ObjectKey:
        return ObjectKey(kind="function" if self.verb == "execute" else "table", object=self.object, name="")

    @property
    def as_setup(self) -> tuple[str, ...]:
        """What does the same as a part of a setup."""
        return (*become(self.persona), self.statement, AS_OWNER)


def find_acts(scene: Scene) -> list[Act]:
    """At most two of each function and persona, and of each table that has triggers."""
    known: dict[tuple[str, str], tuple[str, ...]] = {}
    acts = [
        act for persona in actors(scene) for act in (*_calls(scene, persona, known), *_writes(scene, persona))
    ]
    return [*acts, *_common(scene, acts)]


def _common(scene: Scene, acts: Sequence[Act]) -> Iterator[Act]:
    """The same call by two users, where each of them calls for what the other one has had, and has had it."""
    for name in dict.fromkeys(act.object for act in acts if act.verb == "execute" and act.asks_who):
        by: dict[Persona, set[str]] = {user: set() for user in scene.users}
        for act in (act for act in acts if act.object == name and act.persona in by):
            by[act.persona].add(act.statement)
        if not all(by.values()) or set.intersection(*by.values()):
            continue
        function, texts = scene.functions[name], set().union(*by.values())
        some = [act for act in acts if act.object == name and act.statement in texts][:_LOOKS]
        for room in filter(None, (_room(scene, [sample]) for sample in samples_of(scene, function))):
            found = [_alive(scene, [replace(a, persona=user) for a in some], room) for user in scene.users]
            if all(found) and (both := set.intersection(*({a.statement for a in one} for one in found))):
                yield from (act for one in found for act in one if act.statement == min(both))
                break


def actors(scene: Scene) -> list[Persona]:
    """Users, then whom policies do not bind, such as workers; without an account last."""
    trusted = [persona for persona in scene.bench.personas.values() if persona not in scene.people]
    return [*scene.users, *trusted, *(persona for persona in scene.people if persona.id is None)]


def _calls(scene: Scene, persona: Persona, known: Known) -> Iterator[Act]:
    access = Access(scene.catalog)
    if persona.role not in access.roles:
        return
    for function in scene.functions.values():
        is_served = function.schema in scene.catalog.exposed and access.uses(persona.role, function.schema)
        writes = function.kind == "f" and function.volatility == "v"
        is_called = function.result not in ("trigger", "event_trigger")
        if not (is_served and writes and is_called and scene.is_ours(function)):
            continue
        if access.holds(persona.role, "execute", function.oid) and function.function not in scene.unending:
            yield from _calls_of(scene, persona, function, known)


def _calls_of(scene: Scene, persona: Persona, function: Function, known: Known) -> list[Act]:
    """With the first setup under which it writes: of a role's second persona, that of the first."""
    lists = argument_lists(scene, function)
    reach = scene.inventory.reach(function.function)
    asks = not function.definer or asks_who_calls(scene, function)
    words = find_literals([f.text for name in reach if (f := scene.functions.get(name))]).words
    acts = [
        Act(
            object=function.function,
            verb="execute",
            persona=persona,
            statement=Call(function=function, arguments=some, persona=persona).statement,
            uses=tables_of(scene, reach),
            yields=not words.isdisjoint(_LENIENT),
            asks_who=asks,
        )
        for some in lists
    ]
    key = (persona.role, function.function)
    first = known.get(key, known.get(("", function.function)))
    tried = islice(_setups(scene, function), _SETUPS) if first is None else dict.fromkeys([(), first])
    for number, setup in enumerate(tried):
        if alive := _alive(scene, acts[: _LISTS if number else None], setup):
            known[key] = known["", function.function] = setup
            return alive
    known.setdefault(key, ())
    return []


def _setups(scene: Scene, function: Function) -> Iterator[tuple[str, ...]]:
    yield from setups(scene, function)
    yield from untaken(scene, function)
    rooms = list(filter(None, (_room(scene, [sample]) for sample in samples_of(scene, function))))
    yield from rooms
    names = tables_of(scene, scene.inventory.reach(function.function))
    # A limit that stands in a column: one is left of what nobody has yet.
    yield from (room + one for room in rooms for one in number_setups(scene, names, ("1",)))
    yield from number_setups(scene, names, ("100", "1"))
    for sample in samples_of(scene, function):
        for column in sample.table.columns.values():
            if column.base in MOMENTS and not column.generated:
                for moment in ("now() - interval '1 day'", "now() + interval '1 day'"):
                    yield (f"update {sample.table.name} set {column.quoted} = {moment}",)


def _room(scene: Scene, samples: Sequence[Sample]) -> tuple[str, ...]:
    """What leaves no user a row of its own."""
    return tuple(make_room(sample, user) for sample in samples if sample.ownership for user in scene.users)


def number_setups(scene: Scene, tables: Iterable[str], values: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The numbers of these tables, one column at a time, that something asks for, and that name no rows."""
    for name in sorted(tables):
        table = scene.surface.by_name[name]
        fixed = {n for index in table.unique for n in index.columns}
        fixed |= {n for key in table.foreign_keys for n in key.columns}
        for column in table.columns.values():
            is_asked = column.base in NUMBERS and column.name in scene.said
            if is_asked and column.name not in fixed and not column.generated:
                yield from ((f"update {name} set {column.quoted} = {value}",) for value in values)


def _writes(scene: Scene, persona: Persona) -> Iterator[Act]:
    """INSERTs and UPDATEs of what is the persona's own."""
    acting = {t.relation_oid for t in scene.catalog.of(Trigger) if t.enabled in "OA"}
    for sample in scene.samples:
        table = sample.table
        if persona not in scene.people or not (table.oid in acting or _asks_others(scene, table)):
            continue
        tried = [
            *islice(own_inserts(sample, persona), _WRITES),
            *islice(own_updates(scene, sample, persona), _WRITES),
        ]
        acts = [
            Act(
                object=table.name,
                verb=write.verb,
                persona=persona,
                statement=write.statement,
                uses=tables_of(scene, reach_of(scene, table)),
            )
            for write in tried
        ]
        once = any(owner_columns(sample) & set(index.columns) for index in table.unique)
        for verb in ("insert", "update"):
            some = [act for act in acts if act.verb == verb]
            # Where a user has one row for each thing, two enter theirs for the same when they have none.
            setups = ((), _room(scene, [sample]))
            first, second = setups[::-1] if once and verb == "insert" else setups
            yield from _alive(scene, some, first) or _alive(scene, some, second)


def reach_of(scene: Scene, table: Table) -> frozenset[str]:
    """All that a write of a table comes to use: by its policies, its triggers and what these name."""
    functions = [t.function for t in scene.catalog.of(Trigger) if t.relation_oid == table.oid]
    bodies = find_literals([f.text for name in functions if (f := scene.functions.get(name))]).words
    named = {t.name for t in scene.surface.tables.values() if t.relation in bodies}
    called = {f.function for f in scene.functions.values() if f.name in bodies and scene.is_ours(f)}
    reach = scene.inventory.reach(table.name) | named | set(functions)
    return reach.union(*map(scene.inventory.reach, called))


def _asks_others(scene: Scene, table: Table) -> bool:
    """Whether a policy counts or looks for other rows."""
    return any(
        (name in scene.functions and scene.is_ours(scene.functions[name])) or name in scene.surface.by_name
        for name in scene.inventory.reach(table.name) - {table.name}
    )


def tables_of(scene: Scene, reach: Iterable[str]) -> frozenset[str]:
    return frozenset(
        name for name in reach if name in scene.surface.by_name and scene.surface.by_name[name].stored
    )


def _alive(scene: Scene, acts: Sequence[Act], setup: tuple[str, ...]) -> list[Act]:
    """Those that write; one for each thing that comes of them, first those that write most tables."""
    answers = scene.ask(None, [[AS_OWNER, *setup, *act.as_setup] for act in acts])
    passed = [act for act, answer in zip(acts, answers, strict=True) if not answer.sqlstate][:_LOOKS]
    chosen: dict[str, Act] = {}
    for act, looks in zip(passed, play(scene, [(setup, (act,)) for act in passed]), strict=True):
        if len(looks) > 1 and (rows := sorted(str(row) for row in set(looks[1]) - set(looks[0]))):
            written = frozenset(str(row[0]) for row in set(looks[1]) - set(looks[0]))
            chosen.setdefault(str(rows), replace(act, setup=setup, written=written))
    return sorted(chosen.values(), key=lambda act: -len(act.written))[:_ACTS]


def play(scene: Scene, scenes: Sequence[tuple[Sequence[str], Sequence[Act]]]) -> list[list[Looked]]:
    """What the transaction has written by the end of a setup, and after each act, as far as they go."""
    look = scene.planned(_look(scene))
    segments = [
        [AS_OWNER, *setup, look, *(text for act in acts for text in (*act.as_setup, look))]
        for setup, acts in scenes
    ]
    found: list[list[Looked]] = []
    for (setup, acts), answer in zip(scenes, scene.ask(None, segments), strict=True):
        size = len(acts[0].as_setup) + 1
        places = [1 + len(setup) + size * number for number in range(1 + len(acts))]
        found.append([answer.rows[place] for place in places if place < len(answer.rows)])
    return found


def _look(scene: Scene) -> str:
    """All rows of this transaction in the project's own tables."""
    tables = [
        t
        for t in scene.surface.tables.values()
        if t.stored and (t.reachable or t.owner == scene.catalog.user)
    ]
    looks = (
        f"select '{t.name}', to_jsonb(t.*)::text from {t.name} as t where pg_catalog.age(t.xmin) <= 0"
        for t in tables
    )
    return " union all ".join(looks) or "select null, null where false"
