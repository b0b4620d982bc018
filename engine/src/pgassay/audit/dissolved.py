"""Groups that a mere member removes, with what others have in them, or makes his own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.memberships import Memberships, Standing, find_memberships, standings
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.planted import PlantedRow, planted_row
from pgassay.audit.reach import count_written
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

_CALLS = 12
_GROUPS = 3


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A persona that stands in a group of which another one is a member, too, and that is not its own."""

    memberships: Memberships
    persona: Persona
    other: Persona
    row: Row
    standings: tuple[Standing, ...]

    @property
    def parent(self) -> Sample:
        return self.memberships.parent

    @property
    def group(self) -> str | None:
        return self.row.values[self.memberships.target]

    @property
    def named(self) -> str:
        return condition(self.parent.key, self.row.key)

    @property
    def others(self) -> tuple[str, ...]:
        """What makes the group that of the other one."""
        table, sample = self.parent.table, self.memberships.sample
        given = ", ".join(
            f"{table.columns[n].quoted} = {literal(self.other.id)}" for n in sorted(self.owners)
        )
        own = own_condition(sample, self.other)
        return (
            *((f"update {table.name} set {given} where {self.named}",) if given else ()),
            f"delete from {sample.table.name} as t where {own}",
        )

    @property
    def owners(self) -> frozenset[str]:
        return owner_columns(self.parent)

    @property
    def sets_apart(self) -> bool:
        """Whether something is asked of members, or the group has an owner."""
        return len(self.standings) > 1 or bool(self.owners)


