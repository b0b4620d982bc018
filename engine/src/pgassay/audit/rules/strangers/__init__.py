"""Strangers: a persona reads or writes every row that is another's, nobody's or everybody's.

Where some such rows are let through and others are not, somebody wrote a condition: that is no finding here.
What only a statement without WHERE reaches is *medium*: the platform's safeupdate refuses such a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgassay.audit.confirmation import plays
from pgassay.audit.meant import is_open, is_open_here, owns_rows, reaches_all, speaks_against
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.ranks import needs_rank, ranked_policies, sees_all, without_policies
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.strangers.flagged import find_flagged
from pgassay.audit.rules.strangers.folders import find_folders
from pgassay.audit.rules.strangers.links import find_links
from pgassay.audit.rules.strangers.mingled import find_mingled
from pgassay.audit.rules.strangers.ownerless import find_ownerless
from pgassay.audit.rules.strangers.parents import find_below
from pgassay.audit.rules.strangers.secrets import find_secrets
from pgassay.audit.rules.strangers.unlisted import find_unlisted
from pgassay.audit.rules.strangers.unparted import find_unparted
from pgassay.audit.rules.strangers.unseen import find_unseen
from pgassay.audit.scene import Scene, own_condition
from pgassay.audit.words import join, tells_of_a_person, who_does
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.tables import Table
from pgassay.matrix import statements
from pgassay.matrix.blanket import BlanketWrite, blanket_writes
from pgassay.matrix.model import Action, Cell, RowClass
from pgassay.matrix.rows import Sample
from pgassay.observation import Outcome, Persona

RULE = "strangers"
_NOT_OWN = (RowClass.OTHER, RowClass.NOBODY, RowClass.PUBLIC)
_WRITES = (Action.UPDATE, Action.DELETE, Action.INSERT)
_CONSTRAINT = "23"


@dataclass(frozen=True, kw_only=True)
class _Deed:
    """What a persona may do to all rows of a class, and which policies it has a rank for."""

    persona: Persona
    action: Action
    rows: RowClass
    steps: Steps
    columns: tuple[str, ...] = ()
    blanket: bool = False
    ranked: frozenset[str] = frozenset()


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each table that strangers write, or read where nothing says that they may."""
    for sample in scene.samples:
        if sample.table.kind in "rpf" or _is_owners_view(sample.table):
            deeds = [
                deed
                for persona in scene.people
                for deed in (*_deeds(scene, sample, persona), *_blanket_deeds(scene, sample, persona))
                if deed.action is Action.INSERT or reaches_all(scene, sample, persona, deed.action.value)
                if sample.table.kind != "v" or deed.action in _WRITES  # what it shows is another rule's
                if not needs_rank(scene, sample, persona, deed.steps, entering=deed.action is Action.INSERT)
            ]
            deeds = list(_without_ranks(scene, sample, deeds))
            if deeds and (found := _judge(scene, sample, deeds)):
                yield found
    every = (find_unparted, find_flagged, find_ownerless, find_links, find_unlisted)
    for more in (*every, find_folders, find_mingled, find_unseen, find_secrets):
        yield from more(scene)


def _without_ranks(scene: Scene, sample: Sample, deeds: Sequence[_Deed]) -> Iterator[_Deed]:
    """As one who has no rank does them: other policies let those who have one through, and rightly."""
    ranked = {deed.persona: ranked_policies(scene, sample, deed.persona) for deed in deeds}
    for deed in deeds:
        texts = dict.fromkeys(filter(None, ranked[deed.persona].values()))
        if texts and deed.action is Action.SELECT and not sees_all(scene, sample, deed.persona, texts):
            continue
        steps = (*(Step(statement=text) for text in texts), *deed.steps)
        if ranked[deed.persona] and plays(scene.session, steps):
            yield replace(deed, steps=steps, ranked=frozenset(ranked[deed.persona]))
        else:
            yield deed


def _is_owners_view(table: Table) -> bool:
    """A view that reads and writes with the rights of its owner."""
    return table.kind == "v" and not table.invoker and bool(table.writable)


def _deeds(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Deed]:
    for rows in _NOT_OWN:
        for action in (Action.SELECT, Action.DELETE):
            cell = scene.cell(persona.name, sample.object, action, "-", rows)
            if cell and _is_whole(cell):
                yield _Deed(persona=persona, action=action, rows=rows, steps=_steps(cell))
        updates = [
            c
            for c in scene.cells.get((sample.object, Action.UPDATE), ())
            if c.key.persona == persona.name and c.key.rows is rows and _is_whole(c)
        ]
        if updates:
            columns = tuple(dict.fromkeys(c.key.variant.split("=")[0] for c in updates))
            steps = _steps(updates[0])
            yield _Deed(persona=persona, action=Action.UPDATE, rows=rows, steps=steps, columns=columns)
        insert = scene.cell(persona.name, sample.object, Action.INSERT, "-", rows)
        if insert and _is_whole(insert) and not _becomes_own(scene, sample, persona, insert):
            yield _Deed(persona=persona, action=Action.INSERT, rows=rows, steps=_steps(insert))
    blind = scene.cell(persona.name, sample.object, Action.DELETE, "-", RowClass.ANY)
    if blind and _is_whole(blind):
        yield _Deed(persona=persona, action=Action.DELETE, rows=RowClass.ANY, steps=_steps(blind))


