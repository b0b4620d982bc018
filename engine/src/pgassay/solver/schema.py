"""What the solver looks up of a schema: relations, functions and types by the names that SQL has for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import psycopg
from pglast import ast, parser
from pglast.enums import A_Expr_Kind, BoolExprType

from pgassay.catalog.model import (
    Column,
    Constraint,
    Function,
    Grant,
    Index,
    Policy,
    Relation,
    Role,
    Trigger,
    Type,
)
from pgassay.catalog.names import spell
from pgassay.catalog.read import Access, Catalog, read_catalog, read_shadowed
from pgassay.solver.memory import Memory
from pgassay.solver.model import Condition, Source
from pgassay.solver.scope import write
from pgassay.solver.signatures import Parameter, read_parameters

_KINDS = (Relation, Column, Constraint, Index, Policy, Trigger, Function, Type, Grant, Role)
_ROWS = ("r", "p", "v", "m", "f")


def read_schema(connection: psycopg.Connection[Any]) -> Schema:
    """Read what the solver needs, as the connection's current role."""
    return Schema(read_catalog(connection, *_KINDS), shadowed=read_shadowed(connection))


class Schema:
    """Look-ups in a catalog. Names of relations are spelled as in SQL, with their schema.

    `shadowed`: names, with so many arguments, that a function of the server's has too. `memory`: what all
    searches have read of it.
    """

    def __init__(self, catalog: Catalog, *, shadowed: frozenset[tuple[str, int]] = frozenset()) -> None:
        self.catalog = catalog
        self._shadowed = shadowed
        self.access = Access(catalog)
        self.memory = Memory()
        self.path = tuple(dict.fromkeys((*catalog.exposed[:1], "public", "extensions")))
        self.relations = {one.name: one for one in catalog.of(Relation) if one.kind in _ROWS}
        self._parts = {kind: catalog.parts(kind) for kind in (Column, Constraint, Index, Policy, Trigger)}

    @cached_property
    def _columns(self) -> Mapping[str, Mapping[str, Column]]:
        columns = self.catalog.parts(Column)
        return {
            name: {column.name: column for column in columns[one.oid]} for name, one in self.relations.items()
        }

    def columns(self, relation: str) -> Mapping[str, Column]:
        """The columns of a table or view by their plain names."""
        return self._columns.get(relation, {})

    def fields(self, type_: str) -> Mapping[str, Column]:
        """The fields of a composite type, whose name may lack its schema, in their order; none of others."""
        names = set(self._spelled(self.base_of(type_)))
        relations = (one for one in self.catalog.of(Relation) if one.name in names)
        parts = self.catalog.parts(Column)
        columns = next((parts[one.oid] for one in relations if one.kind in ("c", *_ROWS)), [])
        return {column.name: column for column in sorted(columns, key=lambda column: column.number)}

    def _of(self, kind: type[Any], relation: str) -> list[Any]:
        return self._parts[kind][self.relations[relation].oid] if relation in self.relations else []

    def constraints(self, relation: str, *types: str) -> Iterator[Constraint]:
        """The constraints of a table of these pg_constraint.contype."""
        return (one for one in self._of(Constraint, relation) if one.type in types)

    @cached_property
    def _referred_to(self) -> frozenset[tuple[int, str]]:
        keys = (one for one in self.catalog.of(Constraint) if one.type == "f")
        return frozenset((key.target_oid, name) for key in keys for name in key.target_columns)

    def is_referred_to(self, relation: str, column: str) -> bool:
        """Whether a foreign key of any table names the column."""
        return relation in self.relations and (self.relations[relation].oid, column) in self._referred_to

    def indexes(self, relation: str) -> Iterator[Index]:
        """The unique indexes, the primary key first."""
        return (one for one in self._of(Index, relation) if one.unique)

    def policies(self, relation: str) -> Sequence[Policy]:
        """The policies of a table."""
        return self._of(Policy, relation)

    def plain_name(self, relation: str) -> str:
        """What a table is called inside its own policies and checks."""
        return self.relations[relation].relation if relation in self.relations else relation

    def key(self, relation: str) -> tuple[str, ...]:
        """The columns of the primary key; none without."""
        return next((index.columns for index in self.indexes(relation) if index.primary), ())

    def find_relation(self, schema: str | None, name: str, path: Sequence[str]) -> str | None:
        """The relation that a name means."""
        names = (spell(one, name) for one in ((schema,) if schema else path))
        return next((one for one in names if one in self.relations), None)

    @cached_property
    def _functions(self) -> Mapping[tuple[str, str], list[Function]]:
        found = defaultdict(list)
        for one in self.catalog.of(Function):
            found[one.schema, one.name].append(one)
        return found

    def find_function(
        self, schema: str | None, name: str, arity: int, path: Sequence[str]
    ) -> tuple[Function, tuple[Parameter, ...]] | None:
        """The one function that a call with so many arguments can mean; None where there are several."""
        if not schema and (name, arity) in self._shadowed:
            return None
        for one in (schema,) if schema else path:
            fitting = [
                (function, parameters)
                for function in self._functions.get((one, name), ())
                if (parameters := read_parameters(function)) is not None and _fits(parameters, arity)
            ]
            if fitting:
                return fitting[0] if len(fitting) == 1 else None
        return None

    @cached_property
    def domains(self) -> Mapping[str, tuple[Type, tuple[Constraint, ...]]]:
        """Domains by their names, with their CHECK constraints."""
        checks = defaultdict(list)
        for one in self.catalog.of(Constraint):
            if one.is_of_domain and one.type == "c":
                checks[one.table].append(one)
        return {one.type: (one, tuple(checks[one.type])) for one in self.catalog.of(Type) if one.kind == "d"}

    def domain_checks(self, type_: str) -> Iterator[str]:
        """The checks of a domain, and of the domain that it is made of, about VALUE."""
        domain = self.domains.get(type_)
        if domain:
            yield from (check_text(one.definition) for one in domain[1])
            yield from self.domain_checks(domain[0].base or "")

    def words(self, relation: str, column: str) -> tuple[str, ...]:
        """The texts that a check allows in a column; none where no check lists them."""
        for check in self.constraints(relation, "c"):
            if check.columns == (column,) and (found := _listed(check.definition)):
                return found
        return ()

    def refuses_null(self, type_: str) -> bool:
        """Whether a domain, or the one that it is made of, is NOT NULL."""
        domain = self.domains.get(type_)
        return bool(domain and (domain[0].not_null or self.refuses_null(domain[0].base or "")))

    @cached_property
    def defers(self) -> bool:
        """Whether anything is checked at the end of a transaction only."""
        constraints = any(one.deferrable for one in self.catalog.of(Constraint))
        return constraints or any(one.deferrable for one in self.catalog.of(Trigger))

    def user_triggers(self, relation: str) -> list[Trigger]:
        """The triggers of a table that fire."""
        return [one for one in self._of(Trigger, relation) if one.enabled != "D"]

    @cached_property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """The labels of enums by their names."""
        return {one.type: one.labels for one in self.catalog.of(Type) if one.kind == "e"}

    def labels_of(self, type_: str) -> Sequence[str]:
        """The labels of an enum, whose name may lack its schema; none of another type."""
        return next((self.labels[name] for name in self._spelled(type_) if name in self.labels), ())

    def base_of(self, type_: str) -> str:
        """What a domain, whose name may lack its schema, is made of; of another type itself."""
        found = next((self.domains[name][0] for name in self._spelled(type_) if name in self.domains), None)
        return found.base or type_ if found else type_

    def _spelled(self, type_: str) -> tuple[str, ...]:
        return (type_, *(f"{schema}.{type_}" for schema in self.path))

    def bypasses(self, role: str, relation: str) -> bool:
        """Whether no policy is asked when the role reads a table."""
        return role not in self.access.roles or not self.access.is_filtered(role, self.relations[relation])

    def conditions(self, relation: str) -> Iterator[Condition]:
        """Those of a table or view: of policies, checks, triggers' WHEN and partial indexes."""
        for policy in self.policies(relation):
            for clause, text in policy.clauses:
                yield Condition(
                    text=text,
                    source=Source(clause),
                    table=relation,
                    name=policy.name,
                    command=policy.command,
                    roles=policy.roles,
                    permissive=policy.permissive,
                )
        for check in self.constraints(relation, "c"):
            text = check_text(check.definition)
            yield Condition(text=text, source=Source.CONSTRAINT, table=relation, name=check.name)
        for index in self._of(Index, relation):
            if index.predicate:
                yield Condition(text=index.predicate, source=Source.INDEX, table=relation, name=index.name)
        yield from _written(self._of(Trigger, relation), relation)


