"""Rows that a function gives to who says their key, and that a policy lists to everybody, with the key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pgassay.audit.arguments import argument_lists
from pgassay.audit.asking import is_token
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone, split
from pgassay.audit.writes import naming_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Function, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, condition, literal
from pgassay.observation import Persona

_ROWS, _VALUES = 2, 8
_OF_NOBODY = "5e0c0de5-0000-4000-8000-00000000000e"
# Names of keys and of states, which only rank: a key of a product is for all to know.
_SECRET = frozenset(("key", "token", "secret", "link", "share", "sharing", "access", "capability", "invite"))
_BY_LINK = frozenset(
    ("link", "unlisted", "hidden", "shared", "secret", "invite", "restricted", "url", "anyone", "semi")
)

State = tuple[tuple[str, str], ...]
"""What columns of a row say."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A row of somebody else, its key, and the function that finds it by that."""

    sample: Sample
    column: Column
    row: Row
    function: Function
    persona: Persona

    @property
    def where(self) -> str:
        return condition(self.sample.key, self.row.key)

    @property
    def look(self) -> str:
        return f"select {self.column.quoted} from {self.sample.table.name} where {self.where}"

    def say(self, state: State) -> str:
        sets = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in state)
        return f"update {self.sample.table.name} set {sets} where {self.where}"


def find_unlisted(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of which states are listed that the function alone was to show."""
    for sample in scene.samples:
        table = sample.table
        is_plain = table.kind in "rp" and table.secured and sample.object == table.name
        for column in table.columns.values() if is_plain and scene.is_the_projects(table) else ():
            if is_token(sample, column) and (states := _states(scene, sample)):
                shown = {p: found for p in scene.people if (found := _of(scene, sample, column, p, states))}
                if shown:
                    yield _tell(sample, column, shown)
                    break


def _states(scene: Scene, sample: Sample) -> list[State]:
    """By what policies for SELECT ask for: each label or text, and each truth value beside the others."""
    table = sample.table
    policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all")]
    asked = find_literals(p.using or "" for p in policies).words - naming_columns(sample)
    columns = [c for c in table.columns.values() if c.name in asked and not c.generated]
    flags = [c.name for c in columns if c.base == "bool"]
    ways: list[State] = (
        [tuple((n, str(n == one).lower()) for n in flags) for one in (*flags, "")] if flags else []
    )
    for column in columns:
        if column.base in TEXTS or column.labels:
            values = values_for(scene, sample, column, besides=None)[:_VALUES]
            ways += [((column.name, value),) for value in values]
    return ways


def _of(
    scene: Scene, sample: Sample, column: Column, persona: Persona, states: list[State]
) -> tuple[_Asked, State, Steps] | None:
    if column.name not in sample.table.privileges[persona.role].select:
        return None
    known = {persona.id, persona.claims.get("email")} - {None}
    rows = [row for row in sample.rows if row.values[column.name] and known.isdisjoint(row.owners)]
    functions = [
        f
        for f in callable_by(scene, persona)
        if column.name in find_literals([f.text]).words and sample in samples_of(scene, f)
    ]
    for function in functions:
        for row in rows[:_ROWS]:
            one = _Asked(sample=sample, column=column, row=row, function=function, persona=persona)
            for call in _calls(scene, one):
                if found := _compare(scene, one, call, states):
                    return one, *found
    return None


def _calls(scene: Scene, one: _Asked) -> Iterator[Call]:
    """That name the key in each place that takes it."""
    first = next(iter(argument_lists(scene, one.function)), ())
    for place, type_ in enumerate(one.function.types):
        if type_ == one.column.base or (type_ in TEXTS and one.column.base in TEXTS):
            said = (*first[:place], one.row.values[one.column.name], *first[place + 1 :])
            yield Call(function=one.function, arguments=said, persona=one.persona)


def _compare(scene: Scene, one: _Asked, call: Call, states: list[State]) -> tuple[State, Steps] | None:
    """A state in which the function answers and the row is listed.

    Where it is listed in all such states and in more than one, and in others neither: where only what is
    listed is public, who has the key would be told something more than others, or nobody needs one.
    """
    wrong = replace(
        call,
        arguments=tuple(_OF_NOBODY if a == one.row.values[one.column.name] else a for a in call.arguments),
    )
    listed: list[State] = []
    answered: list[State] = []
    closed: list[State] = []
    for state in states:
        with scene.session.undone():
            if not run(scene.session, None, one.say(state)):
                continue
            texts = [[one.look], [call.statement], [wrong.statement]]
            look, right, other = scene.ask(one.persona, texts)
        if not look.sqlstate and look.rows[0]:
            listed.append(state)
        if not right.sqlstate and right.rows[0] and (other.sqlstate or right.rows != other.rows):
            answered.append(state)
        if state not in listed and state not in answered:
            closed.append(state)
    if len(listed) < 2 or not closed or not answered or not set(answered) <= set(listed):
        return None
    state = next((s for s in answered if _is_by_link(s)), answered[0])
    steps = (
        Step(statement=one.say(closed[0]), shows=ROWS),
        Step(who=one.persona, statement=one.look, shows=NO_ROWS_SHOWN),
        Step(statement=one.say(state), shows=ROWS),
        Step(who=one.persona, statement=one.look, shows=ROWS),
        Step(who=one.persona, statement=call.statement, shows=ROWS),
    )
    return (state, steps) if plays(scene.session, steps) else None


def _is_by_link(state: State) -> bool:
    said = [word for name, value in state for word in (name if value == "true" else value).split(" ")]
    return any(not _BY_LINK.isdisjoint(split(word.replace("-", "_"))) for word in said)


def _tell(sample: Sample, column: Column, shown: Mapping[Persona, tuple[_Asked, State, Steps]]) -> Finding:
    table, name = sample.table, column.name
    one, state, steps = next(iter(shown.values()))
    is_secret = not _SECRET.isdisjoint(split(name)) or column.has_default or _is_by_link(state)
    said = " and ".join(f"{quoted(n)} = {value}" for n, value in state if value != "false")
    policies = [p for p in table.privileges[one.persona.role].policies if p.command in ("select", "all")]
    return Finding(
        rule="strangers",
        object=sample.object,
        columns=(name,),
        actions=("select",),
        who=tuple(persona.name for persona in shown),
        severity=Severity.MEDIUM if is_secret else Severity.INFO,
        sentence=f"{anyone(list(shown))} lists the rows of others in {table.name} with {said}, and their "
        f"{name}, by which {one.function.function} finds them: all that it shows is listed without it.",
        steps=steps,
        others=tuple(some for _, _, some in shown.values())[1:],
        cause=f"strangers {sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
    )
