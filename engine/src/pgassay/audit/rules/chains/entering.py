"""Calls after which their caller reads more: one lets in whoever names a group, or lets him say as what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from pgassay.audit.arguments import argument_lists
from pgassay.audit.asking import is_token, tokens
from pgassay.audit.calls import Call, callable_by, look_new, make_calls, samples_of
from pgassay.audit.model import NO_ROWS_SHOWN, OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.ranks import plain_updates
from pgassay.audit.reach import Reach, measure_seen
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import is_reached_by, is_secret
from pgassay.audit.writes import make_room, owner_columns
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import without_arguments
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, TEXTS, condition
from pgassay.observation import Persona

_CALLS = 16  # of which is looked what they open


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A call, and the rows that its caller reads afterwards and did not read before."""

    call: Call
    rows: tuple[tuple[Sample, Row], ...]


def find_entries(scene: Scene) -> Iterator[Finding]:
    """Of functions that write what policies of other tables ask for; one for each."""
    done: set[str] = set()
    for persona in scene.users:
        for function in callable_by(scene, persona):
            if function.function not in done and (found := _try(scene, persona, function)):
                done.add(function.function)
                yield found


def _try(scene: Scene, persona: Persona, function: Function) -> Finding | None:
    asked = [s for s in samples_of(scene, function) if scene.dependents(s.table.name) - {s.table.name}]
    if function.volatility != "v" or not asked:
        return None
    plain = tuple(text for sample in asked for text in plain_updates(scene, sample, persona))
    room = tuple(make_room(sample, persona) for sample in asked if owner_columns(sample))
    for setup in dict.fromkeys(((), plain, room)):
        with scene.session.undone():
            ready = all(run(scene.session, None, text) for text in setup)
            found = _after(scene, persona, function, setup, asked) if ready else None
        if found:
            return found
    return None


def _after(
    scene: Scene, persona: Persona, function: Function, setup: tuple[str, ...], asked: Sequence[Sample]
) -> Finding | None:
    before = measure_seen(scene, persona)
    secret = tokens(scene, persona, before)
    every = (
        Call(function=function, arguments=some, persona=persona, setup=setup)
        for some in argument_lists(scene, function)
    )
    calls = [call for call in every if secret.isdisjoint(call.said)]
    answers = make_calls(scene, persona, calls, AS_OWNER, *map(look_new, asked))
    alive = [call for call, a in answers if not a.sqlstate and any(a.rows[2:])]
    only = frozenset[str]().union(*(scene.dependents(s.table.name) for s in asked))
    opened = [opened_by(scene, call, before, only) for call in alive[:_CALLS]]
    for one in opened:
        if one.rows and (sample := _read_in(scene, one.call, before)):
            why = f"what it asks for stands in rows of {sample.object} that are not {persona.name}'s"
            about = (ObjectKey(kind="relation", object=sample.table.name, name=""),)
            found = _tell(scene, one, one.rows[0], why)
            return replace(found, object=sample.object, actions=("select",), about=(*about, *found.about))
    if chosen := _chosen(scene, opened):
        one, place = chosen
        why = f"the caller says {one.call.arguments[place]!r}, and could say something else"
        return _tell(scene, one, one.rows[0], why)
    refused = {c.arguments for c, a in answers if a.sqlstate and not a.sqlstate.startswith(OF_VALUES)}
    if entered := _entered(scene, persona, opened, refused):
        return _tell(scene, *entered, "it lets in whoever names the group")
    if matched := next((one for one in opened if one.rows and "%" in one.call.arguments), None):
        return _tell(
            scene, matched, matched.rows[0], "it lets in who says %, which is like whatever is asked for"
        )
    if invited := _invited_instead(scene, persona, opened):
        one, shown, sample = invited
        why = f"it lets in whoever names a row of {sample.object}, which is for somebody else"
        return replace(_tell(scene, one, shown, why), severity=Severity.MEDIUM)
    return None


def opened_by(scene: Scene, call: Call, before: Reach, only: frozenset[str]) -> Opened:
    """Of these tables, as things are now."""
    with scene.session.undone():
        ran = run(scene.session, call.persona, call.statement)
        seen = measure_seen(scene, call.persona, only).seen if ran else {}
    rows = tuple(
        (scene.sample_of[name], row)
        for name, keys in seen.items()
        for row in scene.sample_of[name].rows
        if row.key in keys - before.seen.get(name, frozenset()) and call.persona.id not in row.owners
    )
    return Opened(call=call, rows=rows)