def _becomes_own(scene: Scene, sample: Sample, persona: Persona, insert: Cell) -> bool:
    """Whether a default or a trigger makes a row the persona's own, whose owner it cannot choose."""
    new = f"pg_catalog.age(t.xmin) <= 0 and {own_condition(sample, persona)}"
    look = Step(statement=f"select 1 from {sample.table.name} as t where {new}", shows=ROWS)
    return persona.id is not None and plays(scene.session, (*_steps(insert), look))


def _blanket_deeds(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Deed]:
    """Writes that reach all rows, also those that policies for SELECT hide from the persona."""
    policies = sample.table.privileges[persona.role].policies
    writes = [
        write
        for write in blanket_writes(sample, persona)
        if sample.table.secured and any(p.command in ("all", write.action.value) for p in policies)
    ]
    if not writes:
        return
    seen = len(measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, ()))
    [total] = scene.ask(None, [[f"select count(*) from {sample.table.name}"]])
    [[everything]] = total.rows[0]
    answers = scene.ask(persona, [[write.statement] for write in writes])
    for action in (Action.UPDATE, Action.DELETE):
        wholly = [
            write
            for write, answer in zip(writes, answers, strict=True)
            if write.action is action
            and not answer.sqlstate
            and seen < answer.counts[0] == int(everything or 0)
        ]
        if wholly:
            yield _Deed(
                persona=persona,
                action=action,
                rows=RowClass.OTHER,
                steps=_blanket_steps(sample, persona, wholly[0]),
                columns=tuple(dict.fromkeys(write.column for write in wholly if write.column)),
                blanket=True,
            )


def _blanket_steps(sample: Sample, persona: Persona, write: BlanketWrite) -> Steps:
    """The write, and then the schema's owner's look at a row of somebody else."""
    name = statements.condition(sample.key, write.row.key)
    where = f"{name} and {write.holds}" if write.holds else name
    look = f"select 1 from {sample.table.name} where {where}"
    shows = NO_ROWS_SHOWN if write.action is Action.DELETE else ROWS
    return (Step(who=persona, statement=write.statement, shows=ROWS), Step(statement=look, shows=shows))


def _is_whole(cell: Cell) -> bool:
    """Whether nothing but a constraint refuses anything."""
    allowed = [one for one in cell.results if one.outcome is Outcome.ALLOWED]
    others = [one for one in cell.results if one.outcome is not Outcome.ALLOWED]
    return bool(allowed) and all(
        one.outcome is Outcome.REJECTED and one.sqlstate.startswith(_CONSTRAINT) for one in others
    )


def _judge(scene: Scene, sample: Sample, deeds: Sequence[_Deed]) -> Finding | None:
    table = sample.table
    written = [deed for deed in deeds if deed.action in _WRITES and not _is_posting(sample, deed)]
    read = [deed for deed in deeds if deed.action is Action.SELECT]
    if table.kind == "f" and read:
        return _tell(scene, sample, [*written, *read], _by_anybody(read))
    if table.kind == "v":
        changed = [d for d in deeds if d.action in _WRITES and owns_rows(scene, table, d.rows)]
        return _tell(scene, sample, changed, Severity.MEDIUM) if changed else None
    if table.kind in "rp" and not table.secured and (written or (read and not table.is_of_extension)):
        return _tell(scene, sample, [*written, *read], _by_anybody(written))
    if written:
        told = [*written, *(deed for deed in read if not _is_meant(table, deed))]
        return _tell(scene, sample, told, _by_anybody(written))
    return _judge_open(scene, sample, deeds, read)


def _judge_open(
    scene: Scene, sample: Sample, deeds: Sequence[_Deed], read: Sequence[_Deed]
) -> Finding | None:
    """What policies let through: posts to nobody in particular, and reads."""
    posts = [deed for deed in deeds if deed.action is Action.INSERT and deed.persona.id is None]
    if posts and not read:
        return _tell(scene, sample, posts, Severity.LOW)
    if posts:
        why = "and what anyone sends there is for all to read"
        return _tell(scene, sample, [*read, *posts], Severity.MEDIUM, why)
    if read and sample.ownership is not None:
        readers = list(dict.fromkeys(deed.persona for deed in read))
        why = speaks_against(scene, without_policies(sample, {n for d in read for n in d.ranked}), readers)
        if not why and (below := find_below(scene, sample, readers)):
            found = _tell(scene, sample, read, Severity.MEDIUM, below.why)
            found = replace(found, steps=below.steps, others=())
            if not below.repair:
                return found
            return replace(found, candidates=(below.repair,), exact=True, kept=below.kept)
        policies = [policy for deed in read for policy in _asked(sample.table, deed)]
        # Where no policy is open to all, the rows that there are just happen to be within reach.
        if why or any(is_open_here(sample, policy) for policy in policies):
            return _tell(scene, sample, read, Severity.MEDIUM if why else Severity.INFO, why)
    return None


