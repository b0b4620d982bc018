"""Statements about event triggers, which take a superuser, as calls of what the platform's SQL has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import ast
from pglast.enums import ObjectType

EMULATION = "pgassay.create_event_trigger"
"""A function that is there where the platform's SQL is."""
_STATES = {"O": "enable", "D": "disable", "R": "enable replica", "A": "enable always"}


def emulated(node: ast.Node) -> str:
    """The call that does what a statement about event triggers does on the platform; "" for others."""
    calls = ", ".join(_calls(node))
    return calls and f"select {calls}"


def _calls(node: ast.Node) -> Iterator[str]:
    match node:
        case ast.CreateEventTrigStmt():
            yield _create(node)
        case ast.AlterEventTrigStmt():
            yield _change(str(node.trigname), _STATES[str(node.tgenabled)])
        case ast.DropStmt(removeType=ObjectType.OBJECT_EVENT_TRIGGER):
            for name in node.objects or ():
                yield _change(_text(name), "drop if exists" if node.missing_ok else "drop")
        case ast.RenameStmt(renameType=ObjectType.OBJECT_EVENT_TRIGGER):
            yield _change(_text(node.object), "rename", node.newname)
        case ast.AlterOwnerStmt(objectType=ObjectType.OBJECT_EVENT_TRIGGER):
            yield _change(_text(node.object), "owner")
        case ast.CommentStmt(objtype=ObjectType.OBJECT_EVENT_TRIGGER):
            yield _change(_text(node.object), "comment", node.comment)


def _create(node: ast.CreateEventTrigStmt) -> str:
    tags = [_literal(_text(tag)) for clause in node.whenclause or () for tag in clause.arg or ()]
    function = ".".join('"' + _text(part).replace('"', '""') + '"' for part in node.funcname or ())
    arguments = (
        _literal(node.trigname),
        _literal(node.eventname),
        f"array[{', '.join(tags)}]::text[]",
        f"{_literal(function + '()')}::regprocedure",
    )
    return f"{EMULATION}({', '.join(arguments)})"


def _change(name: str, verb: str, value: str | None = None) -> str:
    return f"pgassay.change_event_trigger({_literal(name)}, {_literal(verb)}, {_literal(value)})"


def _text(string: Any) -> str:  # noqa: ANN401 - a node that only here is always a String
    return str(string.sval)


def _literal(text: str | None) -> str:
    return "null" if text is None else "'" + text.replace("'", "''") + "'"
