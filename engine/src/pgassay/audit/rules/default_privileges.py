"""Default privileges: statements of the files that open every table to come to whoever has the public key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast
from pglast.enums import ObjectType

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import PLATFORM, Scene
from pgassay.audit.words import anyone, does
from pgassay.catalog.model import DefaultPrivilege, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.read import Access

RULE = "default-privileges"
_PUBLIC = "public"
_NEW = "pgassay_new_table"
_WRITES = {"insert", "update", "delete"}
_VERBS = _WRITES | {"select"}


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What one statement grants to one role in one schema, or takes from it."""

    grants: bool
    schema: str
    role: str
    privileges: frozenset[str]


def find(scene: Scene) -> Iterator[Finding]:
    """What was closed, and the files open again; what the platform grants anyway is not their doing.

    In schemas of the project it grants nothing.
    """
    closed = scene.bench.config.expose_new_tables is False
    given: dict[tuple[str, str], set[str]] = {}
    was_closed: dict[tuple[str, str], bool] = {}
    for one in (one for node in scene.statements for one in _read(node)):
        key = (one.schema, one.role)
        if not one.grants:
            was_closed[key] = True
            given.pop(key, None)
        elif was_closed.get(key, closed):
            given.setdefault(key, set()).update(one.privileges)
    held: dict[tuple[str, str], set[str]] = {}
    for privilege in scene.catalog.of(DefaultPrivilege):
        if privilege.kind == "r" and privilege.schema not in ("", *PLATFORM):
            held.setdefault((privilege.schema, privilege.role), set()).add(privilege.privilege)
    access = Access(scene.catalog)
    for (schema, role), verbs in sorted(held.items()):
        some = sorted(verbs & (given.get((schema, role), set()) if schema == _PUBLIC else _VERBS))
        who = [p for p in scene.people if role in (p.role, "public") and access.uses(p.role, schema)]
        if some and who and not _has_views_alone(scene, schema):
            yield _tell(scene, schema, role, some, who)


def _has_views_alone(scene: Scene, schema: str) -> bool:
    """Whether it is a schema of views, which the API shows in place of tables: so is what comes next."""
    kinds = {table.kind for table in scene.surface.tables.values() if table.schema == schema}
    return kinds == {"v"}


def _tell(scene: Scene, schema: str, role: str, verbs: list[str], who: list[Any]) -> Finding:
    table = f"{quoted(schema)}.{_NEW}"
    grantee = role if role == "public" else quoted(role)
    revoked = f"revoke {', '.join(verbs)} on tables from {grantee}"
    fix = f"alter default privileges in schema {quoted(schema)} {revoked}"
    return Finding(
        rule=RULE,
        object=quoted(schema),
        actions=tuple(sorted(verbs, key=lambda verb: verb not in _WRITES)),
        who=tuple(persona.name for persona in who),
        # What the API does not serve is reached by functions that run with the rights of who calls them.
        severity=Severity.HIGH if schema in scene.catalog.exposed else Severity.MEDIUM,
        sentence=f"{anyone(who)} {does(verbs)} whatever table the next migration makes "
        f"in {quoted(schema)}: default privileges grant it to {role}.",
        steps=(
            Step(statement=f"create table {table} as select 1 as id"),
            Step(who=who[0], statement=f"select * from {table}", shows=ROWS)
            if "select" in verbs
            else Step(who=who[0], statement=f"insert into {table} values (2)", shows=ROWS),
        ),
        about=(ObjectKey(kind="default privileges", object=quoted(schema), name=""),),
        candidates=((fix,),),
    )


def _read(node: Any) -> Iterator[_Said]:  # noqa: ANN401 - pglast's trees are untyped
    action: Any = node.action if isinstance(node, ast.AlterDefaultPrivilegesStmt) else None
    if action is None or action.objtype != ObjectType.OBJECT_TABLE:
        return
    named = {privilege.priv_name for privilege in action.privileges or ()} or _VERBS
    for option in node.options or ():
        for part in option.arg if option.defname == "schemas" else ():
            for role in action.grantees:
                yield _Said(
                    grants=bool(action.is_grant),
                    schema=part.sval,
                    role=role.rolename or "public",
                    privileges=frozenset(named & _VERBS),
                )
