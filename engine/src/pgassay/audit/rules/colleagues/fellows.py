"""Rows of fellow members, which a policy lets nobody write but as his own, and everybody remove or take over.

Its WITH CHECK says that a row is somebody's, its USING does not: who wrote it for INSERT wrote it FOR ALL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.planted import PlantedRow, planted_row
from pgassay.audit.ranks import plain_updates
from pgassay.audit.scene import Scene
from pgassay.audit.words import join
from pgassay.audit.writes import fresh_columns, insert_of, make_room, owner_columns
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import become
from pgassay.observation import Persona

_REFUSED = "42501"
_ROWS = 6


@dataclass(frozen=True, kw_only=True)
class _Fellow:
    """A row of `other` beside which the persona may enter one of its own, and none in the other's name."""

    sample: Sample
    persona: Persona
    other: Persona
    author: str
    row: PlantedRow
    mine: PlantedRow
    enters: Step

    def deeds(self, row: PlantedRow) -> dict[str, Step]:
        """By verb, where it may be tried: whether the persona makes the row its own, and removes it."""
        held = self.sample.table.privileges[self.persona.role]
        taken = row.update({self.author: self.persona.id})
        some = {
            "update": taken if self.author in held.update else "",
            "delete": row.removal if held.delete else "",
        }
        return {
            verb: Step(who=self.persona, statement=text, shows=ROWS) for verb, text in some.items() if text
        }


def find_fellows(scene: Scene, sample: Sample) -> Iterator[Finding]:
    """For each two users, rows and policies."""
    wide = [p for p in scene.policies.get(sample.table.oid, ()) if _is_wide(p)]
    for fellow in _fellows(scene, sample) if wide else ():
        ready = Step(statement=fellow.row.insert, shows=ROWS)
        begun = [fellow.row.insert, *become(fellow.persona)]
        deeds = fellow.deeds(fellow.row)
        answers = scene.ask(None, [[*begun, step.statement] for step in deeds.values()])
        done = [v for v, a in zip(deeds, answers, strict=True) if not a.sqlstate and a.counts[-1] > 0]
        if done == ["update"] and not sample.table.columns[fellow.author].not_null:
            continue  # whoever likes takes what is nobody's yet, from somebody else too
        for policy in wide if done else ():
            verbs = [v for v in done if _decides(scene, fellow, policy, (ready, deeds[v]), v)]
            if verbs and not _has_rank(scene, fellow, (ready, deeds[verbs[0]])):
                yield _tell(scene, fellow, policy, {v: (ready, deeds[v]) for v in verbs})


def _is_wide(policy: Policy) -> bool:
    both = policy.using is not None and policy.check is not None and policy.using != policy.check
    return both and policy.command in ("all", "update")


def _fellows(scene: Scene, sample: Sample) -> Iterator[_Fellow]:
    for persona, other in permutations(scene.users, 2):
        for author in sorted(owner_columns(sample) - {*sample.key}):
            for row in sample.rows[:_ROWS]:
                planted = _like(sample, row, other)
                mine = _like(sample, row, persona)
                own = insert_of(sample, persona, row)
                theirs = insert_of(sample, persona, row, **{author: other.id})
                if not (planted and mine and own and theirs):
                    continue
                entered, forged = scene.ask(persona, [[own.statement], [theirs.statement]])
                if not entered.sqlstate and forged.sqlstate == _REFUSED:
                    yield _Fellow(
                        sample=sample,
                        persona=persona,
                        other=other,
                        author=author,
                        row=planted,
                        mine=mine,
                        enters=Step(who=persona, statement=own.statement, shows=ROWS),
                    )


def _like(sample: Sample, row: Row, user: Persona) -> PlantedRow | None:
    fixed = owner_columns(sample) | fresh_columns(sample)
    return planted_row(sample, user, **{n: value for n, value in row.values.items() if n not in fixed})


def _narrowed(policy: Policy, table: str) -> str:
    """What it asks of a new row, it asks of the old one as well."""
    return f"alter policy {quoted(policy.name)} on {table} using (({policy.using}) and ({policy.check}))"


def _decides(scene: Scene, fellow: _Fellow, policy: Policy, steps: Steps, verb: str) -> bool:
    """Whether the policy would let the persona do so with its own row alone, if it asked that of old rows."""
    narrow = Step(statement=_narrowed(policy, fellow.sample.table.name))
    own = (Step(statement=fellow.mine.insert, shows=ROWS), fellow.deeds(fellow.mine)[verb])
    shown, still, stopped = (plays(scene.session, one) for one in (steps, (narrow, *own), (narrow, *steps)))
    return shown and still and not stopped


def _has_rank(scene: Scene, fellow: _Fellow, steps: Steps) -> bool:
    """Whether one who enters such rows, too, but of whom less is said elsewhere, does not do so."""
    persona, reach = fellow.persona, scene.inventory.reach(fellow.sample.table.name)
    for other in scene.samples:
        is_asked = other is not fellow.sample and other.table.name in reach and other.table.kind in "rp"
        if is_asked and any(persona.id in row.owners for row in other.rows):
            for text in (*plain_updates(scene, other, persona), make_room(other, persona)):
                less = Step(statement=text)
                if plays(scene.session, (less, fellow.enters)) and not plays(scene.session, (less, *steps)):
                    return True
    return False


def _tell(scene: Scene, fellow: _Fellow, policy: Policy, shown: dict[str, Steps]) -> Finding:
    table, name, other = fellow.sample.table, fellow.persona.name, fellow.other.name
    told = {"update": f"takes a row of {other}'s over", "delete": f"removes a row of {other}'s"}
    first, *others = shown.values()
    return Finding(
        rule="colleagues",
        object=fellow.sample.object,
        actions=tuple(shown),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f'{name} {join([told[verb] for verb in shown])} in {table.name}: "{policy.name}" asks of a '
        f"new row that {fellow.author} says who writes it, and not of the row as it was.",
        steps=first,
        others=tuple(others),
        cause=f"strangers {fellow.sample.object}",
        about=(policy.key, ObjectKey(kind="relation", object=table.name, name="")),
        candidates=((_narrowed(policy, table.name),),),
    )
