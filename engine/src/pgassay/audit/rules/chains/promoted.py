"""Ranks: who has one between the first and the last gives himself a higher one.

What rank is higher, the order tells in which a type or a check lists them, or numbers: it is farther from the
one with which a row begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import fresh_columns, left_to_update, make_room, naming_columns, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Constraint, Function, ObjectKey, Policy
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import NUMBERS, TEXTS, literal
from pgassay.observation import Persona

_RANKS, _CALLS = 8, 12


@dataclass(frozen=True, kw_only=True)
class _Own:
    """A persona's own row in a table of ranks, beside one of somebody else that is like it."""

    sample: Sample
    persona: Persona
    column: Column
    setup: tuple[str, ...]

    @property
    def mine(self) -> str:
        return own_condition(self.sample, self.persona)

    def say(self, value: str) -> str:
        table = self.sample.table.name
        return f"update {table} as t set {self.column.quoted} = {literal(value)} where {self.mine}"

    def say_of_others(self, value: str) -> str:
        table = self.sample.table.name
        return f"update {table} as t set {self.column.quoted} = {literal(value)} where not ({self.mine})"

    def look(self, value: str) -> str:
        test = f"{self.mine} and t.{self.column.quoted} = {literal(value)}"
        return f"select 1 from {self.sample.table.name} as t where {test}"


def find_promoted(scene: Scene) -> Iterator[Finding]:
    """One finding for each column by an UPDATE, and for each function."""
    texts = [text for policy in scene.catalog.of(Policy) for _, text in policy.clauses]
    texts += [f.text for f in scene.catalog.of(Function) if scene.is_ours(f)]
    said = find_literals(texts)
    for sample in scene.samples:
        owners = owner_columns(sample)
        stands_for = any(owners & set(index.columns) for index in sample.table.unique)
        if sample.table.kind not in "rp" or sample.object != sample.table.name or not stands_for:
            continue
        for column in sample.table.columns.values():
            if column.generated or column.name in naming_columns(sample):
                continue
            ranks = _ranks(scene, sample, column, said.numbers)
            named = {*said.strings, *(said.numbers if column.base in NUMBERS else ())}
            done: set[str] = set()
            for persona in scene.users if any(rank in named for rank in ranks[2:]) else ():
                for found in _of(scene, sample, persona, column, ranks, named):
                    if found.object not in done:
                        done.add(found.object)
                        yield found


def _ranks(scene: Scene, sample: Sample, column: Column, numbers: Sequence[str]) -> list[str]:
    """The one with which a row begins, then ever higher ones; none where it is at no end of the list."""
    default = column.default or ""
    if column.base in NUMBERS:
        if not default.isdigit():
            return []
        higher = sorted({int(n) for n in numbers if n.isdigit() and int(n) > int(default)})
        return [default, *map(str, higher[:_RANKS])]
    listed = list(column.labels)
    if not listed and column.base in TEXTS:
        checks = scene.catalog.parts(Constraint).get(sample.table.oid, ())
        some = [c.definition for c in checks if c.type == "c"]
        listed = next(
            ([*find_literals([t]).strings] for t in some if column.name in find_literals([t]).words), []
        )
    [first] = find_literals([default]).strings[:1] or [""]
    if first and first == (listed or [""])[-1]:
        listed.reverse()
    return listed[:_RANKS] if first and first == (listed or [""])[0] else []


def _of(  # noqa: PLR0913, PLR0917 - what a rank is
    scene: Scene, sample: Sample, persona: Persona, column: Column, ranks: list[str], named: set[str]
) -> Iterator[Finding]:
    for own in islice(_owns(scene, sample, persona, column), 1):
        begun, *higher = ranks
        for rank in higher[:-1]:
            for better in higher[higher.index(rank) + 1 :]:
                if better in named and _rules_others(scene, own, begun, rank):
                    yield from _try(scene, own, (begun, rank, better))


def _owns(scene: Scene, sample: Sample, persona: Persona, column: Column) -> Iterator[_Own]:
    for row in [row for row in sample.rows if row.owners == {persona.id}]:
        for other in (user for user in scene.users if user != persona):
            setup = (make_room(sample, other), _like(sample, row, other))
            with scene.session.undone():
                if all(run(scene.session, None, text) for text in setup):
                    yield _Own(sample=sample, persona=persona, column=column, setup=setup)


