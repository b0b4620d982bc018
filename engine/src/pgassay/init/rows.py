"""A first world: the personas as users, and a row of each in the tables that take a plain insert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Constraint
from pgassay.catalog.names import quoted
from pgassay.catalog.read import read_catalog
from pgassay.catalog.tables import Surface, Table, read_surface
from pgassay.database import Session
from pgassay.matrix.statements import NUMBERS, TEXTS, literal
from pgassay.observation import Persona

_USERS = "auth.users"
_PLAIN = {
    **dict.fromkeys(("timestamp", "timestamptz", "date"), "2030-01-01"),
    **dict.fromkeys(("time", "timetz"), "12:00"),
    **dict.fromkeys(("json", "jsonb"), "{}"),
    "interval": "1 day",
    "bool": "false",
    "inet": "127.0.0.1",
}
_ROUNDS = 4  # how far a row may be from a user, by foreign keys


@dataclass(frozen=True, kw_only=True)
class _User:
    name: str
    id: str
    email: str

    @property
    def insert(self) -> str:
        metadata = f'{{"name": "{self.name}", "full_name": "{self.name}", "username": "{self.name}"}}'
        return (
            f"insert into {_USERS} (id, aud, role, email, raw_app_meta_data, raw_user_meta_data) values "
            f"({literal(self.id)}, 'authenticated', 'authenticated', {literal(self.email)}, '{{}}', "
            f"{literal(metadata)})"
        )


@dataclass(kw_only=True)
class _Made:
    """Statements that worked, and by table and user the expressions that they wrote, by column."""

    statements: list[str] = field(default_factory=list)
    rows: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)


def make_world(session: Session, personas: Sequence[Persona]) -> tuple[str, ...]:
    """Statements for the schema's owner that put rows into an empty database; each was tried in `session`."""
    users = [_user(persona) for persona in personas if "sub" in persona.claims]
    made = _Made()
    with session.as_owner():
        for user in users:
            _attempt(session, made, user.insert)
    surface = read_surface(session, roles=[])
    checks = _checks(session)
    with session.as_owner():
        for _ in range(_ROUNDS):
            before = len(made.rows)
            for table in sorted(surface.reachable, key=lambda table: table.name):
                for number, user in enumerate(users, start=1):
                    if (table.name, user.name) not in made.rows and _is_filled(table):
                        _fill(session, made, _Filling(surface, made, table, user, number, checks))
            if len(made.rows) == before:
                break
    return tuple(made.statements)


def _user(persona: Persona) -> _User:
    email = str(persona.claims.get("email") or f"{persona.name}@example.com")
    return _User(name=persona.name, id=str(persona.claims["sub"]), email=email)


def _is_filled(table: Table) -> bool:
    return table.stored and table.schema != "storage"


def _checks(session: Session) -> dict[tuple[int, str], tuple[str, ...]]:
    """The texts that check constraints name, by table and column: one of them may be allowed."""
    with session.as_owner():
        constraints = read_catalog(session.connection, Constraint).of(Constraint)
    return {
        (one.relation_oid, name): find_literals([one.definition]).strings
        for one in constraints
        if one.type == "c"
        for name in one.columns
    }


def _attempt(session: Session, made: _Made, statement: str) -> bool:
    """Run a statement; it is part of the world if it works."""
    connection = session.connection
    connection.execute("savepoint pgassay_row")
    try:
        connection.execute(statement.encode())
        connection.execute("set constraints all immediate")
    except psycopg.Error:
        connection.execute("rollback to savepoint pgassay_row")
        return False
    made.statements.append(statement)
    return True


def _fill(session: Session, made: _Made, filling: _Filling) -> None:
    values = dict(filling.values())
    shown = frozenset(values.items())
    table, others = filling.table.name, made.rows.items()
    if any(key[0] == table and frozenset(row.items()) == shown for key, row in others):
        return  # nobody's own
    names = ", ".join(map(quoted, values))
    row = f"({names}) values ({', '.join(values.values())})" if values else "default values"
    if _attempt(session, made, f"insert into {table} {row}"):
        made.rows[table, filling.user.name] = values


@dataclass(frozen=True)
class _Filling:
    """The row of one user in one table."""

    surface: Surface
    made: _Made
    table: Table
    user: _User
    number: int
    checks: Mapping[tuple[int, str], Sequence[str]]

    def values(self) -> Iterator[tuple[str, str]]:
        """What must be said, and whose row it is, as expressions by column."""
        keys = {key.columns[0]: key for key in self.table.foreign_keys if len(key.columns) == 1}
        for name, column in self.table.columns.items():
            if column.generated or column.identity:
                continue
            if name in keys:
                value = self._reference(keys[name])
            elif column.base == "uuid":
                value = self._id(column)
            else:
                value = self._plain(column) if column.not_null and not column.has_default else None
            if value is not None:
                yield name, value

    def _reference(self, key: Constraint) -> str | None:
        """The row of the same user; the user, where it is a user's key, as of a profile."""
        target = self.surface.tables.get(key.target_oid)
        name = key.target_columns[0]
        if target is None or target.oid == self.table.oid:
            return None
        if target.name == _USERS:
            return literal(self.user.id)
        further = [other for other in target.foreign_keys if other.columns == (name,)]
        if further and further[0].target_oid != target.oid:
            return self._reference(further[0])
        row = self.made.rows.get((target.name, self.user.name), {})
        if name in row:
            return row[name]
        where = " and ".join(f"{quoted(column)} = {value}" for column, value in row.items())
        found = f"select {quoted(name)} from {target.name}"
        return f"({found} where {where} limit 1)" if where else f"({found} order by 1 limit 1)"

    def _id(self, column: Column) -> str | None:
        """A key of its own, that is the same in each run; or the user, where nothing else can be meant."""
        if column.primary and column.has_default:
            return f"md5({literal(f'{self.table.name} of {self.user.name}')})::uuid"
        is_user = column.not_null and not column.has_default
        return literal(self.user.id) if is_user or "auth.uid()" in (column.default or "") else None

    def _plain(self, column: Column) -> str | None:
        strings = self.checks.get((self.table.oid, column.name), ())
        if column.labels:
            return literal(column.labels[0])
        if column.base in TEXTS:
            return literal(strings[0] if strings else self.user.name[: column.length])
        if column.base in NUMBERS:
            return str(self.number)
        return literal("{}" if column.category == "A" else _PLAIN.get(column.base))
