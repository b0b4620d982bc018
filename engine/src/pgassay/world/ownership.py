"""Whose a row is: the path from a table to the user's id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import ast, parser

from pgassay.catalog.model import Column, Constraint
from pgassay.catalog.names import quoted, relation_name
from pgassay.catalog.tables import Surface, Table
from pgassay.errors import ConfigError

ALIAS = "t"
"""What the table is called inside the expressions."""

_AUTH_USERS = ("auth", "users")


@dataclass(frozen=True, kw_only=True)
class OwnerPaths:
    """How to find the users that a row belongs to.

    `expressions`: SQL over the table as `t`, each giving a user's id. `columns`: those of the table in which
    the paths begin. `direct`: those of them that hold the id itself.
    """

    expressions: tuple[str, ...]
    columns: frozenset[str] = frozenset()
    direct: frozenset[str] = frozenset()
    paths: tuple[_Path, ...] = ()

    def spelled(self, alias: str) -> tuple[str, ...]:
        """The expressions over a table of this name; none where no path of keys leads to users."""
        return tuple(dict.fromkeys(_spell(path.hops, path.column, alias) for path in self.paths))

    @property
    def users(self) -> str:
        """The users of a row as SQL of text[]: each expression gives one id, or an array of them."""
        return " || ".join(
            "(select case when u.id like '{%}' then u.id::text[] else array[u.id] end"
            f" from (select ({expression})::text) as u (id))"
            for expression in self.expressions
        )


@dataclass(frozen=True, kw_only=True)
class _Hop:
    """From `columns` of a table to the row of `relation` whose `target_columns` have the same values."""

    columns: tuple[str, ...]
    relation: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Path:
    """Hops, and the column at their end that holds the user's id."""

    hops: tuple[_Hop, ...]
    column: str


def find_ownership(
    surface: Surface, *, holders: Mapping[int, frozenset[str]], overrides: Mapping[str, str]
) -> dict[int, OwnerPaths]:
    """The ownership of each table that has one; `holders`: columns in which ids of personas were found.

    The shortest path of foreign keys to a table of users counts, all of them where several are as short;
    where there is none, the columns that hold ids, or the path to a table with such. A column that only says
    who did something, such as `updated_by`, counts where a policy of its table asks for it.
    Raises ConfigError for an override that makes no sense.
    """
    tables = surface.tables
    holders = {
        oid: frozenset(name for name in names if oid not in tables or _owns(tables[oid], name))
        for oid, names in holders.items()
    }
    paths = _find_paths(surface, holders)
    found = {oid: _ownership(some) for oid, some in paths.items()}
    for name, text in overrides.items():
        try:
            table = surface.by_name[relation_name(name)]
        except (KeyError, ValueError) as error:
            raise refuse_override(name, text, "There is no such table or view.") from error
        found[table.oid] = _configured(surface, table, name, text)
    return found


def _find_paths(surface: Surface, holders: Mapping[int, frozenset[str]]) -> dict[int, tuple[_Path, ...]]:
    """From the tables of users back along foreign keys; then from tables that hold ids without one."""
    roots = {table.oid: (_Path(hops=(), column=name),) for table, name in _roots(surface, holders)}
    found = _spread(surface, {}, roots)
    held = {
        oid: tuple(_Path(hops=(), column=name) for name in sorted(columns))
        for oid, columns in holders.items()
        if columns and oid not in found
    }
    return _spread(surface, found, held)


def _spread(
    surface: Surface, found: Mapping[int, tuple[_Path, ...]], reached: Mapping[int, tuple[_Path, ...]]
) -> dict[int, tuple[_Path, ...]]:
    """`found` and `reached`, and all that refers to what was reached, nearest first."""
    known = {**found, **reached}
    while reached:
        reached = {
            table.oid: paths
            for table in surface.tables.values()
            if table.oid not in known and (paths := tuple(_extend(table, reached)))
        }
        known |= reached
    return known


