"""What depends on columns that users write themselves: what was refused goes through then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, make_calls
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.rules.depends.entrusted import find_entrusted
from pgassay.audit.rules.depends.granted import find_granted
from pgassay.audit.rules.depends.rewritten import find_rewritten
from pgassay.audit.rules.depends.set_aside import find_set_aside
from pgassay.audit.rules.depends.wiped import find_wiped
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import left_to_update, own_inserts, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Function, ObjectKey, Policy, Trigger
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS, TEXTS, literal
from pgassay.observation import Outcome, Persona

RULE = "depends"
_FAR = ("0", "100000", "-100000", "30000")  # of the smallest type, too


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column of a user's own rows that the user may change."""

    sample: Sample
    column: Column
    persona: Persona

    def update(self, value: str) -> str:
        own = own_condition(self.sample, self.persona)
        return f"update {self.sample.table.name} as t set {self.column.quoted} = {literal(value)} where {own}"


@dataclass(frozen=True, kw_only=True)
class _Deed:
    """What the column may decide about, where, and by what texts."""

    object: str
    told: str
    statements: tuple[str, ...]
    sample: Sample
    texts: tuple[str, ...]


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each column, by the first deed that it decides about."""
    done: set[tuple[str, str]] = set()
    for persona in scene.users:
        for one in _columns(scene, persona):
            key = (one.sample.object, one.column.name)
            if key in done:
                continue
            found = next((f for deed in _deeds(scene, one) if (f := _try(scene, one, deed))), None)
            if found:
                done.add(key)
                yield found
    yield from find_wiped(scene)
    yield from find_granted(scene)
    yield from find_set_aside(scene)
    for found in find_rewritten(scene):
        done |= {(found.object, name) for name in found.columns}
        yield found
    yield from find_entrusted(scene, done)


def _columns(scene: Scene, persona: Persona) -> Iterator[_Column]:
    """Numbers, truth values, labels and texts that the user changes in rows of his own, says the matrix."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        free = {
            cell.key.variant.split("=")[0]
            for cell in scene.cells.get((sample.object, Action.UPDATE), ())
            if cell.key.persona == persona.name
            and cell.key.rows is RowClass.OWN
            and cell.outcome is Outcome.ALLOWED
        }
        keys = {name for index in sample.table.unique for name in index.columns}
        refers = {name for key in sample.table.foreign_keys for name in key.columns}
        for column in sample.table.columns.values():
            is_plain = column.base in (*NUMBERS, *TEXTS, "bool") or bool(column.labels)
            if is_plain and column.name in free - keys - refers - owner_columns(sample):
                yield _Column(sample=sample, column=column, persona=persona)


def _deeds(scene: Scene, one: _Column) -> Iterator[_Deed]:
    """Calls of functions that name the column, and INSERTs into other tables that come to ask for it."""
    for function in callable_by(scene, one.persona):
        if function.volatility == "v" and _names(function.text, one) and not scene.is_unending(function):
            calls = [
                Call(function=function, arguments=some, persona=one.persona)
                for some in argument_lists(scene, function)
            ]
            if make_calls(scene, one.persona, calls[:1]):
                name = function.function
                yield _Deed(
                    object=name,
                    told=f"{name} goes",
                    statements=tuple(call.statement for call in calls),
                    sample=one.sample,
                    texts=(function.text,),
                )
    for sample in scene.samples:
        asking = tuple(text for text in _guards(scene, sample) if _names(text, one))
        if sample is not one.sample and asking:
            yield _Deed(
                object=sample.object,
                told=f"an INSERT into {sample.object} goes",
                statements=tuple(write.statement for write in own_inserts(sample, one.persona)),
                sample=sample,
                texts=asking,
            )


def _names(text: str, one: _Column) -> bool:
    return {one.column.name, one.sample.table.relation} <= find_literals([text]).words


def _guards(scene: Scene, sample: Sample) -> Iterator[str]:
    """Triggers and policies of a table, and the functions that these use."""
    policies: Sequence[Policy] = scene.policies.get(sample.table.oid, ())
    yield from (text for policy in policies for _, text in policy.clauses)
    triggers = {t.function for t in scene.catalog.of(Trigger) if t.relation_oid == sample.table.oid}
    reached = scene.inventory.reach(sample.table.name) | triggers
    yield from (scene.functions[name].text for name in sorted(reached & scene.functions.keys()))


