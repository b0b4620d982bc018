"""What there is to try: tables with their parts, and what roles hold on them; read as the schema's owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pgassay.catalog import read
from pgassay.catalog.model import (
    Column,
    Constraint,
    Function,
    Grant,
    Index,
    Policy,
    Relation,
    Role,
    Rule,
    Trigger,
)
from pgassay.catalog.read import Access
from pgassay.database import Session

_KINDS = (Relation, Column, Constraint, Index, Policy, Trigger, Rule, Function, Grant, Role)
_OBJECTS = ("storage", "objects")
# Bits of pg_relation_is_updatable: 1 << CmdType.
_UPDATABLE = {"update": 4, "insert": 8, "delete": 16}

_INTEGERS = ("int2", "int4", "int8")


@dataclass(frozen=True, kw_only=True)
class Privileges:
    """What a role holds on a table: on each column, on the whole, and the `policies` that apply to it."""

    usage: bool  # of the schema
    delete: bool
    truncate: bool
    filtered: bool  # policies apply
    policies: tuple[Policy, ...]
    select: frozenset[str]
    insert: frozenset[str]
    update: frozenset[str]

    def admits(self, command: str) -> bool:
        """Whether no policy is asked, or there is one that may let such a command through."""
        some = (one for one in self.policies if one.command in (command, "all"))
        return not self.filtered or any(one.permissive for one in some)

    @property
    def adds(self) -> bool:
        """Whether it may insert rows, as far as rights and policies for such a statement go."""
        return bool(self.insert) and self.admits("insert")

    @property
    def removes(self) -> bool:
        """As `adds`, of rows that are there."""
        return self.delete and self.admits("delete")

    @property
    def written(self) -> frozenset[str]:
        """The columns that it may write so."""
        inserted = self.insert if self.admits("insert") else frozenset()
        return inserted | (self.update if self.admits("update") else frozenset())

    @property
    def reads_all(self) -> bool:
        """No policy is asked, or one that lets it see every row and none that restricts it."""
        asked = [policy for policy in self.policies if policy.command in ("select", "all")]
        shows_all = all(one.permissive for one in asked) and any(one.using == "true" for one in asked)
        return shows_all or not self.filtered


@dataclass(frozen=True, kw_only=True)
class Table(Relation):
    """A table or view with its parts. `reachable`: served by the API; of others, only effects are seen."""

    reachable: bool
    writable: frozenset[str]  # commands that it can take at all
    updatable: frozenset[str]  # columns
    acting: bool  # it has triggers or rules
    columns: Mapping[str, Column]
    unique: tuple[Index, ...]
    foreign_keys: tuple[Constraint, ...]
    privileges: Mapping[str, Privileges]  # by role

    @property
    def stored(self) -> bool:
        """Has rows of its own, with a ctid and xmin, that the owner can see."""
        return self.kind == "r" and self.readable

    @property
    def truncatable(self) -> bool:
        return self.kind in "rp"

    def is_named_by(self, index: Index) -> bool:
        """Whether the columns of a unique index name every row."""
        return index.whole and all(self.columns[name].not_null for name in index.columns)

    def draws(self, index: Index) -> bool:
        """Whether values of a unique index may be drawn at random, so that no other database has the same.

        So may any uuid be: by a default, by whoever writes the row, or by the row that it refers to.
        """
        return any(self.columns[name].base == "uuid" for name in index.columns)


@dataclass(frozen=True, kw_only=True)
class CallRight:
    """A privilege on a function or sequence that a role holds or not; `usage` is that of the schema.

    `arguments`: the names of the types that a call takes; `spelled`: as pg_get_function_arguments() has them.
    """

    object: str
    role: str
    privilege: str
    usage: bool
    held: bool
    arguments: tuple[str, ...] = ()
    spelled: str = ""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The tables and views of the database by oid, and the rights on functions and sequences of the API."""

    tables: Mapping[int, Table]
    rights: tuple[CallRight, ...]

    @property
    def reachable(self) -> Iterator[Table]:
        """What the API serves, and storage.objects where there is one."""
        return (table for table in self.tables.values() if table.reachable)

    @cached_property
    def by_name(self) -> Mapping[str, Table]:
        """The tables as SQL spells them."""
        return {table.name: table for table in self.tables.values()}

    @cached_property
    def counted(self) -> frozenset[str]:
        """The names of the unique indexes of which sequences draw the values.

        Nothing that is undone gives those back: what one database refuses as taken, its twin may let through.
        """
        return frozenset(
            index.name
            for table in self.tables.values()
            for index in table.unique
            if any(_is_counted(table.columns[name]) for name in index.columns)
        )


