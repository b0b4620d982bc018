"""One is not many: a statement over several rows does what as many statements do, or something is missed.

A limit that is counted before the statement lets all of its rows through; a trigger of statements fires once.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.acts import number_setups, reach_of, tables_of
from pgassay.audit.changing import find_changed
from pgassay.audit.metadata import look_at_new
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, own_condition
from pgassay.audit.writes import fresh_columns, insert_of, make_room, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey, Trigger
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.database.pipeline import KEEP, Answer
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS, TEXTS, become, literal
from pgassay.observation import Persona

RULE = "many"
_FEW = 3
_LIMIT = 20  # the largest that is tried
_COLUMNS = 6


@dataclass(frozen=True, kw_only=True)
class _Deed:
    """The same as statements of one row each, and as one; after what the owner does."""

    persona: Persona
    verb: str
    singles: tuple[str, ...]
    together: str
    setup: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Left:
    """What was written: rows of each table, and sums of its numbers."""

    rows: Mapping[str, int]
    sums: Mapping[tuple[str, str], float]
    refused: tuple[str, ...] = ()


def find(scene: Scene) -> Iterator[Finding]:
    """Of tables on whose writes something else than constraints depends: one finding for each verb."""
    for sample in scene.samples:
        if sample.object == sample.table.name and sample.table.kind in "rp" and _is_asked(scene, sample):
            done: set[str] = set()
            for persona in scene.users:
                for finding in _by(scene, sample, persona):
                    if finding.actions[0] not in done:
                        done.add(finding.actions[0])
                        yield finding


def _by(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Finding]:
    """First with a few rows; with as many as a limit has only where some of the few went through."""
    room = (make_room(sample, persona),)
    limits = [(*room, *one) for one in _column_limits(scene, sample)]
    setups = ((), room, *limits)
    few = [deed for setup in setups for deed in _inserts(sample, persona, _FEW, setup)]
    alive: set[tuple[tuple[str, ...], str]] = set()
    for deed, single, together in _both(scene, sample, [*few, *_changes_of(sample, persona)]):
        if len(single.refused) < len(deed.singles):
            alive.add((deed.setup, deed.singles[0]))
        if found := _judge(sample, deed, single, together):
            yield found
    sizes = dict.fromkeys(limit + 1 for limit in _limits(scene, sample) if limit + 1 != _FEW)
    more = [d for size in sizes for setup in ((), room) for d in _inserts(sample, persona, size, setup)]
    for deed, single, together in _both(scene, sample, [d for d in more if (d.setup, d.singles[0]) in alive]):
        if found := _judge(sample, deed, single, together):
            yield found


def _both(scene: Scene, sample: Sample, deeds: Sequence[_Deed]) -> Iterator[tuple[_Deed, _Left, _Left]]:
    """What each leaves, as single statements and together."""
    ways = [(deed, way) for deed in deeds for way in (deed.singles, (deed.together,))]
    lefts = iter(_carry_out(scene, sample, ways))
    return zip(deeds, lefts, lefts, strict=True)


def _is_asked(scene: Scene, sample: Sample) -> bool:
    some = sample.table.acting or bool(_limits(scene, sample)) or bool(_column_limits(scene, sample))
    return sample.ownership is not None and some


def _column_limits(scene: Scene, sample: Sample) -> list[tuple[str, ...]]:
    """What sets a number in rows of other tables that policies and triggers come to ask for."""
    tables = tables_of(scene, reach_of(scene, sample.table)) - {sample.table.name}
    return list(islice(number_setups(scene, tables, (str(_FEW - 1),)), _COLUMNS))


def _limits(scene: Scene, sample: Sample) -> list[int]:
    """Small numbers in what policies and triggers of the table come to ask."""
    names = {
        *(t.function for t in scene.catalog.of(Trigger) if t.relation_oid == sample.table.oid),
        *(scene.inventory.reach(sample.table.name) & scene.functions.keys()),
    }
    texts = [scene.functions[name].text for name in sorted(names & scene.functions.keys())]
    policies = [text for p in scene.policies.get(sample.table.oid, ()) for _, text in p.clauses]
    numbers = find_literals([*policies, *texts]).numbers
    return sorted({int(n) for n in numbers if n.isdigit() and 0 < int(n) <= _LIMIT})


def _changes_of(sample: Sample, persona: Persona) -> Iterator[_Deed]:
    """Of own rows, after some more were made."""
    if sample.table.acting and sample.key:
        more = next(_inserts(sample, persona, _FEW, ()), None)
        yield from _changes(sample, persona, (more.together,) if more else ())


def _inserts(sample: Sample, persona: Persona, size: int, setup: tuple[str, ...]) -> Iterator[_Deed]:
    own = [row for row in sample.rows if owner_columns(sample) or persona.id in row.owners]
    for row in own[:_FEW]:
        write = insert_of(sample, persona, row)
        if write is None:
            return
        some = [_varied(sample, write.values, number) for number in range(size)]
        names = ", ".join(map(quoted, write.values))
        overriding = any(sample.table.columns[name].identity == "a" for name in write.values)
        system = " overriding system value" if overriding else ""
        rows = [f"({', '.join(map(literal, values.values()))})" for values in some]
        head = f"insert into {sample.table.name} ({names}){system} values "
        singles = tuple(head + one for one in rows)
        together = head + ", ".join(rows)
        yield _Deed(persona=persona, verb="insert", singles=singles, together=together, setup=setup)


def _varied(sample: Sample, values: Mapping[str, str | None], number: int) -> dict[str, str | None]:
    """The same, with other values where they must be unique."""
    return {name: _other(sample.table, name, v, number) for name, v in values.items()} | {
        name: values[name] for name in values.keys() - fresh_columns(sample)
    }


def _other(table: Table, name: str, value: str | None, number: int) -> str | None:
    base = table.columns[name].base
    if value is None or number == 0:
        return value
    if base in NUMBERS:
        return str(int(float(value)) + number)
    if base == "uuid":
        return str(uuid.UUID(hashlib.md5(f"{value}{number}".encode(), usedforsecurity=False).hexdigest()))
    return f"{value}{number}" if base in TEXTS else value


def _changes(sample: Sample, persona: Persona, setup: tuple[str, ...]) -> Iterator[_Deed]:
    """Of the first own rows by their key; `setup` sees to it that there are some."""
    table, held = sample.table, sample.table.privileges[persona.role]
    keys = ", ".join(map(quoted, sample.key))
    own = f"select {keys} from {table.name} as t where {own_condition(sample, persona)} order by {keys}"
    places = [f"({keys}) = ({own} limit 1 offset {number})" for number in range(_FEW)]
    everything = f"({keys}) in ({own} limit {_FEW})"
    if held.delete:
        head = f"delete from {table.name} where "
        singles = (head + places[0],) * _FEW
        yield _Deed(persona=persona, verb="delete", singles=singles, together=head + everything, setup=setup)
    plain = [c for c in table.columns.values() if c.name in held.update and not c.generated]
    asked = [c for c in plain if c.name not in owner_columns(sample) and c.name not in sample.key]
    for column in asked[:_COLUMNS] if sample.rows else ():
        value = literal(sample.rows[0].changed[column.name])
        head = f"update {table.name} set {column.quoted} = {value} where "
        singles = tuple(head + place for place in places)
        yield _Deed(persona=persona, verb="update", singles=singles, together=head + everything, setup=setup)


def _judge(sample: Sample, deed: _Deed, single: _Left, together: _Left) -> Finding | None:
    if together.refused:
        return None  # it does less, which opens nothing
    name = sample.table.name
    limits = [code for code in single.refused if not code.startswith(OF_VALUES)]
    if limits and together.rows.get(name, 0) > single.rows.get(name, 0) > 0 and deed.verb == "insert":
        return _tell_limit(sample, deed, single.rows[name], limits[-1])
    if single.refused:
        return None
    for table in sorted({*single.rows, *together.rows} - {name}):
        if single.rows.get(table, 0) != together.rows.get(table, 0):
            return _tell_rows(sample, deed, table, single, together)
    for key in sorted({*single.sums, *together.sums}):
        if key[0] != name and single.sums.get(key, 0) != together.sums.get(key, 0):
            return _tell_sums(sample, deed, key, single, together)
    return None


def _carry_out(scene: Scene, sample: Sample, ways: Sequence[tuple[_Deed, Sequence[str]]]) -> list[_Left]:
    """Each statement by itself: what is refused leaves the others as they are."""
    names = find_changed(scene, [sample.table.name])
    stored = [t for t in scene.surface.tables.values() if t.stored and scene.is_the_projects(t)]
    tables = [table for table in stored if names is None or table.name in names]
    look = scene.planned(look_at_new(tables))
    segments: list[Sequence[str]] = []
    for deed, statements in ways:
        segments.append(("savepoint pgassay_way", AS_OWNER, KEEP))
        segments += [(text, KEEP) for text in deed.setup]
        segments.append((*become(deed.persona), KEEP))
        segments += [(text, KEEP) for text in statements]
        segments += [(AS_OWNER, look), ("rollback to savepoint pgassay_way", "release savepoint pgassay_way")]
    answers = iter(scene.ask(None, segments))
    lefts = []
    for deed, statements in ways:
        own = list(islice(answers, len(deed.setup) + len(statements) + 4))
        refused = (answer.sqlstate for answer in own[-2 - len(statements) : -2])
        lefts.append(_left(own[-2], tuple(filter(None, refused))))
    return lefts


def _left(answer: Answer, refused: tuple[str, ...]) -> _Left:
    rows: Counter[str] = Counter()
    sums: Counter[tuple[str, str]] = Counter()
    for name, document in answer.rows[-1] if not answer.sqlstate else ():
        rows[str(name)] += 1
        for column, value in json.loads(document or "{}").items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                sums[str(name), column] += value  # type: ignore[assignment]
    return _Left(rows=rows, sums=sums, refused=refused)


def _tell_limit(sample: Sample, deed: _Deed, most: int, code: str) -> Finding:
    own = own_condition(sample, deed.persona)
    new = f"{own} and pg_catalog.age(t.xmin) <= 0"
    over = f"select 1 from {sample.table.name} as t where {new} having count(*) > {most}"
    return _finding(
        sample,
        deed,
        f"inserts {len(deed.singles)} rows into {sample.table.name} with one statement, of which single "
        f"statements let {most} through ({code}): the limit is counted before the statement.",
        Step(statement=over, shows=ROWS),
    )


def _tell_rows(sample: Sample, deed: _Deed, table: str, single: _Left, together: _Left) -> Finding:
    count, less = single.rows.get(table, 0), together.rows.get(table, 0)
    look = f"select 1 from {table} as t where pg_catalog.age(t.xmin) <= 0 having count(*) = {less}"
    told = f"writes {less} rows of {table}, and as {len(deed.singles)} statements {count}"
    return _finding(sample, deed, _spell(sample, deed, told), Step(statement=look, shows=ROWS))


def _tell_sums(sample: Sample, deed: _Deed, key: tuple[str, str], single: _Left, together: _Left) -> Finding:
    table, column = key
    total, less = single.sums.get(key, 0), together.sums.get(key, 0)
    test = f"having sum(t.{quoted(column)}) = {less:g}"
    look = f"select 1 from {table} as t where pg_catalog.age(t.xmin) <= 0 {test}"
    told = f"leaves {less:g} in {table}.{column}, and as {len(deed.singles)} statements {total:g}"
    return _finding(sample, deed, _spell(sample, deed, told), Step(statement=look, shows=ROWS))


def _spell(sample: Sample, deed: _Deed, told: str) -> str:
    return f"has one {deed.verb.upper()} over {len(deed.singles)} rows of {sample.table.name}, which {told}."


def _finding(sample: Sample, deed: _Deed, told: str, last: Step) -> Finding:
    return Finding(
        rule=RULE,
        object=sample.object,
        actions=(deed.verb,),
        who=(deed.persona.name,),
        severity=Severity.MEDIUM,
        sentence=f"{deed.persona.name} {told}",
        steps=(
            *(Step(statement=text) for text in deed.setup),
            Step(who=deed.persona, statement=deed.together, shows=ROWS),
            last,
        ),
        cause=f"many {deed.verb} {sample.object}",
        about=(ObjectKey(kind="relation", object=sample.table.name, name=""),),
    )
