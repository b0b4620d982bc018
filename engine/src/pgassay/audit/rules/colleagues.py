"""Colleagues: whoever shares something with a user changes that user's own row, as any other of them does."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone, join
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

RULE = "colleagues"


def find(scene: Scene) -> Iterator[Finding]:
    """Of tables with one row for each user, whose policies ask for something that users may share."""
    for sample in scene.samples:
        owners = owner_columns(sample)
        single = any(set(index.columns) <= owners for index in sample.table.unique)
        if owners and single and sample.table.kind in "rp" and sample.table.secured:
            found = (f for setup in _sharings(scene, sample) if (f := _try(scene, sample, setup)))
            yield from list(found)[:1]


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
    return _tell(sample, setup, who, columns, reached[who[0]][0][1])


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


def _tell(
    sample: Sample, setup: tuple[str, ...], who: list[Persona], columns: tuple[str, ...], statement: str
) -> Finding:
    table = sample.table
    policies = [p for p in table.privileges[who[0].role].policies if p.command in ("update", "all")]
    listed = ", ".join(map(quoted, columns))
    return Finding(
        rule=RULE,
        object=sample.object,
        columns=columns,
        actions=("update",),
        who=tuple(persona.name for persona in who),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(who)} changes {join(columns)} of {sample.object} in the row of another user with "
        "whom something is shared.",
        steps=(
            *(Step(statement=text) for text in setup),
            Step(who=who[0], statement=statement, shows=ROWS),
        ),
        cause=f"strangers {sample.object}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=((f"revoke update ({listed}) on {table.name} from {who[0].role}",),),
    )