def _values(one: _Column, texts: Sequence[str]) -> list[str]:
    if one.column.labels:
        return list(one.column.labels[:6])
    if one.column.base in TEXTS:
        return ["", *find_literals(texts).strings[:6]]
    return ["false", "true"] if one.column.base == "bool" else list(_FAR)


def _try(scene: Scene, one: _Column, deed: _Deed) -> Finding | None:
    """The owner sees to it that the column says one thing, and the user says another.

    As things are, and once a first deed has made the row that counts the next ones.
    """
    for first in ("", *_firsts(scene, one, deed)):
        answers = {value: _answers(scene, one, deed, value, first) for value in _values(one, deed.texts)}
        for before, refused in answers.items():
            for after, done in answers.items():
                for text in deed.statements:
                    code = refused.get(text, "")
                    if code and not code.startswith(OF_VALUES) and done.get(text, "-") == "":
                        return _shown(scene, one, deed, (first, text), (before, after, code))
    return None


def _firsts(scene: Scene, one: _Column, deed: _Deed) -> Iterator[str]:
    """The first statement that enters a row of the column's."""
    known = {row.key for row in one.sample.rows}
    answers = scene.ask(one.persona, [[text, AS_OWNER, look_new(one.sample)] for text in deed.statements])
    pairs = zip(deed.statements, answers, strict=True)
    entered = (t for t, a in pairs if not a.sqlstate and any(row[:-1] not in known for row in a.rows[2]))
    yield from islice(entered, 1)


def _answers(scene: Scene, one: _Column, deed: _Deed, value: str, first: str) -> dict[str, str]:
    """By statement: the SQLSTATE, "" where it wrote something; nothing of what did neither."""
    look = look_new(deed.sample)
    with scene.session.undone():
        if first and not run(scene.session, one.persona, first):
            return {}
        if not run(scene.session, None, one.update(value)):
            return {}
        answers = scene.ask(one.persona, [[text, AS_OWNER, look] for text in deed.statements])
    return {
        text: answer.sqlstate
        for text, answer in zip(deed.statements, answers, strict=True)
        if answer.sqlstate or answer.counts[0] > 0
    }


def _shown(
    scene: Scene, one: _Column, deed: _Deed, texts: tuple[str, str], said: tuple[str, str, str]
) -> Finding | None:
    """Whether the user's own UPDATE brings it about."""
    before, after, _ = said
    first, text = texts
    with scene.session.undone():
        if first and not run(scene.session, one.persona, first):
            return None
        if not run(scene.session, None, one.update(before)):
            return None
        if not run(scene.session, one.persona, one.update(after)) or not run(
            scene.session, one.persona, text
        ):
            return None
    return _tell(scene, one, deed, texts, said)


def _tell(
    scene: Scene, one: _Column, deed: _Deed, texts: tuple[str, str], said: tuple[str, str, str]
) -> Finding:
    before, after, code = said
    first, text = texts
    table, name, persona = one.sample.table, one.column.name, one.persona
    left = table.privileges[persona.role].update - {name}
    return Finding(
        rule=RULE,
        object=one.sample.object,
        columns=(name,),
        actions=("update",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} sets {table.name}.{name} of {persona.name}'s own row from {before!r} "
        f"to {after!r}, and {deed.told} through, which was refused before ({code}).",
        steps=(
            *((Step(who=persona, statement=first),) if first else ()),
            Step(statement=one.update(before), shows=ROWS),
            Step(who=persona, statement=text, shows=code),
            Step(who=persona, statement=one.update(after), shows=ROWS),
            Step(who=persona, statement=text),
        ),
        cause=f"own update {one.sample.object} {name}",
        about=(ObjectKey(kind="relation", object=table.name, name=""), *_of(scene, deed)),
        candidates=(left_to_update(table, persona.role, left),),
    )


def _of(scene: Scene, deed: _Deed) -> Iterator[ObjectKey]:
    function: Function | None = scene.functions.get(deed.object)
    if function:
        yield ObjectKey(kind="function", object=deed.object, name="")
