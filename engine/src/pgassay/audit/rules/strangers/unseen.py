"""Tables without row level security of which no row is there to show it, as of next year's partition."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, does
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.tables import Privileges, Table
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

_WRITES = ("update", "delete", "insert")


def find_unseen(scene: Scene) -> Iterator[Finding]:
    """One finding for each: that a SELECT is not refused is all that there is to run."""
    for sample in scene.samples:
        table = sample.table
        is_own = scene.is_the_projects(table) and not table.is_of_extension
        if table.kind in "rp" and not table.secured and not sample.rows and is_own:
            who = [persona for persona in scene.people if _reads(scene, table, persona)]
            if who:
                yield _tell(scene, sample, who)


def _reads(scene: Scene, table: Table, persona: Persona) -> bool:
    [answer] = scene.ask(persona, [[f"select 1 from {table.name}"]])
    return not answer.sqlstate


def _held(privileges: Privileges) -> list[str]:
    holds = {"update": privileges.update, "delete": privileges.delete, "insert": privileges.insert}
    return [verb for verb in _WRITES if holds[verb]]


def _tell(scene: Scene, sample: Sample, who: list[Persona]) -> Finding:
    table = sample.table
    written = [p for p in who if _held(table.privileges[p.role])]
    anon = any(persona.id is None for persona in written)
    actions = [*(_held(table.privileges[written[0].role]) if written else ()), "select"]
    above = next((t for t in scene.surface.tables.values() if t.name in table.inherits and t.secured), None)
    why = f", and the policies of {above.name} are not asked here" if above else ""
    off = f"select 1 where not pg_catalog.row_security_active({literal(table.name)})"
    roles = ", ".join(dict.fromkeys(persona.role for persona in who))
    return Finding(
        rule="strangers",
        object=sample.object,
        actions=tuple(actions),
        who=tuple(persona.name for persona in who),
        severity=Severity.CRITICAL if anon else Severity.HIGH,
        sentence=f"{anyone(who)} {does(actions)} all rows in {sample.object}, once there are some: "
        f"row level security is off{why}.",
        steps=(
            Step(who=who[0], statement=f"select 1 from {table.name}"),
            Step(who=who[0], statement=off, shows=ROWS),
        ),
        cause=f"strangers {sample.object}",
        about=(ObjectKey(kind="relation", object=table.name, name=""),),
        candidates=(
            (f"alter table {table.name} enable row level security",),
            (f"revoke {', '.join(actions)} on {table.name} from {roles}",),
        ),
    )
