"""What may have refused, by the statement and the catalog. Generous: `denial` proves or drops each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.denial.facts import Function, Relation
from pgassay.denial.guard import (
    Clause,
    Command,
    Grant,
    Guard,
    NoPolicy,
    Ownership,
    Policy,
    RoleMembership,
    RowSecurity,
    ViewOption,
)
from pgassay.denial.statement import Statement, Use

_COMMANDS: tuple[Command, ...] = ("insert", "update", "delete", "select")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A statement, and what the catalog says about the things it names. `login` is the session's user."""

    statement: Statement
    relations: tuple[Relation, ...]
    functions: tuple[Function, ...]
    role: str
    login: str

    def uses_of(self, relation: Relation) -> list[Use]:
        """What the statement does to the name that led to this relation."""
        name = self.statement.names[relation.index]
        return [use for use in self.statement.uses if use.relation == name]


def missing_grants(scope: Scope) -> Iterator[Guard]:
    """The privileges that the statement takes and the role lacks, a guard for each column."""
    statement, role = scope.statement, scope.role
    for member_of in statement.roles:
        yield RoleMembership(role=member_of, member=scope.login)
    for parameter in statement.parameters:
        yield Grant(privilege="set", kind="parameter", object=parameter, role=role)
    for schema in statement.creates_in:
        yield Grant(privilege="create", kind="schema", object=schema or "public", role=role)
    for function in scope.functions:
        if not function.usage:
            yield Grant(privilege="usage", kind="schema", object=function.schema, role=role)
        if not function.execute:
            yield Grant(privilege="execute", kind="function", object=function.name, role=role)
    for relation in scope.relations:
        # A view reaches its relations without the use of their schema.
        if relation.direct and not relation.usage:
            yield Grant(privilege="usage", kind="schema", object=relation.schema, role=role)
        for use in scope.uses_of(relation):
            yield from _missing_grants(relation, use, statement)


def _missing_grants(relation: Relation, use: Use, statement: Statement) -> Iterator[Grant]:
    if use.privilege in relation.held or use.privilege == "own":
        return
    if relation.kind == "S":
        yield Grant(privilege=use.privilege, kind="sequence", object=relation.name, role=relation.role)
        return
    lacking = {name for name, held in relation.columns.items() if use.privilege not in held}
    wanted = _wanted(relation, use, statement)
    if wanted is None and use.privilege in ("select", "insert") and lacking != set(relation.columns):
        wanted = lacking
    if wanted is None:
        yield Grant(privilege=use.privilege, object=relation.name, role=relation.role)
        return
    for column in sorted(wanted & lacking):
        yield Grant(privilege=use.privilege, object=relation.name, columns=(column,), role=relation.role)


def _wanted(relation: Relation, use: Use, statement: Statement) -> set[str] | None:
    """The columns on which the use takes its privilege; None where it takes it on the relation as a whole."""
    if use.privilege != "select":
        return set(use.columns) & set(relation.columns) or None
    if not relation.direct:
        return set()  # facts.find_reached knows which columns a view reads
    if statement.whole:
        return None
    named = set(statement.mentioned) & set(relation.columns)
    # A scan that names no column, such as count(*), takes the privilege on any one.
    held = any("select" in held for held in relation.columns.values())
    return None if use.scans and not named and not held else named


def missing_ownership(scope: Scope) -> Iterator[Guard]:
    """Being the owner of what a statement alters or drops."""
    for relation in scope.relations:
        if relation.direct and any(use.privilege == "own" for use in scope.uses_of(relation)):
            yield Ownership(relation=relation.name, role=scope.role)


def policies(scope: Scope, clauses: tuple[Clause, ...]) -> Iterator[Guard]:
    """The clauses of policies that judge what the statement does, and policies that are missing for it.

    The SELECT policies judge UPDATE, DELETE and INSERT too, once these read a column or return rows.
    """
    for relation in scope.relations:
        if relation.filters:
            done = {use.privilege for use in scope.uses_of(relation)}
            for command in (command for command in _COMMANDS if command in done):
                yield from _policies(relation, command, clauses)


def _policies(relation: Relation, command: Command, clauses: tuple[Clause, ...]) -> Iterator[Guard]:
    applying = [policy for policy in relation.policies if policy.command in (command, "all")]
    if not any(policy.permissive for policy in applying):
        yield NoPolicy(table=relation.name, command=command, role=relation.role)
    for clause in clauses:
        for policy in applying:
            has_clause = policy.checks if clause == "WITH CHECK" else policy.command != "insert"
            if has_clause:
                yield Policy(
                    table=relation.name,
                    name=policy.name,
                    clause=clause,
                    command=policy.command,
                    permissive=policy.permissive,
                )


def row_security(scope: Scope) -> Iterator[Guard]:
    """Row level security itself, which refuses every query under `row_security = off`."""
    return (RowSecurity(table=relation.name) for relation in scope.relations if relation.filters)


def check_options(scope: Scope) -> Iterator[Guard]:
    """The CHECK OPTION of views that the statement names, or that these read."""
    for relation in scope.relations:
        if "check_option" in relation.options:
            yield ViewOption(view=relation.name, option="check_option")
