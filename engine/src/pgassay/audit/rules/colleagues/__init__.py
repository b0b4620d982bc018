"""Colleagues: whoever shares something with a user changes that user's own row, or what that user wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, permutations

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.rules.colleagues.fellows import find_fellows
from pgassay.audit.rules.colleagues.places import find_taken_places
from pgassay.audit.rules.colleagues.readdressed import find_readdressed
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone, join
from pgassay.audit.writes import Write, inserts_with_another, left_to_update, naming_columns, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

RULE = "colleagues"
_REFUSED = "42501"


def find(scene: Scene) -> Iterator[Finding]:
    """Of tables with one row for each user, whose policies ask for something that users may share."""
    for sample in scene.samples:
        owners, is_known = owner_columns(sample), False
        single = any(set(index.columns) <= owners for index in sample.table.unique)
        if owners and single and sample.table.kind in "rp" and sample.table.secured:
            found = (f for setup in _sharings(scene, sample) if (f := _try(scene, sample, setup)))
            yield from list(found)[:1]
        elif len(owners) > 1 and sample.table.kind in "rp" and sample.table.secured:
            rewritten = list(islice(_rewritten(scene, sample), 1))
            yield from rewritten
            is_known = bool(rewritten)
        if len(owners) > 1 and sample.table.kind in "rp" and sample.table.secured:
            readdressed = () if is_known else find_readdressed(scene, sample)
            yield from islice(chain(find_taken_places(scene, sample), readdressed), 1)
        if owners and sample.table.kind in "rp" and sample.table.secured:
            yield from islice(find_fellows(scene, sample), 1)


def _rewritten(scene: Scene, sample: Sample) -> Iterator[Finding]:
    """A row names its author and another, who changes a text that the author had to give.

    The author is whom an INSERT may name as oneself; the other one may not begin such a row.
    """
    texts = [c for c in sample.table.columns.values() if _is_content(sample, c)]
    names = sorted(owner_columns(sample))
    for persona, other in permutations(scene.users if texts else (), 2):
        groups = inserts_with_another(sample, persona, other)
        answers = [scene.ask(persona, [[write.statement] for write in group]) for group in groups]
        authors = [n for n, some in enumerate(answers) if some and not some[0].sqlstate]
        refused = [n for n, some in enumerate(answers) if some and some[0].sqlstate == _REFUSED]
        if len(authors) != 1 or len(refused) != len(names) - 1:
            continue
        [insert] = inserts_with_another(sample, other, persona)[authors[0]]
        tries = {c.name: _by_another(insert, c.name, persona, other) for c in texts}
        if changed := {name: steps for name, steps in tries.items() if plays(scene.session, steps)}:
            sentence = (
                f"{persona.name} changes {join(changed)} of {sample.object} in a row of {other.name}, "
                f"who wrote it: {names[authors[0]]} says so."
            )
            yield _tell(sample, next(iter(changed.values())), scene.users, tuple(changed), sentence)


def _is_content(sample: Sample, column: Column) -> bool:
    """A text that an INSERT has to give, and that names nothing."""
    fixed = naming_columns(sample)
    is_given = column.not_null and not column.has_default and not column.generated
    return column.base in statements.TEXTS and is_given and column.name not in fixed


def _by_another(insert: Write, name: str, persona: Persona, other: Persona) -> Steps:
    table, value = insert.sample.table.name, statements.literal(f"{insert.values[name]}x")
    change = f"update {table} as t set {quoted(name)} = {value} where {insert.written}"
    return (
        Step(who=other, statement=insert.statement, shows=ROWS),
        Step(who=persona, statement=change, shows=ROWS),
    )


def _sharings(scene: Scene, sample: Sample) -> Iterator[tuple[str, ...]]:
    """As things are; then with what each column says that policies ask for in one user's row in all rows."""
    yield ()
    policies = scene.policies.get(sample.table.oid, ())
    asked = find_literals(text for policy in policies for _, text in policy.clauses).words
    keys = {name for index in sample.table.unique for name in index.columns}
    for row in [row for row in sample.rows if row.owners][:1]:
        for column in sample.table.columns.values():
            value = row.values[column.name]
            if column.name in asked - keys - owner_columns(sample) and value and not column.generated:
                yield (statements.update(sample.table, column.name, statements.literal(value)),)