def _roots(surface: Surface, holders: Mapping[int, frozenset[str]]) -> Iterator[tuple[Table, str]]:
    """Tables of users: `auth.users`, and those whose primary key holds ids and refers to nothing else."""
    for table in surface.tables.values():
        for index in table.unique:
            if not index.primary or len(index.columns) != 1:
                continue
            [name] = index.columns
            refers = any(name in key.columns for key in table.foreign_keys)
            held = name in holders.get(table.oid, frozenset())
            if (table.schema, table.relation) == _AUTH_USERS or (held and not refers):
                yield table, name


def _extend(table: Table, reached: Mapping[int, tuple[_Path, ...]]) -> Iterator[_Path]:
    """The paths of a table over foreign keys to the tables that were just reached."""
    for key in table.foreign_keys:
        for path in reached.get(key.target_oid, ()):
            if not path.hops and path.column in key.target_columns:  # the id itself is among the columns
                local = key.columns[key.target_columns.index(path.column)]
                if _owns(table, local):
                    yield _Path(hops=(), column=local)
                continue
            if not any(_owns(table, name) for name in key.columns):
                continue
            hop = _Hop(columns=key.columns, relation=key.target or "", target_columns=key.target_columns)
            yield _Path(hops=(hop, *path.hops), column=path.column)


def _owns(table: Table, column: str) -> bool:
    """False for a column by whose name somebody did something, unless a policy lets rows depend on it."""
    if not column.lower().removesuffix("id").removesuffix("_").endswith(("_by", "edby")):
        return True
    policies = {policy for held in table.privileges.values() for policy in held.policies}
    return any(column in _words(text) for policy in policies for _, text in policy.clauses)


def _words(expression: str) -> frozenset[str]:
    """The names in an expression of SQL, and whatever else it is made of."""
    return frozenset(expression[token.start : token.end + 1].strip('"') for token in parser.scan(expression))


def _ownership(paths: Sequence[_Path]) -> OwnerPaths:
    return OwnerPaths(
        expressions=tuple(dict.fromkeys(_spell(path.hops, path.column, ALIAS) for path in paths)),
        columns=frozenset(
            name for path in paths for name in (path.hops[0].columns if path.hops else (path.column,))
        ),
        direct=frozenset(path.column for path in paths if not path.hops),
        paths=tuple(paths),
    )


def _spell(hops: Sequence[_Hop], column: str, alias: str) -> str:
    if not hops:
        return f"{alias}.{quoted(column)}"
    hop, *rest = hops
    inner = f"{alias}t" if set(alias) == {ALIAS} else ALIAS
    joined = " and ".join(
        f"{inner}.{quoted(theirs)} = {alias}.{quoted(ours)}"
        for theirs, ours in zip(hop.target_columns, hop.columns, strict=True)
    )
    return f"(select {_spell(rest, column, inner)} from {hop.relation} as {inner} where {joined} limit 1)"


def _configured(surface: Surface, table: Table, name: str, text: str) -> OwnerPaths:
    tree = _parse(name, text)
    steps = _arrows(tree)
    if not steps:
        expression = OwnerPaths(expressions=(f"({text})",))
        name_of = _reference(tree)
        is_column = len(name_of) == 1 and name_of[0] in table.columns
        return _ownership([_Path(hops=(), column=name_of[0])]) if is_column else expression
    [first], *others = steps
    if first not in table.columns:
        raise refuse_override(name, text, f"{table.name} has no column {first}.")
    hops: list[_Hop] = []
    former, column = table, first
    by_name = {(target.schema, target.relation): target for target in surface.tables.values()}
    for schema, relation, wanted in others:
        target = by_name.get((schema, relation))
        if target is None or wanted not in target.columns:
            raise refuse_override(name, text, f"There is no column {schema}.{relation}.{wanted}.")
        key = _key(former, column, target)
        if key is None:
            raise refuse_override(name, text, f"{target.name} has no primary key of one column.")
        hops.append(_Hop(columns=(column,), relation=target.name, target_columns=(key,)))
        former, column = target, wanted
    return _ownership([_Path(hops=tuple(hops), column=column)])


