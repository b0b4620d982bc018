"""What was taken from a role by name, and a later GRANT on all tables of the schema brought back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pglast import ast
from pglast.enums import GrantTargetType, ObjectType

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, join
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted, spell
from pgassay.catalog.read import Access
from pgassay.catalog.tables import Table
from pgassay.matrix.model import Action
from pgassay.observation import Outcome, Persona

_VERBS = ("update", "delete", "insert", "select")  # the worst first
_PUBLIC = "public"


@dataclass(kw_only=True)
class _Meant:
    """What the files say by name that a role may do; `again`: that it came back with all tables."""

    taken: bool = False
    shut: bool = False
    columns: set[str] = field(default_factory=set)
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class _Back:
    """A verb that somebody has again, in these columns; `steps` are what policies let through."""

    persona: Persona
    verb: str
    columns: tuple[str, ...]
    steps: Steps


def find_regranted(scene: Scene) -> Iterator[Finding]:
    """One finding for each table, by all that came back."""
    access = Access(scene.catalog)
    for table in scene.surface.tables.values():
        if table.kind in "rpvmf" and table.reachable and scene.is_the_projects(table):
            meant = {
                (role, verb): _read(scene.statements, table, role, verb)
                for role in dict.fromkeys(persona.role for persona in scene.people)
                for verb in _VERBS
            }
            back = [
                one
                for persona in scene.people
                for verb in _VERBS
                if meant[persona.role, verb].again and access.holds(persona.role, verb, table.oid)
                for one in _effects(scene, table, persona, verb, meant[persona.role, verb].columns)
            ]
            if back:
                yield _tell(
                    table, sorted(back, key=lambda one: (not one.steps, _VERBS.index(one.verb))), meant
                )


def _read(statements: Sequence[Any], table: Table, role: str, verb: str) -> _Meant:
    """Statement by statement, as the files have them."""
    meant = _Meant()
    for node in statements:
        is_grant = isinstance(node, ast.GrantStmt) and node.objtype in (
            ObjectType.OBJECT_TABLE,
            ObjectType.OBJECT_SCHEMA,
        )
        if not is_grant or not _is_to(node, role):
            continue
        whole, columns = _covers(node, verb)
        if node.targtype == GrantTargetType.ACL_TARGET_ALL_IN_SCHEMA:
            if table.schema in (one.sval for one in node.objects) and whole:
                meant.again = bool(node.is_grant and meant.taken)
                meant.shut |= not node.is_grant
        elif node.targtype == GrantTargetType.ACL_TARGET_OBJECT and _names(node, table):
            if whole:
                meant = _Meant(taken=not node.is_grant, shut=not node.is_grant)
            elif columns and node.is_grant and (meant.taken or meant.shut):
                meant.taken = True
                meant.columns |= columns
    return meant


def _is_to(node: Any, role: str) -> bool:  # noqa: ANN401 - pglast's trees are untyped
    """What is taken from PUBLIC was not the role's."""
    names = (role, _PUBLIC) if node.is_grant else (role,)
    return any((one.rolename or _PUBLIC) in names for one in node.grantees)


def _covers(node: Any, verb: str) -> tuple[bool, set[str]]:  # noqa: ANN401
    """Whether it is about a verb on the whole, and about which columns."""
    if not node.privileges:
        return True, set()
    some = [one for one in node.privileges if one.priv_name in (verb, None)]
    return any(not one.cols for one in some), {c.sval for one in some for c in one.cols or ()}


def _names(node: Any, table: Table) -> bool:  # noqa: ANN401
    names = (
        spell(one.schemaname or _PUBLIC, one.relname) for one in node.objects if isinstance(one, ast.RangeVar)
    )
    return table.name in names


def _effects(scene: Scene, table: Table, persona: Persona, verb: str, columns: set[str]) -> Iterator[_Back]:
    """What the persona does by it; itself alone where policies let nothing through."""
    left = tuple(name for name in table.columns if name not in columns)
    done: dict[str, Steps] = {}
    for cell in scene.cells.get((table.name, Action(verb)), ()):
        name = cell.key.variant.split("=")[0]
        is_it = cell.key.persona == persona.name and cell.outcome is Outcome.ALLOWED
        if is_it and name not in done and (name == "-" or name in left):
            steps = (Step(who=persona, statement=cell.witness.statement, shows=ROWS),)
            if plays(scene.session, steps):
                done[name] = steps
    if not left:
        return
    named = tuple(name for name in done if name != "-") if columns or verb == "update" else ()
    yield _Back(persona=persona, verb=verb, columns=named, steps=next(iter(done.values()), ()))


def _tell(table: Table, back: Sequence[_Back], meant: dict[tuple[str, str], _Meant]) -> Finding:
    done = [one for one in back if one.steps] or list(back)
    who = list(dict.fromkeys(one.persona for one in done))
    verbs = tuple(dict.fromkeys(one.verb for one in done))
    columns = tuple(dict.fromkeys(name for one in done if one.verb == done[0].verb for name in one.columns))
    first = next((one.steps for one in done if one.steps), ())
    told = [v.upper() if v != done[0].verb or not columns else _of(v, columns) for v in verbs]
    others = [v.upper() for v in dict.fromkeys(one.verb for one in back) if v not in verbs]
    rest = f" {join(others)} came back, too, and no policy lets anything through." if others else ""
    return Finding(
        rule="revokes",
        object=table.name,
        columns=columns,
        actions=verbs,
        who=tuple(persona.name for persona in who),
        severity=Severity.HIGH if first else Severity.MEDIUM,
        sentence=f"{anyone(who)} may {join(told)} {table.name}, though it was revoked: a later GRANT on all "
        f"tables in schema {table.schema} brought it back.{rest}",
        steps=first,
        others=tuple(one.steps for one in done if one.steps and one.steps is not first),
        cause=f"regranted {table.name}",
        about=(ObjectKey(kind="relation", object=table.name, name=""),),
        candidates=(tuple(_repair(table, back, meant)),),
    )


def _of(verb: str, columns: Sequence[str]) -> str:
    return f"{verb.upper()} {join(map(quoted, columns))} of"


def _repair(table: Table, back: Sequence[_Back], meant: dict[tuple[str, str], _Meant]) -> Iterator[str]:
    """What was said before, once more."""
    for role, verb in dict.fromkeys((one.persona.role, one.verb) for one in back):
        yield f"revoke {verb} on {table.name} from {role}"
        if columns := meant[role, verb].columns:
            listed = ", ".join(map(quoted, sorted(columns)))
            yield f"grant {verb} ({listed}) on {table.name} to {role}"