def _read_in(scene: Scene, call: Call, before: Reach) -> Sample | None:
    """Where what the call says stands, in a row that its caller reads and is not his.

    What a default has drawn, or what only who was told would know.
    """
    known = {call.persona.id, str(call.persona.claims.get("email", ""))}
    for sample in scene.samples:
        shown = sample.table.privileges[call.persona.role].select
        drawn = [
            c.name
            for c in sample.table.columns.values()
            if c.base in ("uuid", *TEXTS) and c.name in shown
            if (c.has_default and (c.name not in sample.key or is_secret(c))) or is_token(sample, c)
        ]
        seen = before.seen.get(sample.object, frozenset())
        theirs = [row for row in sample.rows if row.key in seen and not known & set(row.values.values())]
        if any(row.values[name] in call.arguments for row in theirs for name in drawn):
            return sample
    return None


def _chosen(scene: Scene, opened: Sequence[Opened]) -> tuple[Opened, int] | None:
    """Of two calls that differ in one argument, which names no row, the one that opens more."""
    keys = {value for sample in scene.samples for row in sample.rows for value in row.key}
    for one in opened:
        for other in opened if one.rows else ():
            pairs = enumerate(zip(one.call.arguments, other.call.arguments, strict=True))
            differing = [place for place, (mine, theirs) in pairs if mine != theirs]
            values = {some.call.arguments[place] for some in (one, other) for place in differing}
            if len(differing) != 1 or one.call.function.types[differing[0]] == "uuid":
                continue
            if not values & keys and len(other.rows) < len(one.rows):
                return one, differing[0]
    return None


def _entered(
    scene: Scene, persona: Persona, opened: Sequence[Opened], refused: Set[tuple[str | None, ...]]
) -> tuple[Opened, tuple[Sample, Row]] | None:
    """Rows of a group that an argument names, where no group is refused, and nothing names both."""
    known = {persona.id, str(persona.claims.get("email", ""))}
    invited = {
        value
        for sample in scene.samples
        for row in sample.rows
        if known & set(row.values.values())
        for value in row.values.values()
    }
    for names in _groups(scene):
        if any(names & set(some) - invited for some in refused):
            continue  # there is a condition
        for one in opened:
            named = names & set(one.call.arguments) - invited - {None}
            for sample, row in one.rows:
                refers = {row.values[name] for key in sample.table.foreign_keys for name in key.columns}
                if (refers | set(row.key)) & named:
                    return one, (sample, row)
    return None


def _groups(scene: Scene) -> list[set[str | None]]:
    """What foreign keys say, by the table to which they lead."""
    found: dict[str, set[str | None]] = {}
    for sample in scene.samples:
        for key in sample.table.foreign_keys:
            values = {row.values[name] for row in sample.rows for name in key.columns}
            found.setdefault(key.target or "", set()).update(values)
    return list(found.values())


def _invited_instead(
    scene: Scene, persona: Persona, opened: Sequence[Opened]
) -> tuple[Opened, tuple[Sample, Row], Sample] | None:
    """Rows of a group for which an argument names the invitation of another one, by his address."""
    known = {persona.id, str(persona.claims.get("email", ""))}
    for one in opened:
        for sample in samples_of(scene, one.call.function) if one.rows else ():
            to = [c.name for c in sample.table.columns.values() if c.base in TEXTS and is_reached_by(c)]
            refers = {name for key in sample.table.foreign_keys for name in key.columns}
            for row in sample.rows:
                is_named = len(row.key) == 1 and row.key[0] in one.call.arguments
                is_anothers = any(row.values[name] for name in to) and not known & set(row.values.values())
                groups = {row.values[name] for name in refers} - {None}
                for shown in one.rows if is_named and is_anothers else ():
                    if groups & set(shown[1].values.values()):
                        return one, shown, sample
    return None


def _tell(scene: Scene, opened: Opened, shown: tuple[Sample, Row], why: str) -> Finding:
    call, (sample, row) = opened.call, shown
    name = call.function.function
    look = f"select 1 from {sample.table.name} where {condition(sample.key, row.key)}"
    before = Step(who=call.persona, statement=look, shows=NO_ROWS_SHOWN)
    return Finding(
        rule="chains",
        object=name,
        actions=("execute",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.HIGH,
        sentence=f"{call.persona.name} calls {name}, and then reads more rows of {sample.object}: {why}.",
        steps=(
            *(Step(statement=text) for text in call.setup),
            before,
            Step(who=call.persona, statement=call.statement),
            replace(before, shows=ROWS),
        ),
        cause=f"enters {without_arguments(name)}",
        about=(ObjectKey(kind="function", object=name, name=""),),
    )
