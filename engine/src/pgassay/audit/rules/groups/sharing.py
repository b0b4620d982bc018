"""What all groups share: who is something in one of them changes it for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.memberships import Memberships, Standing, find_memberships, is_shared, standings
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import does
from pgassay.audit.writes import make_room
from pgassay.catalog.model import Function, ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, TEXTS, condition
from pgassay.observation import Persona

_CALLS = 24
_TEXT = "pgassay"
_WRITES = ("update", "delete")


@dataclass(frozen=True, kw_only=True)
class _Deed:
    """What a member does to a row that all share; `look` shows it to the owner."""

    sample: Sample
    object: str
    verb: str
    statement: str
    look: str
    shows: str
    about: tuple[ObjectKey, ...]


def find_shared(scene: Scene) -> Iterator[Finding]:
    """One finding for each table and function, by the least that a member has to be."""
    done: set[str] = set()
    for one in find_memberships(scene):
        shared = [sample for sample in scene.samples if sample.rows and is_shared(scene, one, sample)]
        for persona in scene.users if shared else ():
            for finding in _by(scene, one, persona, shared):
                if finding.object not in done:
                    done.add(finding.object)
                    yield finding


def _by(scene: Scene, one: Memberships, persona: Persona, shared: Sequence[Sample]) -> Iterator[Finding]:
    """Deeds of a member, which are not those of who is none."""
    room = (make_room(one.sample, persona),)
    deeds = [deed for sample in shared for deed in _deeds(scene, persona, sample)]
    outside = _done(scene, persona, deeds, room)
    if outside is None:
        return
    closed = [deed for deed, is_done in zip(deeds, outside, strict=True) if not is_done]
    group = next((row.values[one.target] for row in one.parent.rows), None)
    for standing in standings(scene, one.sample, persona, **{one.group: group}) if closed else ():
        inside = _done(scene, persona, closed, standing.setup) or ()
        for deed, is_done in zip(closed, inside, strict=False):
            if is_done:
                yield _tell(scene, one, persona, standing, deed)


def _deeds(scene: Scene, persona: Persona, sample: Sample) -> Iterator[_Deed]:
    """UPDATE and DELETE of a row, and calls of functions that may do so."""
    table, row = sample.table, sample.rows[0]
    held = table.privileges[persona.role]
    named = condition(sample.key, row.key)
    free = [c for c in table.columns.values() if c.name in held.update and c.name not in sample.key]
    policies = tuple(p.key for p in held.policies if p.command in (*_WRITES, "all"))
    about = (*policies, ObjectKey(kind="relation", object=table.name, name=""))
    look = f"select 1 from {table.name} as t where {named} and pg_catalog.age(t.xmin) <= 0"
    writes = [
        ("update", statements.update(table, c.name, statements.literal(row.changed[c.name]), where=named))
        for c in free
        if not c.generated and row.changed[c.name] is not None
    ][:1]
    if held.delete:
        writes.append(("delete", statements.delete(table, where=named)))
    for verb, text in writes:
        yield _Deed(
            sample=sample,
            object=sample.object,
            verb=verb,
            statement=text,
            look=look if verb == "update" else f"select 1 from {table.name} where {named}",
            shows=ROWS if verb == "update" else NO_ROWS_SHOWN,
            about=about,
        )
    for function in callable_by(scene, persona):
        if function.volatility == "v" and function.definer and sample in samples_of(scene, function):
            yield from _calls(scene, persona, function, sample)


def _calls(scene: Scene, persona: Persona, function: Function, sample: Sample) -> Iterator[_Deed]:
    """Such as name the row, and say what stands in it then."""
    row, table = sample.rows[0], sample.table
    said = ", ".join(f"t.{c.quoted}::text" for c in table.columns.values() if c.name not in sample.key)
    lists = [some for some in argument_lists(scene, function) if set(row.key) <= set(some)]
    for some in [another for one in lists[:_CALLS] for another in (one, _said_anew(function, one, row))]:
        new = [a for a in some if a and a not in row.key and a not in row.values.values()]
        if new and said:
            values = ", ".join(map(statements.literal, new))
            named = f"{condition(sample.key, row.key)} and array[{said}] && array[{values}]"
            yield _Deed(
                object=function.function,
                verb="execute",
                statement=Call(function=function, arguments=some, persona=persona).statement,
                look=f"select 1 from {table.name} as t where {named}",
                shows=ROWS,
                about=(ObjectKey(kind="function", object=function.function, name=""),),
                sample=sample,
            )


def _said_anew(function: Function, some: tuple[str | None, ...], row: Row) -> tuple[str | None, ...]:
    """With a text of its own wherever one is said that does not name the row."""
    return tuple(
        _TEXT if type_ in TEXTS and argument not in row.key else argument
        for argument, type_ in zip(some, function.types, strict=True)
    )


def _done(scene: Scene, persona: Persona, deeds: Sequence[_Deed], setup: Sequence[str]) -> list[bool] | None:
    """Which of them come to what they should after a setup, where that goes through."""
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return None
        answers = scene.ask(persona, [[deed.statement, AS_OWNER, deed.look] for deed in deeds])
    return [
        not answer.sqlstate and bool(answer.counts[0]) and bool(answer.rows[2]) is (deed.shows == ROWS)
        for deed, answer in zip(deeds, answers, strict=True)
    ]


def _tell(scene: Scene, one: Memberships, persona: Persona, standing: Standing, deed: _Deed) -> Finding:
    is_call = deed.verb == "execute"
    how = f" through {deed.object}" if is_call else ""
    verb = "changes" if is_call else does([deed.verb])
    steps: Steps = (
        *(Step(statement=text) for text in standing.setup),
        Step(who=persona, statement=deed.statement, shows="" if is_call else ROWS),
        Step(statement=deed.look, shows=deed.shows),
    )
    return Finding(
        rule="groups",
        object=deed.object,
        actions=(deed.verb,),
        who=tuple(p.name for p in scene.users),
        severity=Severity.HIGH if standing.is_first and not is_call else Severity.MEDIUM,
        sentence=f"{persona.name}, {standing.told}, {verb} rows of {deed.sample.object}{how}, which "
        f"all of {one.parent.object} share: it is not asked in which of them.",
        steps=steps,
        cause=f"strangers {deed.object}",
        about=deed.about,
    )
