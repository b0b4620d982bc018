"""Why a statement is allowed: by taking away, one after the other, what may have let it through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString

from pgassay.catalog import model
from pgassay.catalog.names import quoted, role_name
from pgassay.catalog.read import read_catalog
from pgassay.database import Session
from pgassay.denial.candidates import Reached, Scope
from pgassay.denial.explain import Ablation, same, without
from pgassay.denial.guard import Guard
from pgassay.denial.reading import read_statement
from pgassay.observation import Attempt, Persona

_KINDS = (
    *(model.Relation, model.Policy, model.Role, model.Dependency),
    *(model.Column, model.Function, model.Grant),
)


@dataclass(frozen=True, kw_only=True)
class HeldGrant(Guard):
    """A privilege that `role` holds, on these columns where `columns` names any. Removal revokes it."""

    privilege: str
    object: str
    role: str
    kind: str = "table"
    columns: tuple[str, ...] = ()

    @property
    def removal(self) -> str:
        return f"revoke {self._what} from {role_name(self.role)}"

    def __str__(self) -> str:
        return f"grant {self._what} to {role_name(self.role)}"

    @property
    def _what(self) -> str:
        columns = f" ({', '.join(map(quoted, self.columns))})" if self.columns else ""
        kind = {"table": "", "sequence": "sequence ", "function": "routine "}[self.kind]
        return f"{self.privilege}{columns} on {kind}{self.object}"


@dataclass(frozen=True, kw_only=True)
class AdmittingPolicy(Guard):
    """A permissive policy. Removal drops it."""

    REMOVAL = "drop policy {name} on {table}"

    table: str
    name: str
    command: str

    def __str__(self) -> str:
        return f'policy "{self.name}" on {self.table}, for {self.command}'


@dataclass(frozen=True, kw_only=True)
class Support:
    """What lets a statement through: `without` all of `things` another answer comes. Each alone may do."""

    things: tuple[Guard, ...]
    without: Attempt


@dataclass(frozen=True, kw_only=True)
class Permission:
    """Why a statement is allowed: what holds it up, and in `notes` what does not bind whoever sends it."""

    supports: tuple[Support, ...]
    notes: tuple[str, ...]


def explain_permission(session: Session, persona: Persona, query: LiteralString) -> Permission:
    """Say what lets `query` through. Everything that is tried is rolled back."""
    with session.as_owner():
        catalog = read_catalog(session.connection, *_KINDS)
    scope = Scope(statement=read_statement(query), catalog=catalog, role=persona.role, login="")
    ablation = Ablation(session, persona, query, None)
    groups = dict.fromkeys([*_grants(scope), *_policies(scope)])
    supports = {support.things: support for group in groups for support in _supports(ablation, group)}
    return Permission(supports=tuple(supports.values()), notes=tuple(dict.fromkeys(_notes(scope))))


def _supports(ablation: Ablation, group: tuple[Guard, ...]) -> Iterator[Support]:
    """Each thing that is needed by itself; of the others those of which one suffices, or all."""
    before = ablation.attempt()
    others = group
    for thing in group:
        if _differs(alone := ablation.attempt((thing,)), before):
            others = without(others, thing)
            yield Support(things=(thing,), without=alone)
    if len(others) > 1 and _differs(gone := ablation.attempt(others), before):
        enough = [one for one in others if not _differs(ablation.attempt(without(others, one)), before)]
        yield Support(things=tuple(enough or others), without=gone)


def _differs(one: Attempt, other: Attempt) -> bool:
    return not same(one, other) or one.rowcount != other.rowcount


def _grants(scope: Scope) -> Iterator[tuple[Guard, ...]]:
    """For each privilege that the statement takes, the grants that may give it."""
    for function in scope.functions:
        yield _held(scope, function.oid, "execute")
    for reached in scope.relations:
        if reached.role == scope.role:
            for use in scope.uses_of(reached):
                columns = {*use.columns} if use.columns else {*scope.statement.mentioned}
                yield _held(scope, reached.relation.oid, use.privilege, columns or None)


def _held(scope: Scope, oid: int, privilege: str, columns: set[str] | None = None) -> tuple[Guard, ...]:
    reach = {*scope.access.roles[scope.role].reach, "public"}
    grants = [
        grant
        for grant in scope.catalog.of(model.Grant)
        if (grant.oid, grant.privilege) == (oid, privilege)
        and grant.role in reach
        and (not grant.column or columns is None or grant.column in columns)
    ]
    parts: dict[tuple[str, bool], list[model.Grant]] = {}
    for grant in grants:
        parts.setdefault((grant.role, bool(grant.column)), []).append(grant)
    return tuple(
        HeldGrant(
            privilege=privilege,
            object=some[0].object,
            role=role,
            kind=some[0].kind,
            columns=tuple(sorted(grant.column for grant in some if grant.column)),
        )
        for (role, _), some in parts.items()
    )


def _policies(scope: Scope) -> Iterator[tuple[Guard, ...]]:
    """For each command of each table, the permissive policies that judge it."""
    for reached in scope.relations:
        if not scope.access.is_filtered(reached.role, reached.relation):
            continue
        for privilege in dict.fromkeys(use.privilege for use in scope.uses_of(reached)):
            yield tuple(
                AdmittingPolicy(table=policy.table, name=policy.name, command=policy.command)
                for policy in scope.catalog.parts(model.Policy)[reached.relation.oid]
                if policy.permissive
                and policy.command in (privilege, "all")
                and scope.access.applies(reached.role, policy)
            )


def _notes(scope: Scope) -> Iterator[str]:
    """What no policy binds, and whose rights count."""
    for reached in scope.relations:
        if reached.relation.kind in "rp":
            yield from _unbound(scope, reached)
    for function in scope.functions:
        if function.definer:
            yield f"{function.function} runs with the rights of {quoted(function.owner)}: security definer"


def _unbound(scope: Scope, reached: Reached) -> Iterator[str]:
    name, role = reached.relation.name, quoted(reached.role)
    if not reached.relation.secured:
        yield f"row level security of {name} is off"
    elif not scope.access.is_filtered(reached.role, reached.relation):
        how = "" if reached.role == scope.role else ", with whose rights a view reads it"
        yield f"no policy of {name} binds {role}{how}"


def list_things(supports: Sequence[Support]) -> list[Guard]:
    """All that is named."""
    return [thing for support in supports for thing in support.things]