def _like(sample: Sample, row: Row, other: Persona) -> str:
    """A row of somebody else's in the same group."""
    table, owners = sample.table, owner_columns(sample)
    theirs = [set(index.columns) for index in table.unique if owners & set(index.columns)]
    alone = {name for index in table.unique if not owners & set(index.columns) for name in index.columns}
    fresh = {n for n in fresh_columns(sample) if n in alone or not any(n in names for names in theirs)}
    values = {
        c.name: other.id
        if c.name in owners
        else row.changed[c.name]
        if c.name in fresh
        else row.values[c.name]
        for c in table.columns.values()
        if not c.generated and c.identity != "a"
    }
    return statements.insert(table, values, overriding=False)


def _rules_others(scene: Scene, own: _Own, begun: str, rank: str) -> bool:
    """Whether it is a rank: who has it may change what others are, and a beginner may not."""
    reached = []
    functions = [f for f in callable_by(scene, own.persona) if own.sample in samples_of(scene, f)]
    calls = [c for f in functions if f.volatility == "v" for c in _calls(scene, own, f, "")]
    for value in (begun, rank):
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in (*own.setup, own.say(value))):
                return False
            touch = own.say_of_others(begun)
            answers = scene.ask(own.persona, [[touch], *([call.statement] for call in calls)])
            reached.append([not a.sqlstate and a.counts[0] > 0 for a in answers])
    return any(after and not before for before, after in zip(*reached, strict=True))


def _calls(scene: Scene, own: _Own, function: Function, better: str) -> list[Call]:
    """Calls that say a rank of the caller; of anybody where that is ""."""
    some = [
        arguments
        for arguments in argument_lists(scene, function)
        if not better or (own.persona.id in arguments and better in arguments)
    ]
    return [Call(function=function, arguments=one, persona=own.persona) for one in some[:_CALLS]]


def _try(scene: Scene, own: _Own, ranks: tuple[str, str, str]) -> Iterator[Finding]:
    begun, rank, better = ranks
    ways: list[tuple[str, Function | None]] = [(own.say(better), None)]
    for function in callable_by(scene, own.persona):
        if function.volatility == "v" and own.sample in samples_of(scene, function):
            ways += [(call.statement, function) for call in _calls(scene, own, function, better)]
    for text, called in ways:
        ready = tuple(Step(statement=setup) for setup in own.setup)
        promotion = Step(who=own.persona, statement=text, shows=ROWS)
        risen = Step(statement=own.look(better), shows=ROWS)
        steps = (*ready, Step(statement=own.say(rank), shows=ROWS), promotion, risen)
        first = (*ready, Step(statement=own.say(begun), shows=ROWS))
        if plays(scene.session, steps) and not _rises(scene, first, text, own, better, own.persona):
            yield _tell(scene, own, ranks, steps, called)


def _rises(  # noqa: PLR0913, PLR0917 - by whom, and how
    scene: Scene, ready: Steps, text: str, own: _Own, better: str, persona: Persona
) -> bool:
    """Whether a beginner does it as well: then it is no rank that lets him, and others tell it."""
    with scene.session.undone():
        if not all(run(scene.session, None, step.statement) for step in ready):
            return True
        run(scene.session, persona, text)
        return plays(scene.session, (Step(statement=own.look(better), shows=ROWS),))


def _tell(
    scene: Scene, own: _Own, ranks: tuple[str, str, str], steps: Steps, function: Function | None
) -> Finding:
    table, name = own.sample.table, own.persona.name
    _, rank, better = ranks
    policies = [p for p in table.privileges[own.persona.role].policies if p.command in ("update", "all")]
    about = ObjectKey(kind="relation", object=table.name, name="")
    how = f"calls {function.function}, and" if function else f"changes {name}'s own row, and"
    left = table.privileges[own.persona.role].update - {own.column.name}
    return Finding(
        rule="chains",
        object=function.function if function else own.sample.object,
        columns=() if function else (own.column.name,),
        actions=("execute",) if function else ("update",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name}, whose {own.column.name} in {table.name} is {rank!r}, {how} is {better!r} then, "
        "which something asks for and who begins may not.",
        steps=steps,
        cause=f"promoted {function.function if function else own.sample.object}",
        about=(ObjectKey(kind="function", object=function.function, name=""),)
        if function
        else (*(p.key for p in policies), about),
        candidates=() if function else (left_to_update(table, own.persona.role, left),),
    )
