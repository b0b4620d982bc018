"""Where in the SQL files each object is defined or last mentioned. Pure: it parses, and reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pglast import ast, parser
from pglast.enums import AlterTableType, GrantTargetType, ObjectType

from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted, without_arguments
from pgassay.database import Script
from pgassay.errors import Place
from pgassay.plpgsql.grammar import parse_body
from pgassay.plpgsql.tokens import UnplacedError

_DEFAULT_SCHEMA = "public"
ROW_SECURITY = "row level security"
_IDENTITY = "replica identity"
_NAMED_IN_TABLE = {
    ObjectType.OBJECT_POLICY: "policy",
    ObjectType.OBJECT_TRIGGER: "trigger",
    ObjectType.OBJECT_RULE: "rule",
}
_SECURITY_COMMANDS = (
    AlterTableType.AT_EnableRowSecurity,
    AlterTableType.AT_DisableRowSecurity,
    AlterTableType.AT_ForceRowSecurity,
    AlterTableType.AT_NoForceRowSecurity,
)

Mention = tuple[ObjectKey, int | None]


@dataclass(frozen=True, kw_only=True)
class Block:
    """The text of a DO block, and where that, or else the block, begins in a file."""

    text: str
    script: Script
    start: int

    def find(self, name: str) -> Place | None:
        """Where it says the name, whatever it runs there."""
        at = self.text.find(name) if self.script.text.startswith(self.text, self.start) else 0
        return self.script.place(self.start + at) if name and name in self.text else None


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """The last place in which each object is defined, altered or dropped; functions without arguments.

    `bodies`: where the text of a function begins, by its plain name and that text; None for several.
    """

    known: Mapping[ObjectKey, Place] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    bodies: Mapping[tuple[str, str], Place | None] = field(default_factory=dict)

    def find(self, key: ObjectKey, what: str = "") -> Place | None:
        """The statement about an object, or a property of it; of what is gone, that of what had it."""
        name = without_arguments(key.object) if key.kind.endswith("function") else key.object
        whole = [ObjectKey(kind=kind, object=name, name="") for kind in ("relation", "function")]
        places = [self.known[one] for one in (*_candidates(key, what, name), *whole) if one in self.known]
        blocks = filter(None, (block.find(key.name) for block in self.blocks))
        exact = [place for place in places if place not in [self.known.get(one) for one in whole]]
        # In a block only where nothing but the whole object is known.
        return next(iter([*exact, *blocks, *places]), None)


def _candidates(key: ObjectKey, what: str, name: str) -> list[ObjectKey]:
    """What a statement about it could be about, most exact first."""
    if key.kind.startswith("grant"):
        verb, *_ = what.split(" ")
        everything = ObjectKey(kind="grant on all", object=name.split(".", maxsplit=1)[0], name=key.name)
        exact = [ObjectKey(kind=f"grant {one}", object=name, name=key.name) for one in (verb, "all")]
        return [*exact, everything]
    if what.endswith(ROW_SECURITY) or what == _IDENTITY:
        return [ObjectKey(kind=ROW_SECURITY if what != _IDENTITY else what, object=name, name="")]
    if key.kind in ("operator", "default privileges"):  # without types, and whose they are
        return [key._replace(object=name, name=without_arguments(key.name) if key.kind == "operator" else "")]
    # Of a publication whatever was said last of it as a whole.
    return [key._replace(object=name), *([key._replace(object="")] if key.kind == "publication" else [])]


NO_DEFINITIONS = Definitions()


def find_definitions(scripts: Iterable[Script]) -> Definitions:
    """Index the statements of files, in the order in which they are applied, if pglast can parse them."""
    known: dict[ObjectKey, Place] = {}
    blocks: list[Block] = []
    bodies: dict[tuple[str, str], Place | None] = {}
    for script in scripts:
        for parsed in _parse(script.text):
            for key, location in _mentions(parsed.node):
                known[key] = script.place(parsed.base + (parsed.start if location is None else location))
            if isinstance(parsed.node, ast.DoStmt):
                body, start = _block_text(parsed)
                blocks.append(Block(text=body, script=script, start=parsed.base + max(start, parsed.start)))
            for named, offset in _bodies(parsed):
                bodies[named] = None if named in bodies else replace(script.place(offset), column=0)
    return Definitions(known=known, blocks=tuple(blocks), bodies=bodies)


class _Parsed(NamedTuple):
    """A statement: from `start` to `end` in a text that begins at `base` in its file."""

    node: Any
    text: str
    base: int
    start: int
    end: int


def _parse(text: str, base: int = 0) -> Iterator[_Parsed]:
    """The statements of a text, those within DO blocks too; none where pglast cannot parse it."""
    try:
        statements = parser.parse_sql(text)
    except parser.ParseError:  # the server's to judge; the places stay unknown
        return
    for raw in statements:
        start = raw.stmt_location or 0
        parsed = _Parsed(raw.stmt, text, base, start, start + raw.stmt_len if raw.stmt_len else len(text))
        yield parsed
        if isinstance(raw.stmt, ast.DoStmt):
            yield from _inside(parsed)


def _inside(block: _Parsed) -> Iterator[_Parsed]:
    """The SQL statements of a DO block; none where it has doubled quotes, or does not read as PL/pgSQL."""
    body, start = _block_text(block)
    try:
        statements = list(parse_body(body).walk()) if start >= 0 else []
    except UnplacedError:
        return
    for one in statements:
        if one.kind == "execsql":
            yield from _parse(body[one.start : one.end], block.base + start + one.start)


def _bodies(parsed: _Parsed) -> Iterator[tuple[tuple[str, str], int]]:
    """A function's name and text, and where its literal is in the file; nothing for BEGIN ATOMIC."""
    node, text, base, _, end = parsed
    for option in (node.options or ()) if isinstance(node, ast.CreateFunctionStmt) else ():
        if option.defname == "as":
            tokens = parser.scan(text[option.location : end])
            literal = next(token.start for token in tokens if token.name == "SCONST")
            yield (node.funcname[-1].sval, option.arg[0].sval), base + option.location + literal