def _fits(parameters: Sequence[Parameter], arity: int) -> bool:
    needed = sum(1 for one in parameters if one.default is None)
    return needed <= arity <= len(parameters)


@cache
def _listed(definition: str) -> tuple[str, ...]:
    """The constants of `column = ANY (ARRAY[…])` in a check, which is all that it says, besides null."""
    [raw] = parser.parse_sql(f"select {check_text(definition)}")
    select: Any = raw.stmt
    node = select.targetList[0].val
    if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.OR_EXPR:
        node = next((part for part in node.args or () if not isinstance(part, ast.NullTest)), node)
    match node:
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP_ANY, name=(ast.String(sval="="),), rexpr=array):
            constants = [_constant(one) for one in _elements(array)]
            return tuple(one for one in constants if one is not None)
    return ()


def _elements(array: Any) -> tuple[Any, ...]:  # noqa: ANN401
    while isinstance(array, ast.TypeCast):
        array = array.arg
    return array.elements or () if isinstance(array, ast.A_ArrayExpr) else ()


def _constant(node: Any) -> str | None:  # noqa: ANN401
    while isinstance(node, ast.TypeCast):
        node = node.arg
    text = node.val if isinstance(node, ast.A_Const) else None
    return text.sval if isinstance(text, ast.String) else None


@cache
def check_text(definition: str) -> str:
    """The expression of `CHECK ((…)) NOT VALID`."""
    [raw] = parser.parse_sql(f"alter table x add {definition}")
    statement: Any = raw.stmt
    return write(statement.cmds[0].def_.raw_expr)


def _written(triggers: Sequence[Trigger], relation: str) -> Iterator[Condition]:
    for trigger in triggers:
        [raw] = parser.parse_sql(trigger.definition)
        if isinstance(raw.stmt, ast.CreateTrigStmt) and raw.stmt.whenClause is not None:
            text = write(raw.stmt.whenClause)
            yield Condition(text=text, source=Source.WHEN, table=relation, name=trigger.name)
