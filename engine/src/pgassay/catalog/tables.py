"""What there is to try: tables, views, columns, keys, policies, privileges; read as the schema's owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import psycopg

from pgassay.catalog import model, read
from pgassay.catalog.access import Access
from pgassay.catalog.model import (
    Constraint,
    Function,
    Grant,
    Index,
    Policy,
    Relation,
    Role,
    Rule,
    Trigger,
    Type,
)
from pgassay.catalog.names import quoted
from pgassay.database import Session
from pgassay.errors import CannotJudgeError

_KINDS = (
    *(Relation, model.Column, Constraint, Index, Policy, Trigger, Rule),
    *(Function, Type, Grant, Role),
)
_DEFAULT_SCHEMAS = ("public",)
_OBJECTS = ("storage", "objects")
# Bits of pg_relation_is_updatable: 1 << CmdType.
_UPDATABLE = {"update": 4, "insert": 8, "delete": 16}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column; `type` and `category` are those of a domain's base type, `labels` those of an enum."""

    name: str
    type: str
    category: str  # pg_type.typcategory
    length: int | None  # of varchar(n) and char(n)
    nullable: bool
    default: bool
    always: bool  # generated always as identity
    generated: bool
    updatable: bool
    comparable: bool
    labels: tuple[str, ...]

    @property
    def quoted(self) -> str:
        return quoted(self.name)


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """Columns that name a row of the table `target` by its `target_columns`.

    `acts`: changes of that row cascade, or set null.
    """

    columns: tuple[str, ...]
    target: int
    target_columns: tuple[str, ...]
    acts: bool


@dataclass(frozen=True, kw_only=True)
class Unique:
    """A unique index by the columns in it; `whole`: without expressions and predicate."""

    columns: tuple[str, ...]
    primary: bool
    whole: bool

    def names_rows(self, table: Table) -> bool:
        """Whether its columns name every row of its table."""
        return self.whole and not any(table.columns[name].nullable for name in self.columns)

    def is_drawn(self, table: Table) -> bool:
        """Whether its values may be drawn at random, so that no other database has the same."""
        return any(
            table.columns[name].default and table.columns[name].type == "uuid" for name in self.columns
        )


@dataclass(frozen=True, kw_only=True)
class TablePolicy:
    """A policy and those of the personas' roles that it applies to."""

    name: str
    command: str
    permissive: bool
    roles: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Privileges:
    """What a role holds on a table: on each column, on the whole; `filtered`: policies apply to it.

    `reads_all`: none does, or one that lets it see every row and none that restricts it.
    """

    usage: bool  # of the schema
    delete: bool
    truncate: bool
    filtered: bool
    reads_all: bool
    select: frozenset[str]
    insert: frozenset[str]
    update: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table or view. `reachable`: served by the API; the others are only seen in footprints."""

    oid: int
    root: int  # of a partition, the table that it is part of; else its own oid
    schema: str
    name: str
    spelled: str
    kind: str  # pg_class.relkind
    reachable: bool
    writable: frozenset[str]  # commands that it can take at all
    secured: bool
    readable: bool  # by the schema's owner
    invoker: bool  # a view that reads with its reader's rights
    triggers: bool  # or rules
    columns: Mapping[str, Column]
    unique: tuple[Unique, ...]
    foreign_keys: tuple[ForeignKey, ...]
    policies: tuple[TablePolicy, ...]
    privileges: Mapping[str, Privileges]  # by role

    @property
    def stored(self) -> bool:
        """Has rows of its own, with a ctid and xmin, that the owner can see."""
        return self.kind == "r" and self.readable

    @property
    def truncatable(self) -> bool:
        return self.kind in "rp"


@dataclass(frozen=True, kw_only=True)
class Right:
    """A privilege on a function or sequence that a role holds or not; `usage` is that of the schema.

    `arguments`: the names of the types that a call takes.
    """

    object: str
    role: str
    privilege: str
    usage: bool
    held: bool
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The tables and views of the database by oid, and the rights on functions and sequences of the API."""

    tables: Mapping[int, Table]
    rights: tuple[Right, ...]

    @property
    def reachable(self) -> Iterator[Table]:
        """What the API serves, and storage.objects where there is one."""
        return (table for table in self.tables.values() if table.reachable)

    def rights_of(self, role: str) -> Iterator[Right]:
        return (right for right in self.rights if right.role == role)


def read_catalog(session: Session, *, roles: Iterable[str]) -> Catalog:
    """Read what the matrix for these roles needs, as the schema's owner.

    Raises CannotJudgeError where there is a foreign table, or a view of one, that nothing can be asked of.
    """
    try:
        with session.as_owner():
            known = read.read_catalog(session.connection, *_KINDS)
            updatable = read.read_updatable(session.connection)
    except psycopg.errors.ObjectNotInPrerequisiteState as error:  # by pg_relation_is_updatable()
        raise CannotJudgeError(
            "What the schema's tables can do cannot be read.",
            why=f"PostgreSQL says: {error.diag.message_primary}",
            fixes=("give the foreign tables a wrapper with a handler", "leave them out of the schema"),
        ) from error
    builder = _Builder(known, updatable, roles=sorted(set(roles)))
    return Catalog(tables=builder.tables(), rights=tuple(builder.rights()))