def _is_meant(table: Table, deed: _Deed) -> bool:
    """A policy of its own lets everybody read."""
    policies = table.privileges[deed.persona.role].policies
    return any(p.command == "select" and is_open(table, p) for p in policies)


def _is_posting(sample: Sample, deed: _Deed) -> bool:
    """An INSERT into what belongs to nobody, as a contact form sends it."""
    return deed.action is Action.INSERT and (
        deed.rows is RowClass.PUBLIC or (deed.rows is RowClass.NOBODY and bool(sample.table.secured))
    )


def _by_anybody(deeds: Sequence[_Deed]) -> Severity:
    if deeds and all(deed.blanket for deed in deeds):
        return Severity.MEDIUM
    return Severity.CRITICAL if any(deed.persona.id is None for deed in deeds) else Severity.HIGH


def _tell(
    scene: Scene, sample: Sample, deeds: Sequence[_Deed], severity: Severity, besides: str = ""
) -> Finding:
    table = sample.table
    order = (Action.UPDATE, Action.DELETE, Action.INSERT, Action.SELECT)
    actions = [action for action in order if any(deed.action is action for deed in deeds)]
    who = [p for p in scene.people if any(deed.persona == p for deed in deeds)]
    first = min(deeds, key=lambda deed: (deed.persona.id is not None, order.index(deed.action)))
    told = who_does([(d.persona, d.action.value) for d in deeds], [action.value for action in actions])
    hidden = "to a statement without WHERE, which asks no policy for SELECT"
    blanket = hidden if all(deed.blanket for deed in deeds) else ""
    why = "; ".join(filter(None, (" ".join(filter(None, (_why(sample, deeds), blanket))), besides)))
    return Finding(
        rule=RULE,
        object=sample.object,
        actions=tuple(action.value for action in actions),
        who=tuple(persona.name for persona in who),
        severity=severity,
        sentence=f"{told} {'rows of others' if sample.ownership else 'all rows'} in {sample.object}: {why}.",
        steps=first.steps,
        others=tuple(deed.steps for deed in deeds if deed is not first),
        cause=f"strangers {sample.object}",
        about=_about(sample, deeds),
        weight=sum(map(tells_of_a_person, table.columns.values())),
        candidates=tuple(_repairs(table, deeds, who)),
    )


def _steps(cell: Cell) -> Steps:
    return (Step(who=cell.witness.persona, statement=cell.witness.statement, shows=ROWS),)


def _policies(sample: Sample, deeds: Sequence[_Deed]) -> Mapping[str, None]:
    """Those that ask nothing of a row; else all that let such writes or reads through."""
    some = [(policy, deed.action) for deed in deeds for policy in _asked(sample.table, deed)]
    wide = dict.fromkeys(policy.name for policy, action in some if _is_wide(sample, policy, action))
    return wide or dict.fromkeys(policy.name for policy, _ in some)


def _asked(table: Table, deed: _Deed) -> Iterator[Policy]:
    """The policies that may let it through."""
    some = (p for p in table.privileges[deed.persona.role].policies if p.name not in deed.ranked)
    return (p for p in some if p.permissive and p.command in ("all", deed.action.value))


def _is_wide(sample: Sample, policy: Policy, action: Action) -> bool:
    is_checked = action is Action.INSERT and policy.check is not None
    return is_open_here(sample, replace(policy, using=policy.check) if is_checked else policy)


def _why(sample: Sample, deeds: Sequence[_Deed]) -> str:
    table = sample.table
    if table.kind == "f":
        return "a foreign table has no policies, and the privilege is granted"
    if table.kind == "v":
        return "the view writes with the rights of its owner, and has no condition for what is written"
    if not table.secured:
        return "row level security is off"
    names = [f'"{name}"' for name in _policies(sample, deeds)]
    wide = any(_is_wide(sample, p, deed.action) for deed in deeds for p in _asked(table, deed))
    let = f"let{'s' if len(names) == 1 else ''} {'every row' if wide else 'such rows'} through"
    return f"{join(names)} {let}" if names else "nothing refuses"


def _about(sample: Sample, deeds: Sequence[_Deed]) -> tuple[ObjectKey, ...]:
    table = sample.table
    policies = [ObjectKey(kind="policy", object=table.name, name=name) for name in _policies(sample, deeds)]
    return (*(policies if table.secured else ()), ObjectKey(kind="relation", object=table.name, name=""))


def _repairs(table: Table, deeds: Sequence[_Deed], who: Sequence[Persona]) -> Iterator[tuple[str, ...]]:
    if table.kind in "rp" and not table.secured:
        yield (f"alter table {table.name} enable row level security",)
    if table.kind == "v":
        yield (f"alter view {table.name} set (security_invoker = true)",)
    verbs = ", ".join(dict.fromkeys(deed.action.value for deed in deeds))
    roles = ", ".join(dict.fromkeys(persona.role for persona in who))
    yield (f"revoke {verbs} on {table.name} from {roles}",)
