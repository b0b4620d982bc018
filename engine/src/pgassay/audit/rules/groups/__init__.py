"""Groups: who is in one group reaches the rows of others, because a policy asks for a membership in any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pgassay.audit.meant import reaches_all
from pgassay.audit.memberships import Memberships, find_memberships
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.rules.groups.departed import Departed, find_departed
from pgassay.audit.rules.groups.expelled import find_expelled
from pgassay.audit.rules.groups.sharing import find_shared
from pgassay.audit.rules.groups.suspended import Below, read_below, still_read
from pgassay.audit.rules.groups.unmatched import find_unmatched
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.words import anyone, does
from pgassay.audit.writes import given_row, owner_columns
from pgassay.catalog.model import Column, ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

RULE = "groups"
_GROUPS = 3


@dataclass(frozen=True, kw_only=True)
class _Link:
    """A table of memberships with its column for the group, and a column of another table for the same.

    `once`: a user is in a group once, and does not buy or book the same again.
    """

    members: Sample
    group: str
    sample: Sample
    column: str
    once: bool = True


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each table, by the first user who reaches it so, and for what all groups share."""
    done: set[str] = set()
    for link in _links(scene):
        if link.sample.object not in done:
            tries = ((p, single) for p in scene.users for single in _singles(scene, link, p))
            found = next((f for p, single in tries if (f := _try(scene, link, p, *single))), None)
            if found or (link.once and (found := _out(scene, link))):
                done.add(link.sample.object)
                yield found
    for one in find_memberships(scene):
        for persona in scene.users:
            for column, sample, steps in read_below(scene, one, persona):
                if sample.object not in done:
                    done.add(sample.object)
                    yield _tell_below(scene, one, persona, (column, sample), steps)
    for persona in scene.users:
        for departed in find_departed(scene, persona):
            if departed.sample.object not in done:
                done.add(departed.sample.object)
                yield _tell_departed(scene, departed, persona)
    yield from find_shared(scene)
    yield from find_expelled(scene)
    yield from (found for found in find_unmatched(scene) if found.object not in done)


def _out(scene: Scene, link: _Link) -> Finding | None:
    """Whether who is out of the group by what the membership says reads on."""
    target = _target(link.members, link.group)
    parent = scene.sample_of.get(target[0]) if target else None
    if parent is None or parent is link.sample or parent.key != (target or ("", ""))[1:]:
        return None
    below = Below(
        members=link.members, group=link.group, parent=parent, sample=link.sample, column=link.column
    )
    for persona in scene.users:
        if found := still_read(scene, below, persona):
            column, steps = found
            sentence = (
                f"{persona.name} does not see {parent.object} any more once {link.members.object} says so by "
                f"{column}, and still reads the rows of {link.sample.object} below it."
            )
            finding = _tell(scene, link, persona, ["select"], steps)
            return replace(finding, sentence=sentence, candidates=())
    return None


def _tell_below(
    scene: Scene, one: Memberships, persona: Persona, what: tuple[str, Sample], steps: Steps
) -> Finding:
    column, sample = what
    link = _Link(members=one.sample, group=one.group, sample=sample, column="")
    sentence = (
        f"{persona.name} does not see {one.parent.object} any more once {one.sample.object} says so by "
        f"{column}, and still reads rows of {sample.object}, which {persona.name} does not without the row."
    )
    finding = _tell(scene, link, persona, ["select"], steps)
    return replace(finding, sentence=sentence, candidates=())


def _tell_departed(scene: Scene, one: Departed, persona: Persona) -> Finding:
    link = _Link(members=one.members, group="", sample=one.sample, column="")
    sentence = (
        f"{persona.name} is out once {one.members.object} says so by {one.column}, and still "
        f"{does(one.verbs)} rows of {one.sample.object} as before."
    )
    finding = _tell(scene, link, persona, list(one.verbs), one.steps)
    return replace(finding, severity=Severity.MEDIUM, sentence=sentence, candidates=())


def _links(scene: Scene) -> Iterator[_Link]:
    for members in scene.samples:
        owners = owner_columns(members)
        found = dict.fromkeys(
            name
            for index in members.table.unique
            if owners & set(index.columns)
            for name in set(index.columns) - owners
            if len(set(index.columns) - owners) == 1
        )
        for group in found:
            yield from _of_members(scene, members, group)
        single = len(owners) == 1 and members.table.kind in "rp" and members.object == members.table.name
        for key in members.table.foreign_keys if single else ():
            if len(key.columns) == 1 and not {*found, *owners} & set(key.columns):
                yield from (replace(one, once=False) for one in _of_members(scene, members, key.columns[0]))


def _of_members(scene: Scene, members: Sample, group: str) -> Iterator[_Link]:
    target = _target(members, group)
    for sample in scene.samples:
        table = sample.table
        if sample is members or not table.secured or sample.object != table.name:
            continue
        for column in table.columns.values():
            same = column.name == group and column.type == members.table.columns[group].type
            if _target(sample, column.name) == target or (table.name, column.name) == target:
                same = same or target is not None
            if same and scene.dependents(members.table.name) & {table.name}:
                yield _Link(members=members, group=group, sample=sample, column=column.name)


def _target(sample: Sample, column: str) -> tuple[str, str] | None:
    keys = (key for key in sample.table.foreign_keys if key.columns == (column,))
    return next(((key.target or "", key.target_columns[0]) for key in keys), None)