def _is_counted(column: Column) -> bool:
    return bool(column.identity) or (column.has_default and column.base in _INTEGERS)


def read_surface(session: Session, *, roles: Iterable[str]) -> Surface:
    """Read what the matrix for these roles needs, as the schema's owner."""
    with session.as_owner():
        catalog = read.read_catalog(session.connection, *_KINDS)
        updatable = read.read_updatable(session.connection)
    access = Access(catalog)
    known = sorted(access.roles.keys() & set(roles))
    return Surface(
        tables={table.oid: table for table in _tables(catalog, access, updatable, known)},
        rights=tuple(_rights(catalog, access, known)),
    )


def _tables(
    catalog: read.Catalog, access: Access, updatable: Mapping[tuple[int, int], int], roles: list[str]
) -> Iterator[Table]:
    columns, indexes = catalog.parts(Column), catalog.parts(Index)
    keys, policies = catalog.parts(Constraint), catalog.parts(Policy)
    acting = {part.relation_oid for part in (*catalog.of(Trigger), *catalog.of(Rule))}
    for oid, relation in catalog.relations.items():
        if relation.kind not in ("r", "p", "v", "m", "f"):
            continue
        served = relation.schema in catalog.exposed or (relation.schema, relation.relation) == _OBJECTS
        yield Table(
            **vars(relation),
            reachable=served,
            writable=frozenset(name for name, bit in _UPDATABLE.items() if updatable[oid, 0] & bit),
            updatable=frozenset(column.name for column in columns[oid] if updatable[oid, column.number]),
            acting=oid in acting,
            columns={column.name: column for column in columns[oid]},
            unique=tuple(index for index in indexes[oid] if index.unique),
            foreign_keys=tuple(key for key in keys[oid] if key.type == "f"),
            privileges={
                role: _privileges(access, role, relation, columns[oid], policies[oid])
                for role in (roles if served else ())
            },
        )


def _privileges(
    access: Access, role: str, table: Relation, columns: Iterable[Column], policies: Iterable[Policy]
) -> Privileges:
    held = {
        verb: frozenset(c.name for c in columns if access.holds(role, verb, table.oid, c.name))
        for verb in ("select", "insert", "update")
    }
    return Privileges(
        usage=access.uses(role, table.schema),
        delete=access.holds(role, "delete", table.oid),
        truncate=access.holds(role, "truncate", table.oid),
        filtered=access.is_filtered(role, table),
        policies=tuple(policy for policy in policies if access.applies(role, policy)),
        **held,
    )


def _rights(catalog: read.Catalog, access: Access, roles: list[str]) -> Iterator[CallRight]:
    """Calls would have effects and need arguments: privileges alone are asked about.

    Not about what an extension brings to compute with: there are hundreds, other ones in each version.
    """
    asked = [
        (function.function, function, "execute", function.types, function.arguments)
        for function in catalog.of(Function)
        if function.result not in ("trigger", "event_trigger")  # these cannot be called
        and not (function.is_of_extension and function.volatility != "v")
    ] + [
        (sequence.name, sequence, privilege, (), "")
        for sequence in catalog.of(Relation)
        for privilege in ("usage", "select", "update")
        if sequence.kind == "S"
    ]
    for name, one, privilege, types, spelled in asked:
        for role in roles if one.schema in catalog.exposed else ():
            held = access.holds(role, privilege, one.oid)
            usage = access.uses(role, one.schema)
            yield CallRight(
                object=name,
                role=role,
                privilege=privilege,
                usage=usage,
                held=held,
                arguments=types,
                spelled=spelled,
            )
