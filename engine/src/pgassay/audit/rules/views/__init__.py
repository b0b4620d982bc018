"""Views: one that reads with its owner's rights shows what its tables hide from the reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import ast, parser
from pglast.enums import JoinType

from pgassay.audit.calls import secrets, told
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.revokes.said import read_said
from pgassay.audit.rules.views.any_member import shows_any_member
from pgassay.audit.rules.views.copied import find_copied
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.database.pipeline import Answer
from pgassay.observation import Persona

RULE = "views"
_MOST = 1000  # rows that are compared


def find(scene: Scene) -> Iterator[Finding]:
    """Each view of which strangers see rows that the query does not give them; columns that show others."""
    for table in scene.surface.reachable:
        if table.kind in "vm" and not table.invoker and table.definition:
            seen = [p for p in scene.people if _shows_more(scene, table, p)]
            if seen:
                yield _tell(scene, table, seen)
    yield from find_copied(scene)


def _query(table: Table) -> str:
    return (table.definition or "").strip().rstrip(";")


def _shows_more(scene: Scene, table: Table, persona: Persona) -> bool:
    names = [quoted(name) for name in table.columns if name in table.privileges[persona.role].select]
    if not names:
        return False
    shown, own = scene.ask(
        persona,
        [
            [f"select count(*) from {table.name}"],
            [f"select count(*) from ({_query(table)}) as q"],
        ],
    )
    return _number(shown) > _number(own) or _tells_more(scene, table, persona)


def _tells_more(scene: Scene, table: Table, persona: Persona) -> bool:
    """As many rows, and in them what stands only in rows that the query does not give: by a LEFT JOIN."""
    plain = _plain_columns(table) & table.privileges[persona.role].select
    columns = [c for c in table.columns.values() if c.name in plain]
    samples = [s for s in scene.samples if s.table.stored and s.object in scene.inventory.reach(table.name)]
    if not columns or not samples:
        return False
    reach = measure_seen(scene, persona, [sample.table.name for sample in samples])
    known = {value for sample in samples for value in secrets(sample, reach, persona)}
    listed = ", ".join(f"{c.quoted}::text" for c in columns)
    shown, own = scene.ask(
        persona,
        [
            [f"select {listed} from {table.name} limit {_MOST}"],
            [f"select {listed} from ({_query(table)}) as q limit {_MOST}"],
        ],
    )
    return not shown.sqlstate and not known.isdisjoint(told(shown) - told(own))


def _plain_columns(table: Table) -> set[str]:
    """Those that are columns of what it reads from: a number that is computed may be another's by chance."""
    places = zip(table.columns, _parsed(table).targetList or (), strict=False)
    return {name for name, target in places if isinstance(target.val, ast.ColumnRef)}


def _parsed(table: Table) -> Any:  # noqa: ANN401
    return parser.parse_sql(_query(table))[0].stmt


def _number(answer: Answer) -> int:
    return 0 if answer.sqlstate else int(answer.rows[0][0][0] or 0)


def _leaves_out(scene: Scene, table: Table) -> bool:
    """Whether it reads one table, and not all of its columns."""
    read = scene.inventory.reach(table.name) - {table.name}
    words = find_literals([_query(table)]).words  # policies come to read more tables
    bases = [t for t in scene.surface.tables.values() if t.stored and t.name in read and t.relation in words]
    return len(bases) == 1 and not bases[0].columns.keys() <= words


def _is_granted(scene: Scene, table: Table, persona: Persona) -> bool:
    """Whether a statement grants it to the role, or leaves it only that: the platform grants all."""
    held = table.privileges[persona.role]
    said = (one for node in scene.statements for one in read_said(node))
    named = any(one.grants and one.object == table.name and persona.role in one.roles for one in said)
    return named or not (held.insert or held.update or held.delete)


def _is_narrowed(scene: Scene, table: Table) -> bool:
    """Whether the view leaves rows out: then somebody has chosen what to show."""
    bases = [
        t.name
        for t in scene.surface.tables.values()
        if t.stored and t.name in scene.inventory.reach(table.name)
    ]
    if len(bases) != 1:
        return _has_condition(_parsed(table))
    shown, there = scene.ask(
        None, [[f"select count(*) from {table.name}"], [f"select count(*) from {bases[0]}"]]
    )
    return _number(shown) < _number(there)


def _has_condition(node: Any) -> bool:  # noqa: ANN401
    """Whether a WHERE leaves rows out; one of what is joined from the left leaves out no row."""
    if isinstance(node, ast.SelectStmt):
        ctes = node.withClause.ctes if node.withClause else None
        parts = [*(one.ctequery for one in ctes or ()), node.larg, node.rarg, *(node.fromClause or ())]
        return node.whereClause is not None or any(map(_has_condition, parts))
    if isinstance(node, ast.JoinExpr):
        sides = [node.larg] if node.jointype == JoinType.JOIN_LEFT else [node.larg, node.rarg]
        return any(map(_has_condition, sides))
    return isinstance(node, ast.RangeSubselect) and _has_condition(node.subquery)


def _tell(scene: Scene, table: Table, who: list[Persona]) -> Finding:
    kind = "materialized view" if table.kind == "m" else "view"
    why = (
        "a materialized view has no row level security"
        if table.kind == "m"
        else "the view reads with the rights of its owner"
    )
    first = who[0]
    anon = any(persona.id is None for persona in who)
    severity = Severity.CRITICAL if anon else Severity.HIGH
    if _leaves_out(scene, table) and all(_is_granted(scene, table, persona) for persona in who):
        severity = Severity.MEDIUM
    if _is_narrowed(scene, table):
        severity = Severity.MEDIUM if not anon and shows_any_member(scene, table) else Severity.LOW
    repairs = [f"revoke select on {table.name} from {', '.join(dict.fromkeys(p.role for p in who))}"]
    if table.kind == "v":
        repairs.insert(0, f"alter view {table.name} set (security_invoker = true)")
    steps = [Step(who=first, statement=f"select * from {table.name}", shows=ROWS)]
    names = [quoted(c.name) for c in table.columns.values() if c.comparable]
    listed = ", ".join(names)
    hidden = f"select {listed} from {table.name} except select {listed} from ({_query(table)}) as q"
    if not scene.ask(first, [[f"select from ({_query(table)}) as q"]])[0].sqlstate and names:
        steps.append(Step(who=first, statement=hidden, shows=ROWS))
    return Finding(
        rule=RULE,
        object=table.name,
        actions=("select",),
        who=tuple(persona.name for persona in who),
        severity=severity,
        sentence=f"{anyone(who)} reads through the {kind} {table.name} rows that its tables hide: {why}.",
        steps=tuple(steps),
        about=(ObjectKey(kind="relation", object=table.name, name=""),),
        candidates=tuple((text,) for text in repairs),
    )
