"""Real rows to try, read as the schema's owner: some of every table, different in whatever may matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from pgassay.catalog.model import Column, Index
from pgassay.catalog.names import quoted, relation_name
from pgassay.catalog.tables import Surface, Table
from pgassay.database import Session
from pgassay.matrix.statements import changed_value, literal
from pgassay.world.ownership import OwnerPaths, find_ownership, find_ties, refuse_override
from pgassay.world.presence import array, ask, find_holders, query

ROWS_OF_A_CLASS = 12
"""How many rows of one class are tried at most: such that every state and owner occurs, if they fit."""

_READ_AT_MOST = 1000
_STORAGE = ("storage", "objects")
_STORAGE_KEY = ("bucket_id", "name")  # as the Storage API names an object; the id is drawn at random
# What of an object's row decides where it lies and whose it is; the rest is the Storage API's own business.
_STORAGE_COLUMNS = ("bucket_id", "name", "owner_id")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row as text. `state`: what tells it from others, such as status → QUEUED. `changed`: other values."""

    key: tuple[str | None, ...]
    owners: frozenset[str]
    state: Mapping[str, str]
    values: Mapping[str, str | None]
    changed: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows of a table, or of one `bucket` of storage.objects; `key` are columns that name a row.

    `unread`: what PostgreSQL said where they could not be read. `besides`: other rows are there.
    """

    object: str
    table: Table
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    ownership: OwnerPaths | None
    rows: tuple[Row, ...] = field(repr=False)
    unread: str = ""
    besides: bool = False
    bucket: str = ""

    @property
    def where(self) -> str:
        """What tells its rows apart in its table, as a clause; nothing where they are all that there are."""
        return f" where bucket_id = {literal(self.bucket)}" if self.bucket else ""


@dataclass(frozen=True, kw_only=True)
class KnownRows:
    """All rows that a table had: `keys` are values of `columns`, as the server writes an array of them."""

    columns: tuple[str, ...]
    keys: tuple[str, ...] = field(repr=False)

    @property
    def exclusion(self) -> str:
        """True of a row `t` that is none of them; of none where rows cannot be told apart."""
        return f"{_text_of(self.columns)} <> all({array(self.keys)})" if self.columns else "false"


Known = Mapping[str, KnownRows]
"""By table, as SQL spells it."""


def read_known(session: Session, surface: Surface, *, ids: Sequence[str]) -> Known:
    """The rows that are there by now, of all that is reachable."""
    reader = _Reader(session, surface, ids)
    with session.as_owner():
        return {table.name: reader.known(table) for table in surface.reachable}


def read_samples(  # noqa: PLR0913 - by name
    session: Session,
    surface: Surface,
    *,
    ids: Sequence[str],
    overrides: Mapping[str, str],
    hidden: bool = False,
    besides: Known = MappingProxyType({}),
) -> tuple[Sample, ...]:
    """The rows to try of all that is reachable, and of what is `hidden`; `ids` are the personas'.

    Those `besides` are left out. Raises ConfigError.
    """
    reader = _Reader(session, surface, ids, besides)
    with session.as_owner():
        ownership = find_ownership(surface, holders=reader.holders, overrides=overrides)
        for name, text in overrides.items():
            table = surface.by_name[relation_name(name)]
            users = ownership[table.oid].users
            attempt = session.attempt(f"select {users} from {table.name} as t limit 0")
            if attempt.sqlstate:  # its rows would be whoever's, and nothing would say so
                raise refuse_override(name, text, attempt.message)
        return tuple(
            sample
            for table in (surface.tables.values() if hidden else surface.reachable)
            for sample in reader.samples(table, ownership.get(table.oid))
        )


class _Reader:
    def __init__(
        self,
        session: Session,
        surface: Surface,
        ids: Sequence[str],
        besides: Known = MappingProxyType({}),
    ) -> None:
        self._session = session
        self._surface = surface
        self._ids = list(ids)
        self._besides = besides

    def known(self, table: Table) -> KnownRows:
        """All rows of a table."""
        columns = self._key(table)
        found = query(self._session, f"select {_text_of(columns)} from {table.name} as t") if columns else []
        return KnownRows(columns=columns, keys=tuple(str(key) for (key,) in found))

    @cached_property
    def holders(self) -> dict[int, frozenset[str]]:
        """The columns of each table in which an id of a persona occurs."""
        return find_holders(self._session, self._surface, self._ids)

    def samples(self, table: Table, ownership: OwnerPaths | None) -> Iterator[Sample]:
        if (table.schema, table.relation) != _STORAGE:
            yield self._sample(table, ownership, tuple(table.columns.values()))
            return
        columns = tuple(table.columns[name] for name in _STORAGE_COLUMNS if name in table.columns)
        for (bucket,) in query(self._session, "select t.id from storage.buckets as t order by 1"):
            yield self._sample(table, ownership, columns, bucket=str(bucket))

    def _sample(
        self, table: Table, ownership: OwnerPaths | None, columns: tuple[Column, ...], *, bucket: str = ""
    ) -> Sample:
        key = self._key(table)
        conditions = [f"t.bucket_id = {literal(bucket)}"] if bucket else []
        known = self._besides.get(table.name)
        if known:
            conditions.append(known.exclusion)
        where = f" where {' and '.join(conditions)}" if conditions else ""
        attempt = self._session.attempt(self._first_of_each_state(table, key, ownership, where))
        return Sample(
            object=f"{table.name}[{bucket}]" if bucket else table.name,
            table=table,
            key=key,
            columns=columns,
            ownership=ownership,
            rows=tuple(_row(table, tuple(row.values())) for row in attempt.rows),
            unread=attempt.message,
            besides=bool(known and known.keys),
            bucket=bucket,
        )

    def _key(self, table: Table) -> tuple[str, ...]:
        """Columns that name a row: a key, a column whose values happen to be unique, or all that compare.

        If possible a key that names the same row wherever the world is loaded.
        """
        if (table.schema, table.relation) == _STORAGE:
            return _STORAGE_KEY
        if found := [index for index in table.unique if table.is_named_by(index)]:
            alike = (one for one in found if not table.draws(one) and _as_readable(table, one, found[0]))
            return next(alike, found[0]).columns
        columns = [c for c in table.columns.values() if c.comparable]
        if not columns:
            return ()
        answers = ask(self._session, table, [f"count(*) = count(distinct t.{c.quoted})" for c in columns])
        alone = [c.name for c, unique in zip(columns, answers, strict=False) if unique]
        return (alone[0],) if alone else tuple(c.name for c in columns)

    def _first_of_each_state(
        self, table: Table, key: tuple[str, ...], ownership: OwnerPaths | None, where: str
    ) -> str:
        """The first row of every state for each owner, personas first; all rows where there are no owners."""
        keys = [f"t.{quoted(name)}::text" for name in key]
        columns = tuple(table.columns.values())
        owners = ownership.users if ownership else array(())
        order = [f"t.{quoted(name)}::text" for name in _stable_order(table, key)]
        place = "t.ctid" if table.stored else "null"
        ids = array(self._ids)
        ties = find_ties(self._surface, table, holders=self.holders, ids=ids, owners=owners)
        return f"""
            select s.key, s.owners, s.found, s.changed
            from (
                select distinct on (q.known, q.whose, q.state) q.*
                from (
                    select
                        {_array_of(keys)} as key,
                        array_remove({owners}, null) as owners,
                        {_array_of([f"t.{c.quoted}::text" for c in columns])} as found,
                        {_array_of([changed_value(self._surface, table, c) for c in columns])} as changed,
                        {_array_of([*map(_feature, columns), *ties])} as state,
                        {owners} && {ids} as known,
                        {owners if ownership else _array_of(order or [f"{place}::text"])} as whose,
                        {_array_of(order)} collate "C" as ordinal,
                        {place} as place
                    from {table.name} as t{where}
                ) as q
                order by q.known desc, q.whose, q.state, q.ordinal, q.place
                limit {_READ_AT_MOST}
            ) as s
            order by s.ordinal, s.place
        """


def _as_readable(table: Table, one: Index, other: Index) -> bool:
    """Whether every role that may read the columns of `other` may read those of `one` too."""
    readers = (held.select for held in table.privileges.values() if held.select.issuperset(other.columns))
    return all(select.issuperset(one.columns) for select in readers)


def _feature(column: Column) -> str:
    if column.labels or column.base == "bool":
        return f"t.{column.quoted}::text"
    return f"case when t.{column.quoted} is null then 'null' end" if not column.not_null else "''"


def _stable_order(table: Table, key: tuple[str, ...]) -> tuple[str, ...]:
    """Columns whose values are the same in every run: ids that are drawn at random are not.

    None where all are drawn: then rows have the order in which they were written, as far as they have one.
    """
    for index in sorted(table.unique, key=lambda index: -len(index.columns)):  # the finest first
        if not table.draws(index):
            return index.columns
    return () if table.stored and table.unique else key


def _row(table: Table, read: tuple[object, ...]) -> Row:
    key, owners, values, changed = (list(part) if isinstance(part, list) else [] for part in read)
    by_name = dict(zip(table.columns, values, strict=True))
    return Row(
        key=tuple(key),
        owners=frozenset(owners),
        state=dict(_state(table.columns.values(), by_name)),
        values=by_name,
        changed=dict(zip(table.columns, changed, strict=True)),
    )


def _state(columns: Iterable[Column], values: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Enums and booleans by value, then other columns by whether they are null."""
    some = list(columns)
    plain = [c for c in some if c.labels or c.base == "bool"]
    for column in plain:
        yield column.name, values[column.name] or "null"
    for column in some:
        if not column.not_null and column not in plain:
            yield column.name, "null" if values[column.name] is None else "not null"


def _text_of(columns: Sequence[str]) -> str:
    """The values of columns of a row `t` as one text."""
    return f"{_array_of([f't.{quoted(name)}::text' for name in columns])}::text"


def _array_of(expressions: Sequence[str]) -> str:
    return f"array[{', '.join(expressions)}]::text[]"
