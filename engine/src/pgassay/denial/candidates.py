"""What may have refused, by the statement and the catalog. Generous: `denial` proves or drops each. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pgassay.catalog import model
from pgassay.catalog.model import Column, Command, Dependency, Function, Index, Relation
from pgassay.catalog.read import Access, Catalog
from pgassay.denial.guard import (
    Clause,
    Constraint,
    DomainConstraint,
    Grant,
    Guard,
    NoPolicy,
    NotNull,
    Ownership,
    Policy,
    RoleMembership,
    RowSecurity,
    Trigger,
    UniqueIndex,
    ViewOption,
)
from pgassay.denial.reading import Demands, Name, Use
from pgassay.observation import Attempt

_COMMANDS: tuple[Command, ...] = ("insert", "update", "delete", "select")


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A relation that a statement reaches by a name: `direct`, or through a view, which may lend its owner's
    rights; `role` is whose rights count."""

    relation: Relation
    name: Name
    role: str
    direct: bool


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A statement of a role's, and what the catalog says about it. `login` is the session's user."""

    statement: Demands
    catalog: Catalog
    role: str
    login: str

    @cached_property
    def access(self) -> Access:
        return Access(self.catalog)

    @cached_property
    def relations(self) -> tuple[Reached, ...]:
        """What the statement names, and what views among it read; the named ones first."""
        reads: dict[int, list[int]] = defaultdict(list)
        for edge in self.catalog.of(Dependency):
            if edge.part == "pg_rewrite" and edge.used in self.catalog.relations:
                reads[edge.user].append(edge.used)
        ahead = [
            Reached(relation=relation, name=name, role=self.role, direct=True)
            for name in self.statement.names
            for relation in self._named(name)
        ]
        found = {(one.relation.oid, one.role, one.name): one for one in reversed(ahead)}
        while ahead:
            view = ahead.pop(0)
            role = view.role if view.relation.invoker else view.relation.owner
            for oid in reads[view.relation.oid] if view.relation.kind == "v" else ():
                if (oid, role, view.name) not in found:
                    relation = self.catalog.relations[oid]
                    ahead.append(Reached(relation=relation, name=view.name, role=role, direct=False))
                    found[oid, role, view.name] = ahead[-1]
        return tuple(sorted(found.values(), key=lambda one: not one.direct))

    def _named(self, name: Name) -> list[Relation]:
        by_schema = {r.schema: r for r in self.catalog.of(Relation) if r.relation == name.name}
        path = [name.schema] if name.schema else self.catalog.search_path
        return [by_schema[schema] for schema in path if schema in by_schema][:1]

    @property
    def functions(self) -> Iterator[Function]:
        """Those of the names in the statement, whatever their arguments."""
        for name in self.statement.functions:
            path = [name.schema] if name.schema else self.catalog.search_path
            for function in self.catalog.of(Function):
                if function.name == name.name and function.schema in path:
                    yield function

    def uses_of(self, reached: Reached) -> list[Use]:
        """What the statement does to the name that led to this relation."""
        return [use for use in self.statement.uses if use.relation == reached.name]


def missing_grants(scope: Scope) -> Iterator[Guard]:
    """The privileges that the statement takes and the role lacks, a guard for each column."""
    statement, access, role = scope.statement, scope.access, scope.role
    for member_of in statement.roles:
        yield RoleMembership(role=member_of, member=scope.login)
    for parameter in statement.parameters:
        yield Grant(privilege="set", kind="parameter", object=parameter, role=role)
    for schema in statement.creates_in:
        yield Grant(privilege="create", kind="schema", object=schema or "public", role=role)
    for function in scope.functions:
        if not access.uses(role, function.schema):
            yield Grant(privilege="usage", kind="schema", object=function.schema, role=role)
        if not access.holds(role, "execute", function.oid):
            yield Grant(privilege="execute", kind="function", object=function.function, role=role)
    for reached in scope.relations:
        # A view reaches its relations without the use of their schema.
        if reached.direct and not access.uses(reached.role, reached.relation.schema):
            yield Grant(privilege="usage", kind="schema", object=reached.relation.schema, role=role)
        for use in scope.uses_of(reached):
            yield from _missing_grants(scope, reached, use)


def _missing_grants(scope: Scope, reached: Reached, use: Use) -> Iterator[Grant]:
    table, role, verb = reached.relation, reached.role, use.privilege
    if verb == "own" or scope.access.holds(role, verb, table.oid):
        return
    if table.kind == "S":
        yield Grant(privilege=verb, kind="sequence", object=table.name, role=role)
        return
    columns = {column.name for column in scope.catalog.parts(Column)[table.oid]}
    lacking = {name for name in columns if not scope.access.holds(role, verb, table.oid, name)}
    wanted = _wanted(scope, reached, use, columns)
    if wanted is None and verb in ("select", "insert") and lacking != columns:
        wanted = lacking
    if wanted is None:
        yield Grant(privilege=verb, object=table.name, role=role)
        return
    for column in sorted(wanted & lacking):
        yield Grant(privilege=verb, object=table.name, columns=(column,), role=role)


def _wanted(scope: Scope, reached: Reached, use: Use, columns: set[str]) -> set[str] | None:
    """The columns on which the use takes its privilege; None where it takes it on the relation as a whole."""
    if use.privilege != "select":
        return set(use.columns) & columns or None
    if not reached.direct:
        return set()  # `missing_inside` knows which columns a view reads
    if scope.statement.whole:
        return None
    named = set(scope.statement.mentioned) & columns
    # A scan that names no column, such as count(*), takes the privilege on any one.
    held = any(scope.access.holds(reached.role, "select", reached.relation.oid, name) for name in columns)
    return None if use.scans and not named and not held else named


def missing_inside(scope: Scope) -> Iterator[Guard]:
    """What the role lacks of what defaults, checks, policies and views of the relations call and read."""
    access, role = scope.access, scope.role
    users = {reached.relation.oid for reached in scope.relations}
    for edge in scope.catalog.of(Dependency):
        if edge.user not in users or edge.part == "pg_trigger":
            continue
        if function := scope.catalog.functions.get(edge.used):
            if not access.holds(role, "execute", function.oid):
                yield Grant(privilege="execute", kind="function", object=function.function, role=role)
            continue
        relation = scope.catalog.relations[edge.used]
        if relation.kind == "S" and not access.holds(role, "usage", relation.oid):
            yield Grant(privilege="usage", kind="sequence", object=relation.name, role=role)
        elif edge.column and not access.holds(role, "select", relation.oid, edge.column):
            yield Grant(privilege="select", object=relation.name, columns=(edge.column,), role=role)


def missing_ownership(scope: Scope) -> Iterator[Guard]:
    """Being the owner of what a statement alters or drops."""
    for reached in scope.relations:
        if reached.direct and any(use.privilege == "own" for use in scope.uses_of(reached)):
            yield Ownership(relation=reached.relation.name, role=scope.role)


def policies(scope: Scope, clauses: tuple[Clause, ...]) -> Iterator[Guard]:
    """The clauses of policies that judge what the statement does, and policies that are missing for it.

    The SELECT policies judge UPDATE, DELETE and INSERT too, once these read a column or return rows.
    """
    for reached in _filtered(scope):
        done = {use.privilege for use in scope.uses_of(reached)}
        for command in (command for command in _COMMANDS if command in done):
            yield from _policies(scope, reached, command, clauses)


def _filtered(scope: Scope) -> Iterator[Reached]:
    return (one for one in scope.relations if scope.access.is_filtered(one.role, one.relation))


def _policies(
    scope: Scope, reached: Reached, command: Command, clauses: tuple[Clause, ...]
) -> Iterator[Guard]:
    applying = [
        policy
        for policy in scope.catalog.parts(model.Policy)[reached.relation.oid]
        if policy.command in (command, "all") and scope.access.applies(reached.role, policy)
    ]
    if not any(policy.permissive for policy in applying):
        yield NoPolicy(table=reached.relation.name, command=command, role=reached.role)
    for clause in clauses:
        for policy in applying:
            has_clause = policy.check is not None if clause == "WITH CHECK" else policy.command != "insert"
            if has_clause:
                yield Policy(
                    table=policy.table,
                    name=policy.name,
                    clause=clause,
                    command=policy.command,
                    permissive=policy.permissive,
                )


def row_security(scope: Scope) -> Iterator[Guard]:
    """Row level security itself, which refuses every query under `row_security = off`."""
    return (RowSecurity(table=reached.relation.name) for reached in _filtered(scope))


def check_options(scope: Scope) -> Iterator[Guard]:
    """The CHECK OPTION of views that the statement names, or that these read."""
    for reached in scope.relations:
        if "check_option" in reached.relation.settings:
            yield ViewOption(view=reached.relation.name, option="check_option")


def triggers(attempt: Attempt, catalog: Catalog, relations: Sequence[str]) -> Iterator[Guard]:
    """The triggers whose function the error's context names, innermost frame first."""
    found = []
    for trigger in catalog.of(model.Trigger):
        # A frame reads "PL/pgSQL function public.check() line 3 at RAISE": the name follows a blank.
        names = (trigger.function, trigger.function.partition(".")[2])
        places = [place for name in names if (place := attempt.context.find(f" {name.rstrip(')')}")) >= 0]
        if places and not trigger.is_of_parent:
            found.append((min(places), trigger.table not in relations, trigger.table, trigger.name, trigger))
    for *_, trigger in sorted(found, key=lambda one: one[:4]):
        yield Trigger(table=trigger.table, name=trigger.name, function=trigger.function)


