"""Default privileges: statements of the files that open every table to come to whoever has the public key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import ast, parser
from pglast.enums import ObjectType

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, does
from pgassay.catalog.model import DefaultPrivilege, ObjectKey
from pgassay.catalog.names import quoted

RULE = "default-privileges"
_NEW = "pgassay_new_table"
_WRITES = {"insert", "update", "delete"}


def find(scene: Scene) -> Iterator[Finding]:
    """Those of the platform itself are not the project's doing, and are told in one line elsewhere."""
    granted = {
        (schema, role) for script in scene.scripts for schema, roles in _read(script.text) for role in roles
    }
    for schema, role in sorted(granted):
        held = {
            one.privilege
            for one in scene.catalog.of(DefaultPrivilege)
            if one.schema == schema and one.kind == "r" and one.role == role
        }
        verbs = sorted(held & {"select", *_WRITES})
        who = [p for p in scene.people if role in (p.role, "public")]
        if verbs and who and schema in scene.catalog.exposed:
            yield _tell(schema, role, verbs, who)


def _tell(schema: str, role: str, verbs: list[str], who: list[Any]) -> Finding:
    table = f"{quoted(schema)}.{_NEW}"
    grantee = role if role == "public" else quoted(role)
    revoked = f"revoke {', '.join(verbs)} on tables from {grantee}"
    fix = f"alter default privileges in schema {quoted(schema)} {revoked}"
    return Finding(
        rule=RULE,
        object=quoted(schema),
        actions=tuple(sorted(verbs, key=lambda verb: verb not in _WRITES)),
        who=tuple(persona.name for persona in who),
        severity=Severity.HIGH,
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


def _read(text: str) -> Iterator[tuple[str, list[str]]]:
    try:
        statements = parser.parse_sql(text)
    except parser.ParseError:
        return
    for raw in statements:
        node: Any = raw.stmt
        if not isinstance(node, ast.AlterDefaultPrivilegesStmt):
            continue
        action: Any = node.action
        if action.is_grant and action.objtype == ObjectType.OBJECT_TABLE:
            schemas = [
                part.sval
                for option in node.options or ()
                if option.defname == "schemas"
                for part in option.arg
            ]
            for schema in schemas:
                yield schema, [role.rolename or "public" for role in action.grantees]
