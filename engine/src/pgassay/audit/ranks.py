"""Ranks: what a user reaches hangs on what his own row in another table says, and did not say at first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from pgassay.audit.confirmation import plays
from pgassay.audit.meant import is_open
from pgassay.audit.memberships import find_memberships, is_shared
from pgassay.audit.model import ROWS, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import DOCUMENTS, make_room, own_inserts, owner_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, NUMBERS, TEXTS, literal
from pgassay.observation import Persona

_VALUES = 6


def needs_rank(scene: Scene, sample: Sample, persona: Persona, steps: Steps, *, entering: bool) -> bool:
    """Whether steps no longer show anything where the persona has just begun, or is not listed.

    Nor where it belongs to no group: what members do with what their groups have is theirs to do; unless they
    are `entering` rows that have to name who made them, or by a policy that is not for INSERT alone.
    """
    owners = owner_columns(sample)
    named = all(sample.table.columns[name].not_null for name in owners)
    if not owners:
        named = _is_for_all(scene, sample, persona)
    members = () if entering and named else memberless(scene, sample, persona)
    for text in (*_without(scene, sample, persona), *members):
        with scene.session.undone():
            if run(scene.session, None, text) and not plays(scene.session, steps):
                return True
    return False


def needs_rank_for(scene: Scene, sample: Sample, persona: Persona, named: str, steps: Steps) -> bool:
    """Whether it is what else is said of the persona that lets it do so with the row that is `named`."""
    there = Step(statement=f"select 1 from {sample.table.name} where {named}", shows=ROWS)
    for text in (*_without(scene, sample, persona), *memberless(scene, sample, persona)):
        taken = Step(statement=text)
        if plays(scene.session, (taken, there)) and not plays(scene.session, (taken, *steps)):
            return True
    return False


def _is_for_all(scene: Scene, sample: Sample, persona: Persona) -> bool:
    """Whether a policy FOR ALL asks for a membership: who wrote it may have meant no more than SELECT."""
    lists = {one.sample.table.name: one.sample.table.relation for one in find_memberships(scene)}
    held = sample.table.privileges[persona.role].policies
    for policy in (policy for policy in held if policy.permissive and policy.command == "all"):
        words = find_literals(text for _, text in policy.clauses).words
        called = (f.function for f in scene.functions.values() if f.name in words and scene.is_ours(f))
        reached = frozenset[str]().union(*map(scene.inventory.reach, called))
        if any(name in reached or relation in words for name, relation in lists.items()):
            return True
    return False


def ranked_policies(scene: Scene, sample: Sample, persona: Persona) -> Mapping[str, str]:
    """Those that ask nothing of a row, and let only users of a rank through; with what takes it from one.

    That is "" for one who does not have it.
    """
    held = sample.table.privileges[persona.role].policies
    some = [p for p in held if is_open(sample.table, p)]
    asked = [[f"select ({policy.using}) is true"] for policy in some]
    before = scene.ask(persona, asked)
    found = {p.name: "" for p, was in zip(some, before, strict=True) if was.rows and was.rows[0] != (("t",),)}
    for text in _without(scene, sample, persona) if some else ():
        with scene.session.undone():
            after = scene.ask(persona, asked) if run(scene.session, None, text) else before
        for policy, was, now in zip(some, before, after, strict=True):
            if not was.sqlstate and not now.sqlstate and was.rows != now.rows:
                found.setdefault(policy.name, text)
    return found


def unranked(scene: Scene, persona: Persona, samples: Iterable[Sample]) -> Iterator[str]:
    """What takes a rank from a persona in these tables: a column as it begins; its row in a mere list."""
    for other in samples:
        single = any(set(index.columns) <= owner_columns(other) for index in other.table.unique)
        if other.table.kind in "rp" and single and _has_row(other, persona):
            yield from plain_updates(scene, other, persona)
            if _is_link(other):
                yield from _unlisted(scene, other, persona)


def sees_all(scene: Scene, sample: Sample, persona: Persona, texts: Iterable[str]) -> bool:
    """Whether a persona reads every row also after what takes its ranks from it."""
    with scene.session.undone():
        ready = all(run(scene.session, None, text) for text in texts)
        seen = measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, frozenset())
    return not ready or {row.key for row in sample.rows} <= seen


def without_policies(sample: Sample, names: Collection[str]) -> Sample:
    """As if a table had none of these."""
    held = {
        role: replace(some, policies=tuple(p for p in some.policies if p.name not in names))
        for role, some in sample.table.privileges.items()
    }
    return replace(sample, table=replace(sample.table, privileges=held))


def _without(scene: Scene, sample: Sample, persona: Persona) -> list[str]:
    """What takes a rank from a persona, one thing at a time."""
    if persona.id is None or not sample.table.secured:
        return []
    found: list[str] = []
    every = list(find_memberships(scene))
    for other in scene.samples:
        is_asked = other is sample or other.table.name in scene.inventory.reach(sample.table.name)
        single = any(set(index.columns) <= owner_columns(other) for index in other.table.unique)
        in_groups = any(one.sample is other and is_shared(scene, one, sample) for one in every)
        if is_asked and _has_row(other, persona):
            found += plain_updates(scene, other, persona) if single else ()
            is_list = (single and other is not sample) or _is_list_of_ranks(scene, other)
            found += _unlisted(scene, other, persona) if is_list or in_groups else ()
    return found


def memberless(scene: Scene, sample: Sample, persona: Persona) -> Iterator[str]:
    """What takes it from its groups: in none of the groups of which somebody has to take one in."""
    reach = scene.inventory.reach(sample.table.name)
    for one in find_memberships(scene):
        is_asked = one.sample is not sample and one.sample.table.name in reach
        if persona.id and sample.table.secured and is_asked and _has_row(one.sample, persona):
            yield from _unlisted(scene, one.sample, persona)


def _is_list_of_ranks(scene: Scene, other: Sample) -> bool:
    """Whether its rows say of users what they are, several things perhaps, and not in which group."""
    table, owners = other.table, owner_columns(other)
    groups = {key.target for key in table.foreign_keys if not owners.issuperset(key.columns)}
    refers = {name for key in table.foreign_keys for name in key.columns}
    told = {name for index in table.unique for name in index.columns if len(index.columns) > 1}
    columns = (table.columns[name] for name in told - owners - refers)
    is_plain = all(c.base in TEXTS or bool(c.labels) for c in columns)  # an id would be a group's
    is_list = table.kind in "rp" and bool(owners) and is_plain
    return is_list and not any(_is_referred_to(scene, name) for name in groups)


def _is_referred_to(scene: Scene, name: str | None) -> bool:
    """Whether rows of others belong to its rows, and say something: then these are groups, and no ranks."""
    return any(
        key.target == name and not _is_link(other)
        for other in scene.samples
        for key in other.table.foreign_keys
    )


def _is_link(sample: Sample) -> bool:
    """Whether it has nothing but keys, references and moments."""
    table = sample.table
    named = {*sample.key, *owner_columns(sample), *(n for key in table.foreign_keys for n in key.columns)}
    return all(c.name in named or c.base in MOMENTS for c in table.columns.values())


def _has_row(sample: Sample, persona: Persona) -> bool:
    return any(persona.id in row.owners for row in sample.rows)


def plain_updates(scene: Scene, other: Sample, persona: Persona) -> Iterator[str]:
    """Each column that something asks for as it begins; one that nothing begins, with each other value."""
    fixed = {name for index in other.table.unique for name in index.columns} | owner_columns(other)
    fixed |= {name for key in other.table.foreign_keys for name in key.columns}
    own = own_condition(other, persona)
    for column in other.table.columns.values():
        is_plain = column.base in (*MOMENTS, *NUMBERS, *TEXTS, *DOCUMENTS, "bool") or bool(column.labels)
        if is_plain and column.name in scene.said - fixed and not column.generated:
            for value in _first_values(scene, other, column):
                yield f"update {other.table.name} as t set {column.quoted} = {value} where {own}"


def _first_values(scene: Scene, other: Sample, column: Column) -> list[str]:
    if column.default or not column.not_null:
        return [column.default or "null"]
    return [literal(value) for value in values_for(scene, other, column, besides=None)[:_VALUES]]


def _unlisted(scene: Scene, other: Sample, persona: Persona) -> Iterator[str]:
    """Not in a list of users, where nobody puts himself."""
    room = make_room(other, persona)
    with scene.session.undone():
        if not run(scene.session, None, room):
            return
        answers = scene.ask(persona, [[write.statement] for write in own_inserts(other, persona)])
    if all(answer.sqlstate for answer in answers):
        yield room