def _block_text(block: _Parsed) -> tuple[str, int]:
    """What it runs, and where that begins in the text around it; -1 where quotes are doubled in it."""
    body = next((option.arg.sval for option in block.node.args if option.defname == "as"), "")
    return body, block.text.find(body, block.start)


def _mentions(node: Any) -> Iterator[Mention]:  # noqa: ANN401 - pglast's trees are untyped
    """The objects that a statement is about, with an offset where it is only part of the statement."""
    if name := _WHOLE.get(type(node)):
        yield name(node), None
    elif mentions := _PARTS.get(type(node)):
        yield from mentions(node)


_WHOLE: Mapping[type, Callable[[Any], ObjectKey]] = {
    **dict.fromkeys(
        (ast.CreatePolicyStmt, ast.AlterPolicyStmt),
        lambda node: _key("policy", _relation(node.table), node.policy_name),
    ),
    ast.CreateTrigStmt: lambda node: _key("trigger", _relation(node.relation), node.trigname),
    ast.RuleStmt: lambda node: _key("rule", _relation(node.relation), node.rulename),
    ast.IndexStmt: lambda node: _key("index", _relation(node.relation), node.idxname or ""),
    ast.ViewStmt: lambda node: _key("relation", _relation(node.view)),
    ast.CreateFunctionStmt: lambda node: _key("function", _name(node.funcname)),
    **dict.fromkeys((ast.CreateEnumStmt, ast.AlterEnumStmt), lambda node: _key("type", _name(node.typeName))),
    **dict.fromkeys(
        (ast.CreateRoleStmt, ast.AlterRoleStmt, ast.AlterRoleSetStmt),
        lambda node: _key("role", "", node.role if isinstance(node.role, str) else node.role.rolename),
    ),
    ast.CreateEventTrigStmt: lambda node: _key("event trigger", "", node.trigname),
}
"""What a statement is about that is about one object."""


