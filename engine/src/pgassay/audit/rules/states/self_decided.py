"""Functions by which a user decides about a row of his own, and a policy for INSERT keeps him from that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, make_calls, samples_of, setups
from pgassay.audit.confirmation import plays
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.ranks import memberless, unranked
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import insert_of, owner_columns, with_value
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, Function, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, TEXTS, condition, literal
from pgassay.observation import Persona

_REFUSED = "42501"
_SETUPS, _CALLS, _ROWS = 6, 24, 2


def find_self_decided(scene: Scene) -> Iterator[Finding]:
    """One finding for each function."""
    done: set[str] = set()
    for persona in scene.users:
        for function in callable_by(scene, persona):
            is_writing = function.definer and function.volatility == "v" and bool(function.types)
            if not is_writing or function.function in done or scene.is_unending(function):
                continue
            if found := next(_of(scene, persona, function), None):
                done.add(function.function)
                yield found


def _of(scene: Scene, persona: Persona, function: Function) -> Iterator[Finding]:
    for sample in samples_of(scene, function):
        for column, values in _kept(scene, sample, persona).items():
            for row in [row for row in sample.rows if _is_own(sample, row, persona)][:_ROWS]:
                if found := _try(scene, persona, function, (sample, row), (column, values)):
                    yield found


def _kept(scene: Scene, sample: Sample, persona: Persona) -> dict[str, set[str]]:
    """By column of text or labels what an INSERT of an own row may not say, where it may say something."""
    table = sample.table
    if table.kind not in "rp" or sample.object != table.name or not table.secured or not sample.rows:
        return {}
    write = insert_of(sample, persona, sample.rows[0], **dict.fromkeys(_loose(sample)))
    found: dict[str, set[str]] = {}
    if write is None:
        return {}
    for name in _plain(table) & set(write.values):
        values = _values(scene, table, name)
        tries = [with_value(write, name, value) for value in values]
        codes = [a.sqlstate for a in scene.ask(persona, [[one.statement] for one in tries])]
        if any(code != _REFUSED for code in codes):
            found[name] = {v for v, code in zip(values, codes, strict=True) if code == _REFUSED}
    return {name: some for name, some in found.items() if some}


def _plain(table: Table) -> set[str]:
    fixed = {name for index in table.unique for name in index.columns}
    fixed |= {name for key in table.foreign_keys for name in key.columns}
    return {
        c.name
        for c in table.columns.values()
        if (c.base in TEXTS or c.labels) and c.name not in fixed and not c.generated
    }


def _values(scene: Scene, table: Table, name: str) -> list[str]:
    labels = table.columns[name].labels
    return list(labels) if labels else [text for text in scene.literals.strings if text]


def _try(
    scene: Scene,
    persona: Persona,
    function: Function,
    of: tuple[Sample, Row],
    kept: tuple[str, set[str]],
) -> Finding | None:
    """A call that names the row, after which it says what its caller chose, and could not have begun with."""
    (sample, row), (column, values) = of, kept
    apart = tuple(_apart(samples_of(scene, function)))
    lists = [some for some in argument_lists(scene, function) if row.key[0] in some and values & {*some}]
    calls = [Call(function=function, arguments=some, persona=persona) for some in lists[:_CALLS]]
    for setup in islice(setups(scene, function), _SETUPS) if calls else ():
        ready = (*apart, *setup)
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in ready):
                continue
            answers = make_calls(scene, persona, calls, AS_OWNER, look_new(sample))
        listed = _listed(scene, sample)
        if any(
            a.sqlstate and a.sqlstate[:2] not in OF_VALUES and listed & values & call.said
            for call, a in answers
        ):
            continue  # somebody chose which steps there are
        for call, answer in answers:
            now = {} if answer.sqlstate else {tuple(key): text for *key, text in answer.rows[2]}
            value = json.loads(now.get(row.key) or "{}").get(column)
            if value in values and value in call.said and value != row.values[column]:
                named = condition(sample.key, row.key)
                look = f"select 1 from {sample.table.name} where {named} and {condition((column,), (value,))}"
                steps = (Step(who=persona, statement=call.statement), Step(statement=look, shows=ROWS))
                begun = tuple(Step(statement=text) for text in ready)
                if plays(scene.session, (*begun, *steps)) and not _by_rank(scene, call, begun, steps):
                    return _tell(scene, call, (sample, column, value), (*begun, *steps))
    return None


def _is_own(sample: Sample, row: Row, persona: Persona) -> bool:
    """Whether it is his and nobody else's, whoever has to do with it later."""
    return {row.values[name] for name in owner_columns(sample) - {*_loose(sample)}} == {persona.id}


def _loose(sample: Sample) -> list[str]:
    """Columns for users besides another one, where there need be none."""
    names = sorted(owner_columns(sample))
    loose = [name for name in names if not sample.table.columns[name].not_null]
    return loose if len(loose) < len(names) else []


def _apart(samples: list[Sample]) -> Iterator[str]:
    """Nobody is set over himself."""
    for sample in samples:
        names = sorted(owner_columns(sample))
        for name in _loose(sample):
            others = (f"{quoted(name)} = {quoted(other)}" for other in names if other != name)
            yield f"update {sample.table.name} set {quoted(name)} = null where {' or '.join(others)}"


def _listed(scene: Scene, sample: Sample) -> set[str]:
    """What CHECKs and enums list."""
    checks = [c for c in scene.catalog.parts(Constraint).get(sample.table.oid, ()) if c.type == "c"]
    labels = (label for column in sample.table.columns.values() for label in column.labels)
    return {*find_literals([check.definition for check in checks]).strings, *labels}


def _by_rank(scene: Scene, call: Call, begun: Steps, steps: Steps) -> bool:
    """Whether it is only done by who has something said of him, or is in a group where others let him in."""
    samples = samples_of(scene, call.function)
    texts = [*unranked(scene, call.persona, samples)]
    texts += [text for sample in samples for text in memberless(scene, sample, call.persona)]
    return any(not plays(scene.session, (*begun, Step(statement=text), *steps)) for text in texts)


def _tell(scene: Scene, call: Call, said: tuple[Sample, str, str], steps: Steps) -> Finding:
    (sample, column, value), name = said, call.persona.name
    return Finding(
        rule="states",
        object=call.function.function,
        actions=("execute",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} calls {call.function.function}, and {column} of a row of {name}'s own in "
        f"{sample.object} is {literal(value)}, which an INSERT of such a row may not say.",
        steps=steps,
        cause=f"decides {call.function.function}",
        about=(ObjectKey(kind="function", object=call.function.function, name=""),),
    )