def _try(scene: Scene, sample: Sample, setup: tuple[str, ...]) -> Finding | None:
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return None
        reached = {persona: _reached(scene, sample, persona) for persona in scene.users}
    who = [persona for persona, some in reached.items() if some]
    if len(who) < len(scene.users):
        return None  # somebody is set apart
    columns = tuple(dict.fromkeys(name for persona in who for name, _ in reached[persona]))
    steps = (
        *(Step(statement=text) for text in setup),
        Step(who=who[0], statement=reached[who[0]][0][1], shows=ROWS),
    )
    sentence = (
        f"{anyone(who)} changes {join(columns)} of {sample.object} in the row of another user with whom "
        "something is shared."
    )
    severity = Severity.LOW if _is_granted(scene, sample, who[0].role, columns) else Severity.MEDIUM
    return replace(_tell(sample, steps, who, columns, sentence), severity=severity)


def _is_granted(scene: Scene, sample: Sample, role: str, columns: Sequence[str]) -> bool:
    """Whether somebody chose these columns, by a grant of columns, and nothing else asks what they say."""
    table = sample.table
    asked = {name for key in table.foreign_keys for name in key.columns} | _asked(scene, table)
    plain = {c.name for c in table.columns.values() if not c.generated}
    return table.privileges[role].update < plain and asked.isdisjoint(columns)


def _asked(scene: Scene, table: Table) -> frozenset[str]:
    """All words of policies, functions and views that come to read the table."""
    tables = [
        t for t in scene.surface.tables.values() if t.name in scene.dependents(table.name) | {table.name}
    ]
    texts = [text for t in tables for p in scene.policies.get(t.oid, ()) for _, text in p.clauses]
    texts += [t.definition for t in tables if t.definition]
    texts += [
        f.text
        for f in scene.functions.values()
        if scene.is_ours(f) and table.relation in find_literals([f.text]).words
    ]
    return find_literals(texts).words


def _reached(scene: Scene, sample: Sample, persona: Persona) -> list[tuple[str, str]]:
    """The columns that it changes in another's row, each with the statement."""
    held = sample.table.privileges[persona.role].update
    rows = [row for row in sample.rows if row.owners and persona.id not in row.owners]
    columns = [
        c for c in sample.table.columns.values() if c.name in held - owner_columns(sample) and not c.generated
    ]
    texts = [(c.name, _update(sample, c.name, row)) for c in columns for row in rows[:4]]
    answers = scene.ask(persona, [[text] for _, text in texts])
    went = [pair for pair, a in zip(texts, answers, strict=True) if not a.sqlstate and a.counts[0] > 0]
    return list({name: (name, text) for name, text in reversed(went)}.values())


def _update(sample: Sample, column: str, row: Row) -> str:
    value = statements.literal(row.values[column])
    return statements.update(sample.table, column, value, where=statements.condition(sample.key, row.key))


def _left(sample: Sample, role: str, columns: tuple[str, ...]) -> frozenset[str]:
    """What one goes on to change: neither these nor whose the row is."""
    return sample.table.privileges[role].update - {*columns} - owner_columns(sample)


def _tell(
    sample: Sample, steps: Steps, who: Sequence[Persona], columns: tuple[str, ...], sentence: str
) -> Finding:
    table = sample.table
    policies = [p for p in table.privileges[who[0].role].policies if p.command in ("update", "all")]
    role = who[0].role
    return Finding(
        rule=RULE,
        object=sample.object,
        columns=columns,
        actions=("update",),
        who=tuple(persona.name for persona in who),
        severity=Severity.MEDIUM,
        sentence=sentence,
        steps=steps,
        cause=f"strangers {sample.object}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=(left_to_update(table, role, _left(sample, role, columns)),),
    )