def _table(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    relation = _relation(node.relation)
    yield _key("relation", relation), None
    yield from _elements(relation, node.tableElts or ())


def _alteration(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    relation = _relation(node.relation)
    for command in node.cmds:
        if command.subtype in _SECURITY_COMMANDS:
            yield _key(ROW_SECURITY, relation), None
        elif command.subtype == AlterTableType.AT_ReplicaIdentity:
            yield _key(_IDENTITY, relation), None
        elif command.def_ is not None:
            yield from ((key, None) for key, _ in _elements(relation, (command.def_,)))
        if command.name:
            for kind in ("trigger", "constraint", "column"):
                yield _key(kind, relation, command.name), None


def _grant(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    verbs = [privilege.priv_name for privilege in node.privileges or ()] or ["all"]
    everything = node.targtype == GrantTargetType.ACL_TARGET_ALL_IN_SCHEMA
    for role in (role.rolename or "public" for role in node.grantees):
        for object_ in node.objects or ():
            if everything:
                yield _key("grant on all", quoted(object_.sval), role), None
            else:
                yield from ((_key(f"grant {verb}", _object(object_), role), None) for verb in verbs)


def _rename(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    if kind := _NAMED_IN_TABLE.get(node.renameType):
        yield _key(kind, _relation(node.relation), node.newname), None


def _drop(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    if kind := _NAMED_IN_TABLE.get(node.removeType):
        for *relation, name in ([part.sval for part in object_] for object_ in node.objects):
            yield _key(kind, _qualified(relation), name), None


def _defaults(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    named = [option for option in node.options or () if option.defname == "schemas"]
    for schema in [name.sval for option in named for name in option.arg] or [""]:
        yield _key("default privileges", quoted(schema) if schema else ""), None


def _publication(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    yield _key("publication", "", node.pubname), None
    for object_ in node.pubobjects or ():
        if object_.pubtable is not None:
            yield _key("publication", _relation(object_.pubtable.relation), node.pubname), None


def _operator(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    if node.kind == ObjectType.OBJECT_OPERATOR:
        *schema, name = (part.sval for part in node.defnames)
        yield _key("operator", "", f"{'.'.join(schema) or _DEFAULT_SCHEMA}.{name}"), None


def _membership(node: Any) -> Iterator[Mention]:  # noqa: ANN401
    yield from ((_key("role", "", role.rolename or "public"), None) for role in node.grantee_roles)


_PARTS: Mapping[type, Callable[[Any], Iterator[Mention]]] = {
    ast.CreateStmt: _table,
    ast.AlterTableStmt: _alteration,
    ast.GrantStmt: _grant,
    ast.RenameStmt: _rename,
    ast.DropStmt: _drop,
    ast.AlterDefaultPrivilegesStmt: _defaults,
    **dict.fromkeys((ast.CreatePublicationStmt, ast.AlterPublicationStmt), _publication),
    ast.DefineStmt: _operator,
    ast.GrantRoleStmt: _membership,
}


def _elements(relation: str, elements: Iterable[Any]) -> Iterator[Mention]:
    for element in elements:
        kind = type(element)
        if kind is ast.ColumnDef:
            yield _key("column", relation, element.colname), element.location
            yield from _elements(relation, element.constraints or ())
        elif kind is ast.Constraint and element.conname:
            yield _key("constraint", relation, element.conname), element.location


def _object(node: Any) -> str:  # noqa: ANN401
    kind = type(node)
    if kind is ast.RangeVar:
        return _relation(node)
    if kind is ast.ObjectWithArgs:
        return _name(node.objname)
    return quoted(node.sval) if kind is ast.String else ""


def _key(kind: str, object_: str, name: str = "") -> ObjectKey:
    return ObjectKey(kind=kind, object=object_, name=name)


def _relation(node: Any) -> str:  # noqa: ANN401
    return _qualified([part for part in (node.schemaname, node.relname) if part])


def _name(parts: Iterable[Any]) -> str:
    return _qualified([part.sval for part in parts])


def _qualified(parts: list[str]) -> str:
    """Names without a schema are taken to be in `public`, where such files put them."""
    return ".".join(quoted(part) for part in ([_DEFAULT_SCHEMA, *parts] if len(parts) == 1 else parts))
