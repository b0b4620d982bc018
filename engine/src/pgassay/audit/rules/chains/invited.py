"""Invitations above one's own rank: who invites says as what, and nothing compares that with what he is.

What rank is higher, is seen: who has it reaches all that who has the other reaches, and more, and invites.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations, product

from pgassay.audit.acts import reach_of
from pgassay.audit.calls import Call, callable_by
from pgassay.audit.confirmation import plays
from pgassay.audit.memberships import Memberships, find_memberships
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.planted import planted_row
from pgassay.audit.reach import Reach, measure
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import insert_of, make_room, naming_columns, owner_columns, values_for
from pgassay.catalog.model import Column, Function, ObjectKey
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import NUMBERS, TEXTS, condition
from pgassay.observation import Persona

_VALUES, _ROWS, _CALLS, _GROUPS = 8, 2, 16, 2


@dataclass(frozen=True, kw_only=True)
class _Club:
    """A group, its column for ranks, one who is in it, and another one who is not."""

    list: Memberships
    column: Column
    group: str
    persona: Persona
    other: Persona

    @property
    def address(self) -> str:
        return str(self.other.claims.get("email", ""))

    def stands(self, rank: str) -> Steps:
        """What makes the persona a member of a rank, and leaves the other one out."""
        sample = self.list.sample
        row = planted_row(sample, self.persona, **{self.list.group: self.group, self.column.name: rank})
        rooms = [make_room(sample, user) for user in (self.persona, self.other)]
        return tuple(Step(statement=text) for text in (*rooms, row.insert if row else ""))

    def look(self, rank: str) -> str:
        """The owner's, who sees whether the other one is a member of the rank."""
        said = condition((self.list.group, self.column.name), (self.group, rank))
        own = own_condition(self.list.sample, self.other)
        return f"select 1 from {self.list.sample.table.name} as t where {own} and {said}"


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How somebody invites or joins: an INSERT, or a call; those of one `name` differ in the rank alone.

    By the owner's `room` nobody is invited yet.
    """

    name: str
    step: Step
    function: Function | None = None
    sample: Sample | None = None
    said: tuple[str, ...] = ()
    room: Steps = ()

    @property
    def steps(self) -> Steps:
        return (*self.room, self.step)


def find_invited(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of memberships."""
    for one in find_memberships(scene):
        yield from islice((found for club in _clubs(scene, one) for found in _of(scene, club)), 1)


def _clubs(scene: Scene, one: Memberships) -> Iterator[_Club]:
    sample = one.sample
    groups = dict.fromkeys(v for row in sample.rows if (v := row.values[one.group]))
    for column in sample.table.columns.values():
        is_plain = column.base in (*TEXTS, *NUMBERS) or bool(column.labels)
        if is_plain and column.name in scene.said - naming_columns(sample) and not column.generated:
            for group in islice(groups, _GROUPS):
                for persona, other in permutations(scene.users, 2):
                    yield _Club(list=one, column=column, group=group, persona=persona, other=other)


def _of(scene: Scene, club: _Club) -> Iterator[Finding]:
    numbers = scene.literals.numbers if club.column.base in NUMBERS else ()
    some = [*numbers, *values_for(scene, club.list.sample, club.column, besides=None)]
    ranks = [*dict.fromkeys(some)][:_VALUES]
    stands = {rank: steps for rank in ranks if plays(scene.session, steps := club.stands(rank))}
    invitations = {rank: {way.name: way for way in _invitations(scene, club, rank)} for rank in stands}
    first = next((way for ways in invitations.values() for way in ways.values()), None)
    reached = {rank: _reach(scene, club, steps, first) for rank, steps in stands.items() if first}
    above = [(r, b) for r, b in permutations(reached, 2) if _is_above(reached[b], reached[r])]
    for mine, better in above:
        for name, way in invitations[better].items():
            lower = invitations[mine].get(name)
            is_said = all(plays(scene.session, (*stands[rank], *way.steps)) for rank in (mine, better))
            if not lower or not is_said:
                continue
            for join in _joins(scene, club, better, way):
                if shown := _shown(scene, club, stands[mine], better, (way, lower, join)):
                    yield _tell(scene, club, (mine, better), way, shown)