def _try(
    scene: Scene, link: _Link, persona: Persona, setup: tuple[str, ...], group: str | None
) -> Finding | None:
    rows = [
        row
        for row in link.sample.rows
        if row.values[link.column] not in (None, group) and persona.id not in row.owners
    ]
    if not group or not rows:
        return None
    leave = f"delete from {link.members.table.name} as t where {own_condition(link.members, persona)}"
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return None
        reached = _reached(scene, link.sample, persona, rows)
        verbs = [verb for verb in reached if reaches_all(scene, link.sample, persona, verb)]
        if not verbs or not run(scene.session, None, leave):
            return None
        left = _reached(scene, link.sample, persona, rows)
    verbs = [verb for verb in verbs if verb not in left]
    if not verbs:
        return None
    text = reached[verbs[0]]
    steps = (
        *map(_by_owner, setup),
        Step(who=persona, statement=text, shows=ROWS),
        Step(statement=leave, shows=ROWS),
        Step(who=persona, statement=text, shows=NO_ROWS_SHOWN),
    )
    kept = tuple((*map(_by_owner, setup), look) for look in _own_looks(link, persona, group))
    return replace(_tell(scene, link, persona, verbs, steps), kept=kept)


def _by_owner(statement: str) -> Step:
    return Step(statement=statement)


def _own_looks(link: _Link, persona: Persona, group: str) -> Iterator[Step]:
    """What the persona goes on to read: a row of its own group."""
    for row in [row for row in link.sample.rows if row.values[link.column] == group][:1]:
        look = (
            f"select 1 from {link.sample.table.name} where {statements.condition(link.sample.key, row.key)}"
        )
        yield Step(who=persona, statement=look, shows=ROWS)


def _narrowed(link: _Link, policies: Sequence[Policy]) -> Iterator[tuple[str, ...]]:
    """One of the policies, then all, which ask for the group of the row, too."""
    members = link.members.table
    owner = next((n for n in sorted(owner_columns(link.members)) if members.columns[n].base == "uuid"), "")
    own = f"m.{quoted(owner)} = (select auth.uid())"
    scope = f"{quoted(link.column)} in (select m.{quoted(link.group)} from {members.name} as m where {own})"
    texts = []
    for policy in policies if owner else ():
        clauses = " ".join(f"{name} (({text}) and {scope})" for name, text in policy.clauses)
        texts.append(f"alter policy {policy.quoted} on {policy.table} {clauses}")
    yield from ((text,) for text in texts)
    yield tuple(texts)


def _singles(scene: Scene, link: _Link, persona: Persona) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """What puts the persona into one group alone, and which; each of those that it is in."""
    table, group = link.members.table, quoted(link.group)
    own = own_condition(link.members, persona)
    [mine] = scene.ask(None, [[f"select t.{group}::text from {table.name} as t where {own} order by 1"]])
    groups = [] if mine.sqlstate else [value for (value,) in mine.rows[0]]
    for one in groups[:_GROUPS]:
        others = f"{own} and t.{group} <> {statements.literal(one)}"
        yield (f"delete from {table.name} as t where {others}",), one
    if not groups and (given := given_row(link.members, persona)):
        yield (given,), link.members.rows[0].values[link.group]


def _reached(scene: Scene, sample: Sample, persona: Persona, rows: list[Row]) -> dict[str, str]:
    """By verb a statement that reaches a row, where all of them are reached so."""
    column = _written(sample, persona)
    texts: dict[str, list[str]] = {"update": [], "delete": [], "select": []}
    for row in rows:
        where = statements.condition(sample.key, row.key)
        if column:
            value = statements.literal(row.values[column.name])
            texts["update"].append(statements.update(sample.table, column.name, value, where=where))
        texts["delete"].append(statements.delete(sample.table, where=where))
        texts["select"].append(f"select 1 from {sample.table.name} where {where}")
    found = {}
    for verb, some in texts.items():
        answers = scene.ask(persona, [[text] for text in some])
        if some and all(not answer.sqlstate and answer.counts[0] > 0 for answer in answers):
            found[verb] = some[0]
    return found


def _written(sample: Sample, persona: Persona) -> Column | None:
    held = sample.table.privileges[persona.role].update
    keys = {name for index in sample.table.unique for name in index.columns}
    columns = (c for c in sample.table.columns.values() if c.name in held - keys and not c.generated)
    return next(columns, None)


def _tell(scene: Scene, link: _Link, persona: Persona, verbs: list[str], steps: Steps) -> Finding:
    table = link.sample.table
    policies = [p for p in table.privileges[persona.role].policies if p.command in (*verbs, "all")]
    writes = verbs != ["select"]
    return Finding(
        rule=RULE,
        object=link.sample.object,
        actions=tuple(verbs),
        who=tuple(p.name for p in scene.users),
        severity=Severity.HIGH if writes else Severity.MEDIUM,
        sentence=f"{anyone(scene.users)} who stands in {link.members.object} {does(verbs)} rows of "
        f"{link.sample.object} whatever their {link.column} is: it is not compared with {link.group}.",
        steps=steps,
        cause=f"strangers {link.sample.object}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=tuple(_narrowed(link, policies)),
    )