class _Builder:
    """What the API serves to these roles, out of the catalog."""

    def __init__(
        self, catalog: read.Catalog, updatable: Mapping[tuple[int, int], int], *, roles: list[str]
    ) -> None:
        self._catalog = catalog
        self._access = Access(catalog)
        self._updatable = updatable
        self._roles = [role for role in roles if role in self._access.roles]
        self._schemas = catalog.exposed or _DEFAULT_SCHEMAS
        self._labels = {one.oid: one.labels for one in catalog.of(Type)}
        self._columns = catalog.parts(model.Column)
        self._policies = catalog.parts(Policy)

    def tables(self) -> dict[int, Table]:
        keys, indexes = self._catalog.parts(Constraint), self._catalog.parts(Index)
        acting = {one.relation_oid for one in (*self._catalog.of(Trigger), *self._catalog.of(Rule))}
        return {
            oid: Table(
                oid=oid,
                root=table.root,
                schema=table.schema,
                name=table.relation,
                spelled=table.name,
                kind=table.kind,
                reachable=self._is_reachable(table),
                writable=frozenset(name for name, bit in _UPDATABLE.items() if self._updatable[oid, 0] & bit),
                secured=table.secured,
                readable=table.readable,
                invoker=table.invoker,
                triggers=oid in acting,
                columns={column.name: self._column(oid, column) for column in self._columns[oid]},
                unique=tuple(
                    Unique(columns=one.columns, primary=one.primary, whole=one.whole)
                    for one in indexes[oid]
                    if one.unique
                ),
                foreign_keys=tuple(_foreign_key(key) for key in keys[oid] if key.type == "f"),
                policies=tuple(self._policy(policy) for policy in self._policies[oid]),
                privileges={role: self._privileges(role, table) for role in self._roles}
                if self._is_reachable(table)
                else {},
            )
            for oid, table in self._catalog.relations.items()
            if table.kind in ("r", "p", "v", "m", "f")
        }

    def _is_reachable(self, table: Relation) -> bool:
        return table.schema in self._schemas or (table.schema, table.relation) == _OBJECTS

    def _column(self, oid: int, column: model.Column) -> Column:
        return Column(
            name=column.name,
            type=column.base,
            category=column.category,
            length=column.length,
            nullable=not column.not_null,
            default=column.has_default,
            always=column.identity == "a",
            generated=bool(column.generated),
            updatable=bool(self._updatable[oid, column.number]),
            comparable=column.comparable,
            labels=self._labels.get(column.base_oid, ()),
        )

    def _policy(self, policy: Policy) -> TablePolicy:
        applying = frozenset(role for role in self._roles if self._access.applies(role, policy))
        return TablePolicy(
            name=policy.name, command=policy.command, permissive=policy.permissive, roles=applying
        )

    def _privileges(self, role: str, table: Relation) -> Privileges:
        oid, filtered = table.oid, self._access.is_filtered(role, table)
        held = {
            privilege: frozenset(
                column.name
                for column in self._columns[oid]
                if self._access.holds(role, privilege, oid, column.name)
            )
            for privilege in ("select", "insert", "update")
        }
        return Privileges(
            usage=self._access.uses(role, table.schema),
            delete=self._access.holds(role, "delete", oid),
            truncate=self._access.holds(role, "truncate", oid),
            filtered=filtered,
            reads_all=not filtered or self._shows_all(role, oid),
            **held,
        )

    def _shows_all(self, role: str, oid: int) -> bool:
        asked = [
            policy
            for policy in self._policies[oid]
            if policy.command in ("select", "all") and self._access.applies(role, policy)
        ]
        return all(one.permissive for one in asked) and any(one.using == "true" for one in asked)

    def rights(self) -> Iterator[Right]:
        """Calls would have effects and need arguments: privileges alone are asked about."""
        for function in self._catalog.of(Function):
            # Triggers' functions cannot be called.
            if function.schema in self._schemas and function.result not in ("trigger", "event_trigger"):
                yield from self._rights(
                    function.function, function.schema, function.oid, ("execute",), function.types
                )
        for sequence in self._catalog.of(Relation):
            if sequence.schema in self._schemas and sequence.kind == "S":
                privileges = ("usage", "select", "update")
                yield from self._rights(sequence.name, sequence.schema, sequence.oid, privileges)

    def _rights(
        self, name: str, schema: str, oid: int, privileges: Iterable[str], types: tuple[str, ...] = ()
    ) -> Iterator[Right]:
        for role, privilege in product(self._roles, privileges):
            held = self._access.holds(role, privilege, oid)
            usage = self._access.uses(role, schema)
            yield Right(object=name, role=role, privilege=privilege, usage=usage, held=held, arguments=types)


def _foreign_key(key: Constraint) -> ForeignKey:
    return ForeignKey(
        columns=key.columns, target=key.target_oid, target_columns=key.target_columns, acts=key.acts
    )
