"""What the catalog says about the things that a statement asks for. Each function is one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from pgassay.access.guard import Command
from pgassay.access.statement import Name
from pgassay.database import Session
from pgassay.observation import Attempt


@dataclass(frozen=True, kw_only=True)
class PolicyFact:
    """A policy that applies to the role; `checks`: it has a WITH CHECK of its own."""

    name: str
    command: Command
    permissive: bool
    checks: bool


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation that a statement names, or that a view which it names reads, as `role` meets it.

    `index`: the place of the name that led here, from 0. `missing`: by privilege, in lower case, what the role lacks: no
    columns where it lacks the privilege on the table and on every column.
    """

    index: int
    name: str
    schema: str
    kind: str  # pg_class.relkind
    role: str
    usage: bool  # of its schema
    direct: bool  # named in the statement itself
    held: frozenset[str]  # privileges on the whole relation
    columns: dict[str, frozenset[str]]  # privileges on each column
    read: frozenset[str]  # columns that a view reads of it
    filters: bool  # row level security applies to the role
    policies: tuple[PolicyFact, ...]
    checks_option: bool  # a view WITH CHECK OPTION
    invoker: bool  # a view with security_invoker


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function that a role may not execute, or cannot reach."""

    name: str
    schema: str
    usage: bool
    execute: bool


_RELATIONS: LiteralString = """
    with recursive used as (
        select u.ordinal, c.oid, r.oid as role, true as direct
        from pg_catalog.unnest(%(schemas)s::text[], %(names)s::text[]) with ordinality as u (schema, name, ordinal)
        inner join pg_catalog.pg_class as c on u.name = c.relname
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        cross join pg_catalog.pg_roles as r
        where r.rolname = %(role)s
            and (u.schema = n.nspname or (u.schema = '' and pg_catalog.pg_table_is_visible(c.oid)))
        union
        select used.ordinal, d.refobjid, case when o.invoker then used.role else v.relowner end, false
        from used
        inner join pg_catalog.pg_class as v on used.oid = v.oid and v.relkind = 'v'
        inner join pg_catalog.pg_rewrite as w on v.oid = w.ev_class
        inner join pg_catalog.pg_depend as d
            on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> v.oid
        cross join lateral (
            select exists (
                select from pg_catalog.pg_options_to_table(v.reloptions)
                where option_name = 'security_invoker' and option_value::boolean
            ) as invoker
        ) as o
    )
    select
        used.ordinal::integer - 1, pg_catalog.format('%%I.%%I', n.nspname, c.relname), n.nspname, c.relkind::text,
        r.rolname, pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage'), used.direct,
        array(
            select p from pg_catalog.unnest(array['select', 'update', 'usage']) as p
            where c.relkind = 'S' and pg_catalog.has_sequence_privilege(r.oid, c.oid, p)
            union all
            select p
            from pg_catalog.unnest(
                array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
            ) as p
            where c.relkind <> 'S' and pg_catalog.has_table_privilege(r.oid, c.oid, p)
        ),
        (
            select coalesce(pg_catalog.jsonb_object_agg(a.attname, array(
                select p from pg_catalog.unnest(array['select', 'insert', 'update', 'references']) as p
                where pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, p)
            )), '{}')
            from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'
        ),
        array(
            select distinct a.attname::text
            from used as view
            inner join pg_catalog.pg_rewrite as w on view.oid = w.ev_class
            inner join pg_catalog.pg_depend as d
                on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
                and d.refclassid = 'pg_catalog.pg_class'::regclass
            inner join pg_catalog.pg_attribute as a on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
            where not used.direct and d.refobjid = c.oid and a.attnum > 0
        ),
        c.relrowsecurity and not (r.rolsuper or r.rolbypassrls)
        and (c.relforcerowsecurity or not pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')),
        (
            select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                'name', p.polname, 'permissive', p.polpermissive, 'checks', p.polwithcheck is not null,
                'command', case p.polcmd
                    when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                    else 'all'
                end
            ) order by p.polname), '[]')
            from pg_catalog.pg_policy as p
            where p.polrelid = c.oid and exists (
                select from pg_catalog.unnest(p.polroles) as granted
                where case granted when 0 then true else pg_catalog.pg_has_role(r.oid, granted, 'usage') end
            )
        ),
        exists (
            select from pg_catalog.pg_options_to_table(c.reloptions) where option_name = 'check_option'
        ),
        exists (
            select from pg_catalog.pg_options_to_table(c.reloptions)
            where option_name = 'security_invoker' and option_value::boolean
        )
    from used
    inner join pg_catalog.pg_class as c on used.oid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_roles as r on used.role = r.oid
    order by used.direct desc, used.ordinal, c.oid, r.oid
"""


def read_relations(session: Session, names: Sequence[Name], role: str) -> tuple[Relation, ...]:
    """The relations of these names, and those that views among them read, in a fixed order."""
    rows = _rows(session, _RELATIONS, _arrays(names) | {"role": role})
    return tuple(_relation(*row) for row in rows)


def _relation(  # noqa: PLR0913 - a row
    index: int,
    name: str,
    schema: str,
    kind: str,
    role: str,
    usage: bool,  # noqa: FBT001
    direct: bool,  # noqa: FBT001
    held: list[str],
    columns: dict[str, list[str]],
    read: list[str],
    filters: bool,  # noqa: FBT001
    policies: list[dict[str, Any]],
    checks_option: bool,  # noqa: FBT001
    invoker: bool,  # noqa: FBT001
) -> Relation:
    raise NotImplementedError
