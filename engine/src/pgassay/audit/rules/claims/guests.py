"""Guests: who signs in without an account counts as a user, and nothing asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import Write, insert_of, make_room, own_inserts, owner_columns
from pgassay.catalog.model import ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

_NO_PRIVILEGE = "42501"
_WRITES = 8
_NOTHING_ASKS = "no condition asks for is_anonymous"


def find_guests(scene: Scene) -> Iterator[Finding]:
    """One finding: where a guest's rows are read by everybody, and nothing asks whether he has an account."""
    if scene.bench.config.anonymous_sign_ins is False:
        return
    anon = next((p for p in scene.people if p.id is None), None)
    if anon is None:
        return
    if "is_anonymous" in scene.literals.strings or _asks_for_guests(scene):
        yield from _beside(scene)
        return
    for sample in scene.samples:
        is_plain = sample.table.kind in "rp" and sample.object == sample.table.name
        if is_plain and _says_something(sample) and (found := _publishes(scene, sample, anon)):
            yield found
            return


def _asks_for_guests(scene: Scene) -> bool:
    return any("is_anonymous" in path for path in scene.literals.paths)


def _says_something(sample: Sample) -> bool:
    """Whether users have rows of their own there, with a text in them."""
    return bool(owner_columns(sample)) and any(
        c.base in statements.TEXTS and not c.labels for c in sample.table.columns.values()
    )


def _publishes(scene: Scene, sample: Sample, anon: Persona) -> Finding | None:
    persona = scene.users[0]
    guest = _guest(persona)
    for row in sample.rows:
        write = insert_of(sample, guest, row)
        if write is None:
            return None
        for setup in ((), (make_room(sample, persona),)):
            look = f"select 1 from {sample.table.name} as t where {write.written}"
            with scene.session.undone():
                if not all(run(scene.session, None, text) for text in setup):
                    continue
                with scene.session.undone():
                    if run(scene.session, anon, write.statement):
                        return None  # it takes no guest, and is told as what it is
                if not run(scene.session, guest, write.statement):
                    continue
                with scene.session.act_as(anon):
                    shown = scene.session.attempt(look).rowcount > 0
            if shown:
                told = f" that everybody reads: {_NOTHING_ASKS} (where anonymous sign-ins are on)"
                inserted = Step(who=guest, statement=write.statement, shows=ROWS)
                return _tell(
                    sample, told, (*_by_owner(setup), inserted, Step(who=anon, statement=look, shows=ROWS))
                )
            return None
    return None


def _no_guests(table: str) -> str:
    return (
        f'create policy "guests do not" on {table} as restrictive for insert to authenticated '
        "with check ((select (auth.jwt() ->> 'is_anonymous')::boolean) is not true)"
    )


def _beside(scene: Scene) -> Iterator[Finding]:
    """One finding: a guest puts his rows below those of a table that takes none from a guest."""
    guest = _guest(scene.users[0])
    plain = [s for s in scene.samples if s.table.kind in "rp" and s.object == s.table.name]
    closed = {s.object: write for s in plain if (write := _refused(scene, s, guest))}
    for sample in plain if closed else ():
        above = [key.target for key in sample.table.foreign_keys if key.target in closed]
        if not above or sample.object in closed or not owner_columns(sample):
            continue
        for setup, write in _inserts(scene, sample, guest):
            refused = closed[above[0] or ""]
            told = (
                f", below rows of {refused.sample.table.name}, which takes none from a guest: "
                "no condition here asks for is_anonymous"
            )
            not_there = Step(who=guest, statement=refused.statement, shows=_NO_PRIVILEGE)
            inserted = Step(who=guest, statement=write.statement, shows=ROWS)
            yield _tell(sample, told, (not_there, *_by_owner(setup), inserted))
            return


def _by_owner(setup: tuple[str, ...]) -> Steps:
    return tuple(Step(statement=text) for text in setup)


def _guest(persona: Persona) -> Persona:
    return replace(persona, claims={**persona.claims, "is_anonymous": True})


def _inserts(scene: Scene, sample: Sample, persona: Persona) -> Iterator[tuple[tuple[str, ...], Write]]:
    """Rows of the persona's own that go in, as things are or once it has none."""
    writes = list(own_inserts(sample, persona))[:_WRITES]
    for setup in ((), (make_room(sample, persona),) if owner_columns(sample) else ()):
        with scene.session.undone():
            ready = all(run(scene.session, None, text) for text in setup)
            answers = scene.ask(persona, [[write.statement] for write in writes]) if ready else []
        for write, answer in zip(writes, answers, strict=False):
            if not answer.sqlstate and answer.counts[0] > 0:
                yield setup, write


def _refused(scene: Scene, sample: Sample, guest: Persona) -> Write | None:
    """What a user inserts, and a guest does not."""
    user = scene.users[0]
    for setup, write in _inserts(scene, sample, user):
        with scene.session.undone():
            ready = all(run(scene.session, None, text) for text in setup)
            answers = scene.ask(guest, [[write.statement]]) if ready else []
        if any(answer.sqlstate == _NO_PRIVILEGE for answer in answers):
            return write
    return None


def _tell(sample: Sample, told: str, steps: Steps) -> Finding:
    table = sample.table.name
    return Finding(
        rule="claims",
        object=sample.object,
        actions=("insert",),
        who=("guest",),
        severity=Severity.MEDIUM,
        sentence=f"A guest without a registered account inserts rows into {table}{told}.",
        steps=steps,
        cause="guests",
        about=(ObjectKey(kind="relation", object=table, name=""),),
        candidates=((_no_guests(table),),),
    )
