"""Twice is not once: a call about one row, repeated, inserts or pays the same again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, make_calls, samples_of, setups, untaken
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.rules.twice.payments import Looked, Paid, paid_again, rewarded_again
from pgassay.audit.rules.twice.regiven import find_regiven
from pgassay.audit.rules.twice.replayed import find_replayed
from pgassay.audit.rules.twice.used import find_used
from pgassay.audit.scene import Scene, run
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS, TEXTS, condition
from pgassay.observation import Persona

RULE = "twice"
_SETUPS = 12


def find(scene: Scene) -> Iterator[Finding]:
    """Of functions that write what their caller may not write."""
    done: set[str] = set()
    for persona in scene.users:
        for function in callable_by(scene, persona):
            may_write = function.definer and function.volatility == "v"
            if may_write and function.function not in done and (found := _try(scene, persona, function)):
                done.add(function.function)
                yield found
    yield from find_used(scene, done)
    yield from find_replayed(scene)
    yield from find_regiven(scene)


def _try(scene: Scene, persona: Persona, function: Function) -> Finding | None:
    samples = [s for s in samples_of(scene, function) if not _may_insert(s, persona)]
    keys = {value for s in samples_of(scene, function) for value in _named_rows(s)}
    lists = [some for some in argument_lists(scene, function) if some and set(some) & keys]
    if not samples or not lists:
        return None
    for number, setup in enumerate(chain(setups(scene, function), untaken(scene, function))):
        if number >= _SETUPS:
            return None
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in setup):
                continue
            found = _repeat(scene, persona, function, samples=samples, lists=lists, setup=setup)
        if found:
            return found
    return None


def _named_rows(sample: Sample) -> Iterator[str]:
    """What names a row: its own, or one that it refers to."""
    alone = (index.columns[0] for index in sample.table.unique if len(index.columns) == 1)
    columns = {*sample.key, *alone, *(name for key in sample.table.foreign_keys for name in key.columns)}
    return (value for row in sample.rows for name in columns if (value := row.values[name]))


def _may_insert(sample: Sample, persona: Persona) -> bool:
    held = sample.table.privileges[persona.role]
    asked = [p for p in held.policies if p.command in ("insert", "all")]
    return bool(held.insert) and (not held.filtered or bool(asked))


def _repeat(  # noqa: PLR0913 - one attempt, by name
    scene: Scene,
    persona: Persona,
    function: Function,
    *,
    samples: list[Sample],
    lists: list[tuple[str | None, ...]],
    setup: tuple[str, ...],
) -> Finding | None:
    looks = [look_new(sample) for sample in samples_of(scene, function)]
    # A table without a key may have the same row twice.
    before = {s.object: {r.key for r in s.rows if s.table.unique} for s in samples_of(scene, function)}
    calls = [Call(function=function, arguments=some, persona=persona, setup=setup) for some in lists]
    answers = make_calls(scene, persona, calls, AS_OWNER, *looks)
    alive = [call for call, answer in answers if not answer.sqlstate and any(answer.rows[2:])]
    for call in alive:
        with scene.session.undone():
            prepared = _look(scene, looks)
            run(scene.session, persona, call.statement)
            once = _look(scene, looks)
            run(scene.session, persona, call.statement)
            twice = _look(scene, looks)
        if not _names_rows(scene, call, looks, before):
            continue
        states = (samples_of(scene, function), persona, prepared, once, twice)
        if paid := paid_again(*states) or rewarded_again(*states):
            return _tell_paid(scene, call, paid)
        if taken := _taken_over(scene, call, looks, (prepared, once)):
            return taken
        if _keeps(before, prepared, once, twice):
            continue
        for sample, first, second in zip(samples_of(scene, function), once, twice, strict=True):
            new = [row for row in first if row[:-1] not in before[sample.object]]
            more = list((Counter(second) - Counter(first)).elements())  # a table may have no key
            is_same = sample in samples and new and len(more) == len(new) and _like(sample, new[0], more[0])
            if is_same and not _is_posting(sample, call, new[0]):
                return _tell(scene, call, sample)
    return None


def _is_posting(sample: Sample, call: Call, row: tuple[str | None, ...]) -> bool:
    """Whether it says what its caller wrote, and no number: another entry of a log, and no payment."""
    table = sample.table
    fixed = {*sample.key, *(name for key in table.foreign_keys for name in key.columns)}
    values = {name: value for name, value in json.loads(row[-1] or "{}").items() if name not in fixed}
    written = (n for n, v in values.items() if table.columns[n].base in TEXTS and v in call.arguments)
    return any(written) and not any(table.columns[name].base in NUMBERS for name in values)


def _taken_over(
    scene: Scene, call: Call, looks: list[str], states: tuple[list[Looked], list[Looked]]
) -> Finding | None:
    """The same call by somebody else, after which the row that says who did it says that it was he."""
    persona = call.persona
    for other in (user for user in scene.users if user != persona):
        with scene.session.undone():
            run(scene.session, persona, call.statement)
            if not run(scene.session, other, call.statement):
                continue
            after = _look(scene, looks)
        for sample, begun, first, second in zip(
            samples_of(scene, call.function), *states, after, strict=True
        ):
            known: dict[tuple[str | None, ...], Mapping[str, object]] = {r.key: r.values for r in sample.rows}
            known |= {row[:-1]: json.loads(row[-1] or "{}") for row in begun}
            later = {row[:-1]: json.loads(row[-1] or "{}") for row in second}
            for *key, document in first:
                was, mine = known.get(tuple(key), {}), json.loads(document or "{}")
                now = later.get(tuple(key), {})
                for name in was:
                    if (was[name], mine.get(name), now.get(name)) == (None, persona.id, other.id):
                        return _tell_taken(call, other, sample, tuple(key), name)
    return None


def _tell_taken(
    call: Call, other: Persona, sample: Sample, key: tuple[str | None, ...], column: str
) -> Finding:
    name, persona = call.function.function, call.persona
    look = f"select 1 from {sample.table.name} as t where {condition(sample.key, key)} and t.{quoted(column)}"
    return Finding(
        rule=RULE,
        object=name,
        actions=("execute",),
        who=(persona.name, other.name),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} calls {name}, and {other.name} does the same: {column} of {sample.object} "
        f"says of one row that it was {persona.name}, and then {other.name}, and refuses neither.",
        steps=(
            *(Step(statement=text) for text in call.setup),
            Step(who=persona, statement=call.statement),
            Step(statement=f"{look} = '{persona.id}'", shows=ROWS),
            Step(who=other, statement=call.statement),
            Step(statement=f"{look} = '{other.id}'", shows=ROWS),
        ),
        cause=f"twice {name}",
        about=(ObjectKey(kind="function", object=name, name=""),),
    )


Keys = Mapping[str, Set[tuple[str | None, ...]]]


def _names_rows(scene: Scene, call: Call, looks: list[str], before: Keys) -> bool:
    """Whether what it enters depends on the rows that it names: a price that is some row's key is a price."""
    some = tuple(_of_none(type_) or a for a, type_ in zip(call.arguments, call.function.types, strict=True))
    answers = make_calls(scene, call.persona, [replace(call, arguments=some)], AS_OWNER, *looks)
    return all(
        answer.sqlstate
        or all(
            row[:-1] in keys
            for keys, look in zip(before.values(), answer.rows[2:], strict=True)
            for row in look
        )
        for _, answer in answers
    )


