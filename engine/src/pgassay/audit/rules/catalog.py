"""Catalog: what API roles hold and no request of the matrix tries; public buckets; what files set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pglast import ast
from pglast.stream import RawStream

from pgassay.audit.calls import hidden_rows
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import PLATFORM, Scene
from pgassay.audit.words import join
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import DefaultPrivilege, Grant, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.catalog.read import Access
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona
from pgassay.render.text import counted

RULE = "catalog"
_UNTRIED = ("truncate", "trigger", "references", "maintain")
_AUTHENTICATOR = "authenticator"


def find(scene: Scene) -> Iterator[Finding]:
    """Privileges, then buckets, then settings; what the platform grants by itself is one line."""
    access = Access(scene.catalog)
    yield from _schemas(scene, access)
    yield from _tables(scene, access)
    yield from _buckets(scene)
    yield from _settings(scene)


def _schemas(scene: Scene, access: Access) -> Iterator[Finding]:
    """Whoever makes objects in a schema puts them in the way of names that others look up there."""
    held: dict[str, list[Persona]] = defaultdict(list)
    oids = {g.object: g.oid for g in scene.catalog.of(Grant) if g.kind == "schema"}
    for name, oid in oids.items():
        for persona in scene.people:
            if name not in PLATFORM and access.holds(persona.role, "create", oid):
                held[name].append(persona)
    for name, who in held.items():
        roles = ", ".join(dict.fromkeys(persona.role for persona in who))
        make = f"create table {name}.pgassay_mine ()"
        used = access.uses(who[0].role, name.strip('"'))
        yield Finding(
            rule=RULE,
            object=name,
            actions=("create",),
            who=tuple(persona.name for persona in who),
            severity=Severity.MEDIUM,
            sentence=f"{roles} may create objects in the schema {name}, where others look names up.",
            steps=(Step(who=who[0], statement=make),) if used else (),
            about=(ObjectKey(kind="schema", object=name, name=""),),
            candidates=((f"revoke create on schema {name} from public, {roles}",),),
        )


def _tables(scene: Scene, access: Access) -> Iterator[Finding]:
    """By schema; what default privileges gave is the platform's doing, and one finding for all."""
    given = {(d.schema, d.role, d.privilege) for d in scene.catalog.of(DefaultPrivilege) if d.kind == "r"}
    by_itself: dict[str, set[str]] = defaultdict(set)
    for schema in scene.catalog.exposed:
        more: dict[str, set[str]] = defaultdict(set)
        for table in scene.surface.reachable:
            for persona in scene.people if table.schema == schema and table.kind in "rp" else ():
                held = {verb for verb in _UNTRIED if access.holds(persona.role, verb, table.oid)}
                own = {verb for verb in held if (schema, persona.role, verb) not in given}
                more[table.name] |= own
                by_itself[table.name] |= held - own
        some = {name: verbs for name, verbs in more.items() if verbs}
        if some:
            yield _of_schema(scene, schema, some)
    names = [name for name, verbs in by_itself.items() if verbs]
    if names:
        verbs = [verb for verb in _UNTRIED if any(verb in some for some in by_itself.values())]
        yield _by_default(scene, names, verbs)


def _of_schema(scene: Scene, schema: str, held: dict[str, set[str]]) -> Finding:
    verbs = [verb for verb in _UNTRIED if any(verb in some for some in held.values())]
    listed = join([*sorted(held)[:3], *([f"{len(held) - 3} more"] if len(held) > 3 else [])])
    roles = ", ".join(dict.fromkeys(persona.role for persona in scene.people))
    first = min(held)
    verb = next(verb for verb in verbs if verb in held[first])
    who = [p for p in scene.people if _holds(scene, p, scene.surface.by_name[first], verb)]
    asked = f"select 1 where pg_catalog.has_table_privilege({literal(first)}, {literal(verb)})"
    return Finding(
        rule=RULE,
        object=quoted(schema),
        actions=tuple(verbs),
        who=tuple(persona.name for persona in who),
        severity=Severity.LOW,
        sentence=f"{roles} hold {join(v.upper() for v in verbs)} on {listed}, which no policy limits.",
        steps=(Step(who=who[0], statement=asked, shows=ROWS),),
        about=(ObjectKey(kind="relation", object=first, name=""),),
        candidates=(tuple(f"revoke {', '.join(verbs)} on {name} from {roles}" for name in sorted(held)),),
    )


def _holds(scene: Scene, persona: Persona, table: Table, verb: str) -> bool:
    return Access(scene.catalog).holds(persona.role, verb, table.oid)