def _key(table: Table, column: str, target: Table) -> str | None:
    """The column of `target` that `column` names: by the foreign key, else the primary key."""
    for foreign in table.foreign_keys:
        if foreign.target_oid == target.oid and foreign.columns == (column,):
            return foreign.target_columns[0]
    return next((u.columns[0] for u in target.unique if u.primary and len(u.columns) == 1), None)


def _parse(name: str, text: str) -> Any:  # noqa: ANN401 - pglast's trees are untyped
    try:
        [parsed] = parser.parse_sql(f"select {text}")
        statement: Any = parsed.stmt
        [target] = statement.targetList
    except (parser.ParseError, ValueError, TypeError) as error:
        raise refuse_override(name, text, "It is not one SQL expression.") from error
    if target.name or statement.fromClause or statement.whereClause:  # `own er` is `own as er`
        raise refuse_override(name, text, "It is not one SQL expression.")
    return target.val


def _arrows(tree: Any) -> list[tuple[str, ...]]:  # noqa: ANN401
    """The names of `a -> s.t.b -> s.u.c`; none for any other expression."""
    steps: list[tuple[str, ...]] = []
    while _is_arrow(tree):
        steps.insert(0, _reference(tree.rexpr))
        tree = tree.lexpr
    first = _reference(tree)
    is_path = steps and len(first) == 1 and all(len(step) == 3 for step in steps)
    return [first, *steps] if is_path else []


def _is_arrow(tree: Any) -> bool:  # noqa: ANN401
    return isinstance(tree, ast.A_Expr) and [part.sval for part in tree.name or ()] == ["->"]


def _reference(tree: Any) -> tuple[str, ...]:  # noqa: ANN401
    """The parts of a column's name; none for any other expression."""
    fields: tuple[Any, ...] = getattr(tree, "fields", None) or ()
    return tuple(part.sval for part in fields if not isinstance(part, ast.A_Star))


def refuse_override(name: str, text: str, why: str) -> ConfigError:
    """That the configuration says of a table, in `rows`, what makes no sense."""
    return ConfigError(
        f"rows of the configuration does not say whose the rows of {name} are: {text}",
        why=why,
        fixes=(
            'give a path: "public.logs" = "job_id -> public.jobs.user_id"',
            'give a SQL expression over the table: "public.logs" = "metadata ->> \'user\'"',
        ),
    )


def find_ties(
    surface: Surface, table: Table, *, holders: Mapping[int, frozenset[str]], ids: str, owners: str
) -> Iterator[str]:
    """SQL over the row `t`, for each such table: who is tied to it, and how by enums and booleans.

    `holders`: the columns of each table in which ids of personas occur. `ids` and `owners` are SQL of text[].
    """
    for other in surface.tables.values():
        if other.oid == table.oid or not other.stored:
            continue
        for key in other.foreign_keys:
            if key.target_oid == table.oid:
                for name in sorted(holders.get(other.oid, frozenset()) - set(key.columns)):
                    yield _tie(other, key, other.columns[name], ids=ids, owners=owners)


def _tie(other: Table, key: Constraint, holder: Column, *, ids: str, owners: str) -> str:
    user = f"o.{holder.quoted}::text"
    kinds = (f"o.{c.quoted}::text" for c in other.columns.values() if c.labels or c.base == "bool")
    joined = " and ".join(
        f"o.{quoted(ours)} = t.{quoted(theirs)}"
        for ours, theirs in zip(key.columns, key.target_columns, strict=True)
    )
    return (
        f"(select string_agg(v.tie, ',' order by v.tie) from ("
        f"select distinct concat_ws(' ', {', '.join([user, *kinds])}) as tie from {other.name} as o "
        f"where {joined} and {user} = any({ids}) and {user} <> all(array_remove({owners}, null))) as v)"
    )
