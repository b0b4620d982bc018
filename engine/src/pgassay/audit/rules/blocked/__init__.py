"""Blocked: a mark keeps a user from one kind of rows that others see, and not from its sibling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.acts import reach_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.rules.blocked.blocking import Blocking, Blockings
from pgassay.audit.rules.blocked.passing import find_passing
from pgassay.audit.rules.blocked.read_past import find_read_past
from pgassay.audit.scene import Scene, run
from pgassay.audit.spelling import conjuncts
from pgassay.audit.writes import Write, inserts_with_another, make_room, own_inserts
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.database.pipeline import Answer
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

RULE = "blocked"
_WRITES = 6  # of one table and persona


@dataclass(frozen=True, kw_only=True)
class _Post:
    """A row of a persona's own that goes in as things are, and that another user then reads."""

    write: Write
    persona: Persona
    reader: Persona
    setup: tuple[str, ...]
    names_reader: bool

    @property
    def statement(self) -> str:
        return self.write.statement

    @property
    def steps(self) -> Steps:
        look = f"select 1 from {self.write.sample.table.name} as t where {self.write.written}"
        return (
            *(Step(statement=text) for text in self.setup),
            Step(who=self.persona, statement=self.statement, shows=ROWS),
            Step(who=self.reader, statement=look, shows=ROWS),
        )


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each table that takes what a mark keeps out of another, or on another way."""
    done: set[str] = set()
    blockings = Blockings(scene)
    for persona in scene.users:
        posts = [post for sample in scene.samples for post in _posts(scene, sample, persona)]
        objects = {post.write.sample.object for post in posts}
        if len(objects) < 2:
            continue
        asked = frozenset[str]().union(*(reach_of(scene, scene.sample_of[name].table) for name in objects))
        for mark in blockings.find(persona, asked - objects):
            for finding in _try(scene, posts, mark):
                if finding.object not in done:
                    done.add(finding.object)
                    yield finding
    yield from (finding for finding in find_passing(scene, blockings) if finding.object not in done)
    yield from find_read_past(scene, blockings)


def _posts(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Post]:
    """The first to each reader that names him, and the first that names nobody else."""
    if sample.table.kind not in "rp" or sample.object != sample.table.name or not sample.table.secured:
        return
    for reader in (user for user in scene.users if user != persona):
        theirs = {
            row.key[0] for s in scene.samples for row in s.rows if row.key and row.owners == {reader.id}
        }
        some = [write for group in inserts_with_another(sample, persona, reader) for write in group]
        some += own_inserts(sample, persona)
        for names_reader in (True, False):
            found = (
                post
                for write in some
                if bool({reader.id, *theirs} & _named(write)) is names_reader
                for setup in ((), (make_room(sample, persona),))
                if plays(
                    scene.session,
                    (
                        post := _Post(
                            write=write,
                            persona=persona,
                            reader=reader,
                            setup=setup,
                            names_reader=names_reader,
                        )
                    ).steps,
                )
            )
            yield from islice(found, 1)


def _named(write: Write) -> set[str | None]:
    """What its references say."""
    return {
        write.values[name]
        for key in write.sample.table.foreign_keys
        for name in key.columns
        if name in write.values
    }


def _try(scene: Scene, posts: Sequence[_Post], mark: Blocking) -> Iterator[Finding]:
    """A mark that another user set is about what reaches him."""
    some = [post for post in posts if mark.by is None or (post.reader == mark.by and post.names_reader)]
    before = _answers(scene, some, mark.cleared)
    after = _answers(scene, some, (*mark.cleared, mark.statement))
    pairs = [(p, a) for p, b, a in zip(some, before, after, strict=False) if _went(b)]
    refused = [(p, a) for p, a in pairs if a.sqlstate and not a.sqlstate.startswith(OF_VALUES)]
    still = [p for p, a in pairs if _went(a)]
    kept_out = {p.write.sample.object for p, _ in refused}
    for post in still if refused else ():
        if post.write.sample.object not in kept_out:
            yield _tell(scene, mark, post, *refused[0])


def _went(answer: Answer) -> bool:
    return not answer.sqlstate and answer.counts[-1] > 0


def _answers(scene: Scene, posts: Sequence[_Post], setup: Sequence[str]) -> list[Answer]:
    found: list[Answer] = []
    for post in posts:
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in (*post.setup, *setup)):
                return []
            found += scene.ask(post.persona, [[post.statement]])
    return found


def _tell(scene: Scene, mark: Blocking, post: _Post, other: _Post, answer: Answer) -> Finding:
    sample, persona = post.write.sample, post.persona
    cleared = tuple(Step(statement=text) for text in mark.cleared)
    refusal = Step(who=persona, statement=other.statement, shows=answer.sqlstate)
    rooms = tuple(Step(statement=text) for text in (*other.setup, *post.setup))
    marked = (*rooms, *cleared, Step(statement=mark.statement, shows=ROWS))
    return Finding(
        rule=RULE,
        object=sample.object,
        actions=("insert",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{mark.told}, and {persona.name}'s rows are kept out of {other.write.sample.object} "
        f"({answer.sqlstate}), and not out of {sample.object}, where {post.reader.name} reads them.",
        steps=(*marked, refusal, *post.steps[len(post.setup) :]),
        cause=f"blocked {sample.object}",
        about=(
            *(policy.key for policy in _asked(sample, persona)),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
        candidates=tuple(_repairs(scene, mark, post, other)),
        exact=True,
        kept=((*rooms, *cleared, *post.steps[len(post.setup) :]),),
    )


def _asked(sample: Sample, persona: Persona) -> list[Policy]:
    policies = sample.table.privileges[persona.role].policies
    return [p for p in policies if p.permissive and p.command in ("insert", "all")]


def _repairs(scene: Scene, mark: Blocking, post: _Post, other: _Post) -> Iterator[tuple[str, ...]]:
    """The condition that keeps rows out of the other table, where it fits."""
    own = _asked(post.write.sample, post.persona)
    for policy in _asked(other.write.sample, other.persona):
        for text in conjuncts(policy.check or policy.using or "true"):
            if _asks_for(scene, text, mark.sample):
                checks = ((p, p.check or p.using or "true") for p in own)
                yield tuple(
                    f"alter policy {p.quoted} on {p.table} with check (({check}) and ({text}))"
                    for p, check in checks
                )


def _asks_for(scene: Scene, text: str, sample: Sample) -> bool:
    """Whether a condition comes to read a table."""
    words = find_literals([text]).words
    called = (f for f in scene.functions.values() if f.name in words and scene.is_ours(f))
    return sample.table.relation in words or any(
        sample.table.name in scene.inventory.reach(f.function) for f in called
    )