def _by_default(scene: Scene, names: Sequence[str], verbs: Sequence[str]) -> Finding:
    roles = join(dict.fromkeys(persona.role for persona in scene.people))
    return Finding(
        rule=RULE,
        object="default privileges",
        actions=tuple(verbs),
        who=tuple(persona.name for persona in scene.people),
        severity=Severity.INFO,
        sentence=f"{roles} hold {join(v.upper() for v in verbs)} on {counted(len(names), 'table')}, as the "
        "platform grants by itself; no request of the API can use them.",
        weight=-1,
    )


def _buckets(scene: Scene) -> Iterator[Finding]:
    """A bucket is public, and policies hide some of its objects: whoever has an address asks none of them."""
    for sample in scene.samples:
        bucket = sample.bucket
        if not bucket or not sample.rows:
            continue
        public = f"select 1 from storage.buckets where public and id = {literal(bucket)}"
        [answer] = scene.ask(None, [[public]])
        hidden = _hidden(scene, sample) if not answer.sqlstate and answer.rows[0] else None
        if hidden is None:
            continue
        who, look, is_meant = hidden
        yield Finding(
            rule=RULE,
            object=sample.object,
            actions=("select",),
            who=tuple(persona.name for persona in scene.people),
            severity=Severity.MEDIUM if is_meant else Severity.LOW,
            sentence=f"Policies hide objects of the bucket {bucket} from {who.name}, but it is public: "
            "who knows an address gets the object, and no policy is asked.",
            steps=(Step(statement=public, shows=ROWS), Step(who=who, statement=look, shows=NO_ROWS_SHOWN)),
            about=(ObjectKey(kind="bucket", object="storage.buckets", name=bucket),),
            candidates=((f"update storage.buckets set public = false where id = {literal(bucket)}",),),
        )


def _hidden(scene: Scene, sample: Sample) -> tuple[Persona, str, bool] | None:
    """Whom policies hide an object from that they show to its user; whether one for SELECT says so of users.

    What each user reads is nobody's secret; what a policy FOR ALL shows an owner is there to be changed.
    """
    policies = (p for p in scene.policies.get(sample.table.oid, ()) if p.permissive)
    said = (find_literals([p.using or ""]) for p in policies if p.command == "select")
    is_said = any(sample.bucket in one.strings or "bucket_id" not in one.words for one in said)
    reach = {persona: measure_seen(scene, persona, [sample.table.name]) for persona in scene.people}
    for owner in scene.users:
        visible = reach[owner].seen.get(sample.object, frozenset())
        shown = [row for row in sample.rows if row.key in visible and owner.id in row.owners]
        for persona in sorted(scene.people, key=lambda one: one.id is None):
            hidden = hidden_rows(sample, reach[persona])
            for row in shown:
                if row in hidden:
                    look = f"select 1 from storage.objects where {condition(sample.key, row.key)}"
                    return persona, look, is_said and persona.id is not None
    return None


def _settings(scene: Scene) -> Iterator[Finding]:
    """What the files set for requests: for the roles that they have, and for the whole database."""
    roles = {*(persona.role for persona in scene.people), _AUTHENTICATOR}
    for node in scene.statements:
        if isinstance(node, ast.AlterRoleSetStmt) and node.setstmt:
            name = node.role.rolename if node.role else "all roles"
            if not node.role or name in roles:
                yield _setting(str(name), node)
        elif isinstance(node, ast.AlterDatabaseSetStmt):
            yield _setting("the database", node)
        elif isinstance(node, ast.GrantRoleStmt) and node.is_grant:
            yield from _memberships(node, roles)


def _setting(whose: str, node: Any) -> Finding:  # noqa: ANN401 - pglast's trees are untyped
    """Without a limit of time one request holds a connection as long as it likes."""
    name = node.setstmt.name or "everything"
    values = [
        getattr(arg.val, "sval", None) or getattr(arg.val, "ival", 0) for arg in node.setstmt.args or ()
    ]
    unlimited = name.endswith("_timeout") and [str(value) for value in values] == ["0"]
    return Finding(
        rule=RULE,
        object=f"{whose}.{name}",
        actions=("set",),
        who=(whose,),
        severity=Severity.LOW if unlimited else Severity.INFO,
        sentence=f"The files set for {whose}: {RawStream()(node)}"
        + (", so that nothing ends a statement." if unlimited else "."),
    )


def _memberships(node: Any, roles: set[str]) -> Iterator[Finding]:  # noqa: ANN401
    """Roles of requests that may become others."""
    for grantee in node.grantee_roles:
        for granted in node.granted_roles:
            if grantee.rolename in roles - {_AUTHENTICATOR}:
                yield Finding(
                    rule=RULE,
                    object=granted.priv_name,
                    actions=("grant",),
                    who=(grantee.rolename,),
                    severity=Severity.MEDIUM,
                    sentence=f"{grantee.rolename}, a role of requests, is a member of {granted.priv_name}.",
                )