def find_dissolved(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of groups, and each function that removes one."""
    done: set[str] = set()
    for member in _members(scene):
        for deed, about in _removals(scene, member):
            for lost in _lost(scene, member) if about.object not in done else ():
                if found := _dissolve(scene, member, deed, lost):
                    done.add(about.object)
                    yield _tell(scene, member, found, about, lost[0])
                    break


def _members(scene: Scene) -> Iterator[_Member]:
    """Of memberships that decide something: who has read what is no member of it."""
    asked = (m for m in find_memberships(scene) if scene.dependents(m.sample.table.name) - {m.sample.object})
    for one in asked:
        for persona in scene.users:
            for other in (user for user in scene.users if user != persona):
                for row in one.parent.rows[:_GROUPS]:
                    ranks = tuple(
                        standings(scene, one.sample, persona, **{one.group: row.values[one.target]})
                    )
                    if ranks:
                        yield _Member(memberships=one, persona=persona, other=other, row=row, standings=ranks)


def _removals(scene: Scene, member: _Member) -> Iterator[tuple[str, ObjectKey]]:
    """A DELETE, and calls that name the group."""
    table, persona = member.parent.table, member.persona
    if table.kind not in "rp":
        return
    if table.privileges[persona.role].delete:
        about = ObjectKey(kind="relation", object=table.name, name="")
        yield statements.delete(table, where=member.named), about
    yield from ((call.statement, about) for call, about in _calls(scene, member))


def _calls(scene: Scene, member: _Member) -> Iterator[tuple[Call, ObjectKey]]:
    """Of functions that may write the group, and name it."""
    for function in callable_by(scene, member.persona):
        if function.volatility == "v" and function.definer and member.parent in samples_of(scene, function):
            about = ObjectKey(kind="function", object=function.function, name="")
            for some in [a for a in argument_lists(scene, function) if member.group in a][:_CALLS]:
                yield Call(function=function, arguments=some, persona=member.persona), about


def _lost(scene: Scene, member: _Member) -> Iterator[tuple[Sample, PlantedRow]]:
    """Rows of the other one's in the group: his membership, then what he wrote there."""
    one = member.memberships
    below = [
        (sample, key.columns[0])
        for sample in scene.samples
        for key in sample.table.foreign_keys
        if key.target == member.parent.table.name and len(key.columns) == 1 and sample is not one.sample
        if owner_columns(sample) and key.columns[0] not in owner_columns(sample)
    ]
    for sample, column in ((one.sample, one.group), *below):
        if planted := planted_row(sample, member.other, **{column: member.group}):
            yield sample, planted


def _dissolve(scene: Scene, member: _Member, deed: str, lost: tuple[Sample, PlantedRow]) -> Steps | None:
    """The witness of a member as memberships begin; where nothing says how they do, of each one."""
    first, *rest = member.standings
    shown = _shown(scene, member, first, deed, lost)
    if shown and not first.is_first:
        ready = [one for one in rest if _is_ready(scene, member, one)]
        shown = shown if all(_shown(scene, member, one, deed, lost) for one in ready) else None
    return shown


def _is_ready(scene: Scene, member: _Member, standing: Standing) -> bool:
    with scene.session.undone():
        return all(run(scene.session, None, text) for text in (*member.others, *standing.setup))


def _shown(
    scene: Scene, member: _Member, standing: Standing, deed: str, lost: tuple[Sample, PlantedRow]
) -> Steps | None:
    """Whether the other one's row goes with the group, which the member may not remove by itself."""
    planted, persona = lost[1], member.persona
    setup = (*member.others, *standing.setup, planted.insert)
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return None
        [answer] = scene.ask(persona, [[planted.removal]])
        if not answer.sqlstate and answer.counts[0] > 0:
            return None
    steps = (
        *(Step(statement=text) for text in setup),
        Step(statement=planted.look, shows=ROWS),
        Step(who=persona, statement=deed, shows=ROWS),
        Step(statement=f"select 1 from {member.parent.table.name} where {member.named}", shows=NO_ROWS_SHOWN),
        Step(statement=planted.look, shows=NO_ROWS_SHOWN),
    )
    return steps if plays(scene.session, steps) else None


def _tell(scene: Scene, member: _Member, steps: Steps, about: ObjectKey, lost: Sample) -> Finding:
    persona, parent = member.persona, member.parent
    is_call = about.kind == "function"
    policies = [p for p in parent.table.privileges[persona.role].policies if p.command in ("delete", "all")]
    how = f" through {about.object}" if is_call else ""
    return Finding(
        rule="cascades",
        object=about.object,
        actions=("execute" if is_call else "delete",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.HIGH if member.sets_apart else Severity.MEDIUM,
        sentence=f"{persona.name}, {member.standings[0].told}, removes a row of {parent.object} that others "
        f"share{how}, and rows of theirs in {lost.object} go with it, which {persona.name} may not remove.",
        steps=steps,
        cause=f"dissolved {about.object}",
        about=(*(() if is_call else (p.key for p in policies)), about),
        candidates=() if is_call else ((f"revoke delete on {parent.table.name} from {persona.role}",),),
    )


def find_taken(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of groups, and each function, by which a member makes himself the owner."""
    done: set[str] = set()
    for member in _members(scene):
        if member.parent.table.kind in "rp" and member.owners and member.standings[0].is_first:
            for finding in _take(scene, member):
                if finding.object not in done:
                    done.add(finding.object)
                    yield finding


def _take(scene: Scene, member: _Member) -> Iterator[Finding]:
    """Where he may do more with the group after an UPDATE of its owner, or after a call."""
    parent, persona, standing = member.parent, member.persona, member.standings[0]
    table = parent.table
    relation = ObjectKey(kind="relation", object=table.name, name="")
    updates = (
        (statements.update(table, column, literal(persona.id), where=member.named), column, relation)
        for column in sorted(member.owners & table.privileges[persona.role].update)
    )
    calls = (
        (call.statement, sorted(member.owners)[0], about)
        for call, about in _calls(scene, member)
        if len(member.owners) == 1
    )
    for deed, column, about in (*updates, *calls):
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in (*member.others, *standing.setup)):
                continue
            before = count_written(scene, persona, parent, [member.row.key])
            if not run(scene.session, persona, deed):
                continue
            after = count_written(scene, persona, parent, [member.row.key])
        if gained := [verb for verb, number in after.items() if number > before[verb]]:
            yield _tell_taken(scene, member, (column, about), deed, gained)


def _tell_taken(
    scene: Scene, member: _Member, how: tuple[str, ObjectKey], deed: str, gained: Sequence[str]
) -> Finding:
    persona, parent = member.persona, member.parent
    table = parent.table
    column, about = how
    is_call = about.kind == "function"
    through = f" through {about.object}" if is_call else ""
    verb = "remove" if "delete" in gained else "change"
    policies = [p for p in table.privileges[persona.role].policies if p.command in ("update", "all")]
    owner = f"{table.columns[column].quoted} = {literal(persona.id)}"
    return Finding(
        rule="chains",
        object=about.object,
        columns=() if is_call else (column,),
        actions=("execute" if is_call else "update",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.HIGH,
        sentence=f"{persona.name}, {member.standings[0].told}, sets {table.name}.{column} of a group that is "
        f"{member.other.name}'s to {persona.name}{through}, and then may {verb} it.",
        steps=(
            *(Step(statement=text) for text in (*member.others, *member.standings[0].setup)),
            Step(who=persona, statement=deed, shows="" if is_call else ROWS),
            Step(statement=f"select 1 from {table.name} where {member.named} and {owner}", shows=ROWS),
        ),
        cause=f"taken {about.object}" if is_call else f"own update {parent.object} {column}",
        about=(*(() if is_call else (p.key for p in policies)), about),
    )