def constraints(attempt: Attempt, catalog: Catalog) -> Iterator[Guard]:
    """The constraints, unique indexes and columns without NULL that the error names.

    Of a partition or child, the ancestor's that it was inherited from, which alone can be changed.
    """
    place = (attempt.table, attempt.constraint or attempt.column)
    if attempt.constraint:
        for constraint in catalog.of(model.Constraint):
            if ("" if constraint.is_of_domain else constraint.relation, constraint.name) == place:
                yield from _origins(constraint, catalog)
        for index in catalog.of(Index):
            if index.unique and (index.relation, index.name) == place:
                yield from _indexes(index, catalog)
    elif attempt.column:
        columns = (c for c in catalog.of(Column) if (c.relation, c.name) == place and c.not_null)
        tables = {catalog.relations[catalog.relations[column.relation_oid].root] for column in columns}
        for table in sorted(table.name for table in tables if table.kind in ("r", "p")):
            yield NotNull(table=table, column=attempt.column)


def _origins(constraint: model.Constraint, catalog: Catalog) -> Iterator[Guard]:
    if constraint.is_of_domain:
        yield DomainConstraint(domain=constraint.table, name=constraint.name)
    elif not constraint.is_inherited:
        yield Constraint(table=constraint.table, name=constraint.name)
    else:
        parents = catalog.relations[constraint.relation_oid].inherits
        for other in catalog.of(model.Constraint):
            is_it = other.oid == constraint.parent if constraint.parent else other.name == constraint.name
            if is_it and other.table in parents:
                yield from _origins(other, catalog)


def _indexes(index: Index, catalog: Catalog) -> Iterator[Guard]:
    if not index.parent and not index.constraint:
        yield UniqueIndex(index=index.index)
    for other in catalog.of(Index):
        if other.oid == index.parent:
            yield from _indexes(other, catalog)