def _of_none(type_: str) -> str:
    """What names no row."""
    if type_ in NUMBERS:
        return "30011"
    return "5e0c0de5-0000-4000-8000-00000000000d" if type_ == "uuid" else "pgassay-none" * (type_ in TEXTS)


def _keeps(before: Keys, *looks: list[Looked]) -> bool:
    """Whether the call changed a row that was there, such as a balance: the next one finds another state.

    What only counts up, by as much each time, such as votes, tells nobody that it was done.
    """
    for keys, *states in zip(before.values(), *looks, strict=True):
        prepared, once, twice = ({row[:-1]: json.loads(row[-1] or "{}") for row in some} for some in states)
        for key in once.keys() & keys:
            if once[key] != prepared.get(key) and not _counts_up(once[key], twice.get(key, {})):
                return True
    return False


def _counts_up(first: Mapping[str, object], second: Mapping[str, object]) -> bool:
    """Whether nothing but numbers differ, and these are more."""
    pairs = [(first[name], second.get(name)) for name in first if first[name] != second.get(name)]
    return bool(pairs) and all(
        isinstance(one, int | float) and isinstance(other, int | float) and other > one
        for one, other in pairs
    )


def _look(scene: Scene, looks: list[str]) -> list[Looked]:
    answers = scene.ask(None, [[look] for look in looks])
    return [list(answer.rows[0]) if not answer.sqlstate else [] for answer in answers]


def _like(sample: Sample, first: tuple[str | None, ...], second: tuple[str | None, ...]) -> bool:
    """The same but for keys and times."""
    keys = {name for index in sample.table.unique for name in index.columns if index.primary}
    one, other = (json.loads(row[-1] or "{}") for row in (first, second))
    names = [n for n in one if n not in keys and not sample.table.columns[n].base.startswith("timestamp")]
    return bool(names) and all(one[name] == other[name] for name in names)


def _tell_paid(scene: Scene, call: Call, paid: Paid) -> Finding:
    look = f"select 1 from {paid.sample.table.name} as t where {condition(paid.sample.key, paid.key)}"
    more = Step(statement=f"{look} and t.{quoted(paid.column)} = {paid.twice:.15g}", shows=ROWS)
    told = f"{paid.column} of {call.persona.name}'s own row in {paid.sample.object} grows each time"
    finding = _tell(scene, call, paid.sample)
    name = call.function.function
    kept = (
        f"{paid.record.object} keeps that it was done, and does not" if paid.record else "nothing is there to"
    )
    return replace(
        finding,
        sentence=f"{call.persona.name} calls {name} twice with the same, and {told}: {kept} refuse it.",
        steps=(*finding.steps[:-1], more),
    )


def _tell(scene: Scene, call: Call, sample: Sample) -> Finding:
    name = call.function.function
    look = f"select 1 from {sample.table.name} as t where pg_catalog.age(t.xmin) <= 0"
    again = f"{look} group by () having count(*) > 1"
    return Finding(
        rule=RULE,
        object=name,
        actions=("execute",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{call.persona.name} calls {name} twice for the same row, and {sample.object} has the same "
        "entry twice: nothing keeps that it was done.",
        steps=(
            *(Step(statement=text) for text in call.setup),
            Step(who=call.persona, statement=call.statement),
            Step(who=call.persona, statement=call.statement),
            Step(statement=again, shows=ROWS),
        ),
        cause=f"twice {name}",
        about=(ObjectKey(kind="function", object=name, name=""),),
    )
