"""Members without a rank who remove one who has it, or their group, which they may not even change."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

from pgassay.audit.confirmation import plays
from pgassay.audit.memberships import Memberships, find_memberships, standings
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, own_condition
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

_GROUPS = 2
_RANKS = 8


def find_expelled(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of memberships, and one for each of groups."""
    for one in find_memberships(scene):
        for sample, tries in ((one.sample, _of_members), (one.parent, _of_groups)):
            if sample.table.kind in "rp" and sample.table.secured and sample.object == sample.table.name:
                pairs = permutations(scene.users, 2)
                found = (f for weak, strong in pairs for f in tries(scene, one, weak, strong))
                if finding := next(found, None):
                    yield finding


def _of_members(scene: Scene, one: Memberships, weak: Persona, strong: Persona) -> Iterator[Finding]:
    """Another member's row, though another policy of the table asks for the rank that it says."""
    table = one.sample.table
    held = table.privileges[weak.role]
    for rank, group, setup in _settings(scene, one, weak, strong):
        theirs = f"t.{quoted(one.group)} = {literal(group)} and {own_condition(one.sample, strong)}"
        fall = f"update {table.name} as t set {rank.quoted} = default where {theirs}"
        for verb, text in (("delete", f"delete from {table.name} as t where {theirs}"), ("update", fall)):
            steps = (*setup, Step(who=weak, statement=text, shows=ROWS))
            is_held = held.delete if verb == "delete" else rank.name in held.update and bool(rank.default)
            if is_held and _is_asked(scene, one.sample, rank, verb) and plays(scene.session, steps):
                deed = "removes" if verb == "delete" else f"takes {rank.name} from"
                told = f"{deed} {strong.name}'s row in {one.sample.object}"
                yield _tell(scene, one.sample, (verb, told), steps, rank)


def _of_groups(scene: Scene, one: Memberships, weak: Persona, strong: Persona) -> Iterator[Finding]:
    """The group itself, which it may not change, as one with the rank may."""
    parent = one.parent
    held = parent.table.privileges[weak.role]
    plain = next((c for c in parent.table.columns.values() if _is_plain(parent, c, held.update)), None)
    if plain is None or not held.delete:
        return
    for rank, group, setup in _settings(scene, one, weak, strong):
        where = condition((one.target,), (group,))
        change = statements.update(parent.table, plain.name, plain.quoted, where=where)
        gone = statements.delete(parent.table, where=where)
        steps = (
            *setup,
            Step(who=strong, statement=change, shows=ROWS),
            Step(who=weak, statement=change, shows=NO_ROWS_SHOWN),
            Step(who=weak, statement=gone, shows=ROWS),
        )
        if plays(scene.session, steps):
            told = f"removes a row of {parent.object}, which it may not change,"
            yield _tell(scene, parent, ("delete", told), steps, rank)


def _is_plain(sample: Sample, column: Column, held: frozenset[str]) -> bool:
    return column.name in held - owner_columns(sample) - {*sample.key} and not column.generated


def _settings(
    scene: Scene, one: Memberships, weak: Persona, strong: Persona
) -> Iterator[tuple[Column, str, Steps]]:
    """Both are in one group: one as a membership begins, the other with a rank, which a column says."""
    others = (row for row in one.parent.rows if weak.id not in row.owners)
    groups = dict.fromkeys(filter(None, (row.values[one.target] for row in others)))
    for group in [*groups][:_GROUPS]:
        given = {one.group: group}
        firsts = [s for s in standings(scene, one.sample, weak, **given) if s.is_first][:1]
        ranked = [s for s in standings(scene, one.sample, strong, **given) if s.column]
        for first, standing in product(firsts, ranked[:_RANKS]):
            setup = (Step(statement=text) for text in (*standing.setup, *first.setup))
            yield one.sample.table.columns[standing.column], group, tuple(setup)


def _is_asked(scene: Scene, sample: Sample, rank: Column, verb: str) -> bool:
    """Whether a policy for another command asks for the rank, or a function that it calls."""
    texts = [
        text
        for policy in scene.policies.get(sample.table.oid, ())
        for _, text in policy.clauses
        if policy.command not in (verb, "select", "all")
    ]
    words = find_literals(texts).words
    called = [f.text for f in scene.functions.values() if f.name in words and scene.is_ours(f)]
    return rank.name in words | find_literals(called).words


def _tell(scene: Scene, sample: Sample, deed: tuple[str, str], steps: Steps, rank: Column) -> Finding:
    (verb, told), who = deed, steps[-1].who
    policies = [p.key for p in scene.policies.get(sample.table.oid, ()) if p.command in (verb, "all")]
    name = who.name if who else ""
    return Finding(
        rule="groups",
        object=sample.object,
        columns=(rank.name,) if verb == "update" else (),
        actions=(verb,),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} {told} as a member of the same group without the rank that {rank.name} gives.",
        steps=steps,
        cause=f"expels {sample.object}",
        about=(*policies, ObjectKey(kind="relation", object=sample.table.name, name="")),
    )
