"""Precedence: a policy joins with AND and OR, and what stands behind OR lets others' rows through alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, key_expression, run
from pgassay.audit.spelling import Reading, is_mixed, otherwise_grouped
from pgassay.audit.words import anyone, does
from pgassay.audit.writes import insert_of, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, condition
from pgassay.observation import Persona

RULE = "precedence"
_REFUSED = "42501"
_ROWS = 12


@dataclass(frozen=True, kw_only=True)
class _Parent:
    """What a row belongs to: a row of another table, named by a column that the policy asks for."""

    sample: Sample
    column: str
    target: str

    def look(self, value: str) -> str:
        return f"select 1 from {self.sample.table.name} where {condition((self.target,), (value,))}"

    def hides(self, persona: Persona, values: Mapping[str, str | None]) -> Steps:
        """That the persona does not see what the row belongs to."""
        return (Step(who=persona, statement=self.look(values[self.column] or ""), shows=NO_ROWS_SHOWN),)


@dataclass(frozen=True, kw_only=True)
class _Grouped:
    """A clause of a policy as it could be meant, and what is behind its OR."""

    policy: Policy
    clause: str
    reading: Reading

    def replaced(self, text: str) -> str:
        return f"alter policy {self.policy.quoted} on {self.policy.table} {self.clause} ({text})"


@dataclass(frozen=True, kw_only=True)
class _Deed:
    persona: Persona
    verb: str
    steps: Steps
    blind: bool = False
    below: bool = True


def find(scene: Scene) -> Iterator[Finding]:
    """Of tables whose rows belong to rows that strangers do not see; one finding for each policy.

    And of those whose rows are users', where what is behind OR asks again for what was asked for in front.
    """
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or not table.secured or sample.object != table.name:
            continue
        for policy in scene.policies.get(table.oid, ()):
            if policy.permissive and is_mixed(scene.scripts, scene.definitions, policy):
                deeds = [d for one in _grouped(policy) for d in _deeds(scene, sample, one)]
                if deeds:
                    yield _tell(scene, sample, policy, deeds)


def _grouped(policy: Policy) -> Iterator[_Grouped]:
    for clause, text in policy.clauses:
        for reading in otherwise_grouped(text):
            yield _Grouped(policy=policy, clause=clause, reading=reading)


def _deeds(scene: Scene, sample: Sample, one: _Grouped) -> Iterator[_Deed]:
    for setup in _setups(scene, sample, one):
        with scene.session.undone():
            if all(run(scene.session, None, text) for text in setup):
                deeds = list(_deeds_now(scene, sample, one))
            else:
                deeds = []
        yield from (replace(d, steps=(*(Step(statement=text) for text in setup), *d.steps)) for d in deeds)
        if deeds:
            return


def _setups(scene: Scene, sample: Sample, one: _Grouped) -> Iterator[tuple[str, ...]]:
    """As things are; of a subquery also with what is behind OR in the rows that it reads."""
    yield ()
    said = find_literals([one.reading.alone])
    for other in scene.samples if one.reading.within else ():
        if other is not sample and other.table.name in scene.inventory.reach(sample.table.name):
            for column in (c for c in other.table.columns.values() if c.name in said.words):
                values = said.strings if column.base in statements.TEXTS else column.labels
                for value in [*(v for v in values if v in said.strings), *["true"] * (column.base == "bool")]:
                    yield (statements.update(other.table, column.name, statements.literal(value)),)


def _deeds_now(scene: Scene, sample: Sample, one: _Grouped) -> Iterator[_Deed]:
    parents = list(_parents(scene, sample, one))
    if not parents or not _asks_nobody(scene, sample, one):
        return
    for persona in scene.people:
        policies = {policy.name for policy in sample.table.privileges[persona.role].policies}
        if one.policy.name not in policies:
            continue
        for parent in parents:
            if one.clause == "using":
                yield from _reached(scene, sample, one, persona, parent)
            else:
                yield from _entered(scene, sample, one, persona, parent)


def _parents(scene: Scene, sample: Sample, one: _Grouped) -> Iterator[_Parent | None]:
    """Of columns that are asked for in front of OR, and not behind it; None: the users themselves."""
    behind = find_literals([one.reading.alone]).words & sample.table.columns.keys()
    before = find_literals([one.reading.arm]).words & sample.table.columns.keys()
    if behind and behind <= before - owner_columns(sample) and owner_columns(sample) & before:
        yield None
    asked = find_literals([one.reading.narrow]).words - find_literals([one.reading.alone]).words
    for key in sample.table.foreign_keys:
        parent = scene.sample_of.get(key.target or "")
        if len(key.columns) != 1 or parent is None or parent is sample or not parent.table.secured:
            continue
        if key.columns[0] in asked - owner_columns(sample) and parent.key == key.target_columns:
            yield _Parent(sample=parent, column=key.columns[0], target=key.target_columns[0])


def _asks_nobody(scene: Scene, sample: Sample, one: _Grouped) -> bool:
    """Whether what is behind OR is the same for all users, and so says nothing of who they are.

    Or of a subquery: it is the same for all rows, and has lost the row.
    """
    texts = [f"select {key_expression(sample.key)} from {sample.table.name} where {one.reading.alone}"]
    with scene.session.undone():
        if not run(scene.session, None, f"alter table {sample.table.name} disable row level security"):
            return False
        found = [scene.ask(user, [texts]) for user in scene.users]
    if any(answer.sqlstate for [answer] in found):
        return False
    some = {frozenset(answer.rows[0]) for [answer] in found}
    return len(some) == 1 or (one.reading.within and all(len(o) in (0, len(sample.rows)) for o in some))


def _hidden(scene: Scene, persona: Persona, sample: Sample, parent: _Parent | None) -> list[Row]:
    """Rows below a row that the persona does not see; those of others."""
    if parent is None:
        return [row for row in sample.rows if row.owners and persona.id not in row.owners]
    values = {value for row in sample.rows if (value := row.values[parent.column])}
    looks = {value: parent.look(value) for value in sorted(values)}
    answers = scene.ask(persona, [[look] for look in looks.values()])
    closed = {
        value
        for value, answer in zip(looks, answers, strict=True)
        if not answer.sqlstate and not answer.rows[0]
    }
    return [r for r in sample.rows if r.values[parent.column] in closed and persona.id not in r.owners]


def _reached(
    scene: Scene, sample: Sample, one: _Grouped, persona: Persona, parent: _Parent | None
) -> Iterator[_Deed]:
    """Rows below what is hidden that are reached, and are not as the policy could be meant."""
    rows = _hidden(scene, persona, sample, parent)
    verbs = ("select", "update", "delete") if one.policy.command == "all" else (one.policy.command,)
    for verb in verbs:
        now = _touched(scene, sample, persona, verb)
        with scene.session.undone():
            ran = run(scene.session, None, one.replaced(one.reading.narrow))
            meant = _touched(scene, sample, persona, verb) if ran else now
        for row in [row for row in rows if row.key in now - meant][:1]:
            look = parent.hides(persona, row.values) if parent else ()
            named, seen = condition(sample.key, row.key), f"select 1 from {sample.table.name}"
            if verb == "select":
                read = Step(who=persona, statement=f"{seen} where {named}", shows=ROWS)
                yield _Deed(persona=persona, verb=verb, steps=(*look, read), below=bool(parent))
                continue
            written = Step(
                who=persona, statement=f"{_write(sample, persona, verb)} where {named}", shows=ROWS
            )
            [answer] = scene.ask(persona, [[written.statement]])
            if not answer.sqlstate and answer.counts[0] > 0:
                yield _Deed(persona=persona, verb=verb, steps=(*look, written), below=bool(parent))
            elif verb == "delete":
                steps = (
                    Step(who=persona, statement=_write(sample, persona, verb), shows=ROWS),
                    Step(statement=f"{seen} where {named}", shows=NO_ROWS_SHOWN),
                )
                yield _Deed(persona=persona, verb=verb, steps=(*look, *steps), blind=True, below=bool(parent))


def _write(sample: Sample, persona: Persona, verb: str) -> str:
    """All that can be reached: an UPDATE that changes nothing, a DELETE; "" where it may not."""
    table, held = sample.table, sample.table.privileges[persona.role]
    if verb == "delete":
        return statements.delete(table) if held.delete else ""
    plain = (c for c in table.columns.values() if c.name in held.update and not c.generated)
    column = next(plain, None)
    return statements.update(table, column.name, column.quoted) if column else ""


def _touched(scene: Scene, sample: Sample, persona: Persona, verb: str) -> frozenset[tuple[str | None, ...]]:
    keys = f"select {key_expression(sample.key, 't')} from {sample.table.name} as t"
    if verb == "select":
        [answer] = scene.ask(persona, [[keys]])
        return frozenset() if answer.sqlstate else frozenset(answer.rows[0])
    if not (write := _write(sample, persona, verb)):
        return frozenset()
    fresh = "" if verb == "delete" else " where pg_catalog.age(t.xmin) <= 0"
    [answer] = scene.ask(persona, [[write, AS_OWNER, f"{keys}{fresh}"]])
    found = frozenset() if answer.sqlstate else frozenset(answer.rows[2])
    if answer.sqlstate or verb == "update":
        return found - frozenset(_fresh(scene, keys)) if found else found
    return frozenset(row.key for row in sample.rows) - found


def _fresh(scene: Scene, keys: str) -> tuple[tuple[str | None, ...], ...]:
    """What this transaction wrote before."""
    [answer] = scene.ask(None, [[f"{keys} where pg_catalog.age(t.xmin) <= 0"]])
    return () if answer.sqlstate else answer.rows[0]


def _entered(
    scene: Scene, sample: Sample, one: _Grouped, persona: Persona, parent: _Parent | None
) -> Iterator[_Deed]:
    """Rows that go in below what is hidden, and do not as the policy could be meant."""
    if one.policy.command not in ("insert", "all"):
        return
    writes = [
        write
        for row in _hidden(scene, persona, sample, parent)[:_ROWS]
        if (write := insert_of(sample, persona, row))
    ]
    answers = scene.ask(persona, [[write.statement] for write in writes])
    went = [w for w, answer in zip(writes, answers, strict=True) if not answer.sqlstate]
    with scene.session.undone():
        run(scene.session, None, one.replaced(one.reading.narrow))
        answers = scene.ask(persona, [[write.statement] for write in went])
    for write, answer in zip(went, answers, strict=True):
        if answer.sqlstate == _REFUSED:
            look = parent.hides(persona, write.values) if parent else ()
            steps = (*look, Step(who=persona, statement=write.statement, shows=ROWS))
            yield _Deed(persona=persona, verb="insert", steps=steps, below=bool(parent))
            return


def _tell(scene: Scene, sample: Sample, policy: Policy, deeds: list[_Deed]) -> Finding:
    table = sample.table
    verbs = [v for v in ("update", "delete", "insert", "select") if any(d.verb == v for d in deeds)]
    who = [p for p in scene.people if any(d.persona == p for d in deeds)]
    first = min(deeds, key=lambda d: (verbs.index(d.verb), d.blind))
    writes = first.verb != "select" and not first.blind
    of = sample.object
    what = f"rows of {of} below rows that are hidden" if first.below else f"rows of others in {of}"
    narrowed = [one.replaced(one.reading.narrow) for one in _grouped(policy)]
    return Finding(
        rule=RULE,
        object=sample.object,
        actions=tuple(verbs),
        who=tuple(persona.name for persona in who),
        severity=Severity.HIGH if writes else Severity.MEDIUM,
        sentence=f"{anyone(who)} {does(verbs)} {what}: in "
        f"{quoted(policy.name)} AND binds closer than OR, and what is behind OR lets them through alone.",
        steps=first.steps,
        others=tuple(deed.steps for deed in deeds if deed is not first),
        cause=f"strangers {sample.object}",
        about=(policy.key, ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(*((text,) for text in narrowed), tuple(narrowed)),
        exact=True,
    )