def _reach(scene: Scene, club: _Club, stands: Steps, way: _Way) -> Reach:
    """Where somebody invited is to be seen as well."""
    sample = way.sample
    there = planted_row(sample, club.other, **_place(club, sample)) if sample else None
    with scene.session.undone():
        for text in (*(step.statement for step in (*stands, *way.room)), *([there.insert] if there else [])):
            run(scene.session, None, text)
        return measure(scene, club.persona, scene.dependents(club.list.sample.table.name))


def _is_above(better: Reach, worse: Reach) -> bool:
    seen = all(keys <= better.seen.get(name, frozenset()) for name, keys in worse.seen.items())
    written = all(number <= better.written.get(deed, 0) for deed, number in worse.written.items())
    return seen and written and (better.seen != worse.seen or better.written != worse.written)


def _place(club: _Club, sample: Sample) -> dict[str, str | None]:
    """What says of which group a row is."""
    parent = club.list.parent.object
    keys = [key.columns[0] for key in sample.table.foreign_keys if key.target == parent]
    column = club.list.sample.table.columns[club.list.group]
    same = [c.name for c in sample.table.columns.values() if c.base == column.base and not c.identity]
    free = [name for name in keys or same if name not in owner_columns(sample)]
    return {free[0]: club.group} if free else {}


def _invitations(scene: Scene, club: _Club, rank: str) -> Iterator[_Way]:
    """Rows of other tables that say the rank and the other one; calls that are told both."""
    joined = reach_of(scene, club.list.sample.table).union(*(reach for _, reach in _functions(scene, club)))
    for sample in scene.samples:
        is_plain = sample.table.kind in "rp" and sample is not club.list.sample and sample.rows
        if is_plain and sample.table.name in joined and scene.is_the_projects(sample.table):
            yield from _rows(club, sample, rank)
            for function, reach in _functions(scene, club, club.persona):
                if sample.table.name in reach:
                    yield from _calls(club, function, club.persona, rank, sample)


def _rows(club: _Club, sample: Sample, rank: str) -> Iterator[_Way]:
    table, place = sample.table, _place(club, sample)
    held = table.privileges[club.persona.role]
    plain = [c for c in table.columns.values() if c.name in held.insert and c.name not in place]
    ranks = [c.name for c in plain if _is_like(c, club.column) and c.name not in owner_columns(sample)]
    people = [
        (c.name, club.other.id if c.base == "uuid" else club.address) for c in plain if _may_name(sample, c)
    ]
    keys = [
        n for n in sample.key if len(sample.key) == 1 and n in held.insert and not table.columns[n].identity
    ]
    for said, (name, who) in product(ranks, people) if held.adds else ():
        for number, row in enumerate(sample.rows[:_ROWS]):
            given = {**{n: row.changed[n] for n in keys}, **place, said: rank, name: who}
            if said != name and (write := insert_of(sample, club.persona, row, **given)):
                yield _Way(
                    name=f"{sample.object} {said} {name} {number}",
                    step=Step(who=club.persona, statement=write.statement, shows=ROWS),
                    sample=sample,
                    said=tuple(value for value in write.values.values() if value),
                    room=_room(club, sample),
                )


def _room(club: _Club, sample: Sample) -> Steps:
    place = _place(club, sample)
    where = condition((*place,), (*place.values(),))
    return (Step(statement=f"delete from {sample.table.name} where {where}"),) if place else ()


def _may_name(sample: Sample, column: Column) -> bool:
    return column.base in TEXTS or (column.base == "uuid" and column.name in owner_columns(sample))


def _is_like(one: Column, other: Column) -> bool:
    return one.base == other.base or (one.base in TEXTS and other.base in TEXTS)


def _functions(
    scene: Scene, club: _Club, persona: Persona | None = None
) -> Iterator[tuple[Function, frozenset[str]]]:
    """Those that the persona may call, or the other one to become a member; with their reach."""
    for function in callable_by(scene, persona or club.other):
        reach = scene.inventory.reach(function.function)
        if function.volatility == "v" and (persona or club.list.sample.table.name in reach):
            yield function, reach


def _calls(  # noqa: PLR0913, PLR0917 - who tells what
    club: _Club,
    function: Function,
    persona: Persona,
    rank: str,
    sample: Sample | None = None,
    besides: Sequence[str] = (),
) -> Iterator[_Way]:
    """With the rank, the group and the other one, each where a parameter is of its type."""
    group = club.list.sample.table.columns[club.list.group]
    known = [
        (rank, club.column.base),
        (club.address, "text"),
        (club.other.id, "uuid"),
        (club.group, group.base),
    ]
    choices = [
        [number for number, (_, base) in enumerate(known) if base == type_ or {base, type_} <= {*TEXTS}]
        + [len(known) + number for number, _ in enumerate(besides)]
        for type_ in function.types
    ]
    values = [*(value for value, _ in known), *besides]
    room = _room(club, sample) if sample else ()
    for numbers in islice(product(*choices), _CALLS):
        call = Call(function=function, arguments=tuple(values[n] for n in numbers), persona=persona)
        step = Step(who=persona, statement=call.statement)
        yield _Way(
            name=f"{function.function} {numbers}", step=step, function=function, sample=sample, room=room
        )


def _joins(scene: Scene, club: _Club, rank: str, way: _Way) -> Iterator[_Way]:
    sample = club.list.sample
    given = {club.list.group: club.group, club.column.name: rank}
    if write := insert_of(sample, club.other, sample.rows[0], **given):
        yield _Way(name="", step=Step(who=club.other, statement=write.statement, shows=ROWS))
    for function, _ in _functions(scene, club):
        yield from _calls(club, function, club.other, rank, besides=way.said)


def _shown(
    scene: Scene, club: _Club, stands: Steps, better: str, ways: tuple[_Way, _Way, _Way]
) -> Steps | None:
    """The other one joins as what the invitation says, and the persona could not make him that."""
    way, lower, join = ways
    risen = Step(statement=club.look(better), shows=ROWS)
    steps = (*stands, *way.steps, join.step, risen)
    if not plays(scene.session, steps):
        return None
    before = _tried(scene, (*stands, *lower.steps), join.step)
    other = planted_row(club.list.sample, club.other, **{club.list.group: club.group})
    promoted = other.update({club.column.name: better}) if other else ""
    sets = (Step(statement=other.insert if other else ""), Step(who=club.persona, statement=promoted))
    owners = dict.fromkeys(owner_columns(club.list.sample), club.other.id)
    given = {**owners, club.list.group: club.group, club.column.name: better}
    enters = insert_of(club.list.sample, club.persona, club.list.sample.rows[0], **given)
    added = [(Step(who=club.persona, statement=enters.statement),)] if enters else []
    for others in ((*lower.steps, before), sets, *added):
        if plays(scene.session, (*stands, *others, risen)):
            return None
    uninvited = _tried(scene, (*stands, *way.room), join.step)
    nobody = replace(risen, shows=NO_ROWS_SHOWN)
    return (*stands, *way.room, uninvited, nobody, way.step, join.step, risen)


def _tried(scene: Scene, ready: Steps, step: Step) -> Step:
    """A step as it comes out there, refused or not."""
    with scene.session.undone():
        for one in ready:
            run(scene.session, one.who, one.statement)
        return replace(step, shows=scene.session.try_as(step.who, step.statement).sqlstate)


def _tell(scene: Scene, club: _Club, ranks: tuple[str, str], way: _Way, steps: Steps) -> Finding:
    (mine, better), name, table = ranks, club.persona.name, club.list.sample.table
    about = way.sample.table if way.sample else table
    policies = [p for p in about.privileges[club.persona.role].policies if p.command in ("insert", "all")]
    how = f"calls {way.function.function} for" if way.function else f"enters a row into {about.name} for"
    return Finding(
        rule="chains",
        object=way.function.function if way.function else about.name,
        actions=("execute",) if way.function else ("insert",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name}, whose {club.column.name} in {table.name} is {mine!r}, {how} {club.other.name}, "
        f"who joins as {better!r} by it: that reaches more, and {name} could not make anybody that.",
        steps=steps,
        cause=f"invites {table.name}",
        about=(ObjectKey(kind="function", object=way.function.function, name=""),)
        if way.function
        else (*(p.key for p in policies), ObjectKey(kind="relation", object=about.name, name="")),
    )
