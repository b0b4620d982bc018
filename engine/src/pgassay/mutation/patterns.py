"""Small changes of regular expressions and of letter case, found on the parsed tree. Pure.

As in `expressions`, each function takes a tree and gives one rewrite for every place.
"""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast
from pglast.enums import A_Expr_Kind

from pgassay.mutation.trees import Node, Rewrite, Slot, copy, is_a, slots, write

_MATCHES = ("~", "~*", "!~", "!~*")
_FUNCTIONS = (
    "regexp_replace", "regexp_match", "regexp_matches", "regexp_like", "regexp_count", "regexp_substr",
    "regexp_split_to_array", "regexp_split_to_table",
)  # fmt: skip
_CONSTRAINTS = ("^", "$", r"\m", r"\M", r"\y", r"\Y", r"\A", r"\Z")
_FOLDING = ("lower", "upper", "initcap")
_SENSITIVE = {"~*": "~", "!~*": "!~", "~~*": "~~", "!~~*": "!~~"}


def find_anchors(pattern: str) -> list[tuple[int, int]]:
    """Where a regular expression of PostgreSQL says that a place is a beginning or an end, as offsets."""
    found = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            at = _skip_brackets(pattern, at)
            continue
        width = 2 if pattern[at] == "\\" else 1
        if pattern[at : at + width] in _CONSTRAINTS:
            found.append((at, at + width))
        at += width
    return found


def _skip_brackets(pattern: str, at: int) -> int:
    """Behind a bracket expression: a `]` that comes first in it is one of its characters."""
    at += 2 if pattern[at + 1 : at + 2] == "^" else 1
    at += pattern[at : at + 1] == "]"
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at : at + 2] in ("[:", "[.", "[="):
            end = pattern.find(f"{pattern[at + 1]}]", at + 2)
            at = end + 2 if end >= 0 else len(pattern)
        else:
            at += 2 if pattern[at] == "\\" else 1
    return at + 1


def _patterns(tree: Node) -> Iterator[Slot]:
    """Where regular expressions are: right of `~` and its like, and in calls that take one."""
    for slot in slots(tree):
        match slot.node:
            case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(*_, ast.String(sval=name))) if name in _MATCHES:
                yield Slot(slot.node, "rexpr")
            case ast.FuncCall(funcname=(*_, ast.String(sval=name)), args=(_, _, *_)) if name in _FUNCTIONS:
                yield Slot(slot.node, "args", (1,))


def _bare(slot: Slot) -> Slot:
    """Without casts around it."""
    while is_a(slot.node, ast.TypeCast):
        slot = Slot(slot.node, "arg")
    return slot


def weaken_patterns(tree: Node) -> Iterator[Rewrite]:
    """A pattern matches also where it was bound to a beginning, an end or the border of a word."""
    for slot in map(_bare, _patterns(tree)):
        match slot.node:
            case ast.A_Const(val=ast.String(sval=str(pattern))):
                for start, end in find_anchors(pattern):
                    text = pattern[:start] + pattern[end:]
                    told = f"the pattern {pattern} lost the {pattern[start:end]} at {start + 1}"
                    yield Rewrite(slot, _text(text), told)


def bound_patterns(tree: Node) -> Iterator[Rewrite]:
    """A pattern that matched anywhere matches whole words only."""
    for slot in _patterns(tree):
        pattern, bare = slot.node, _bare(slot)
        match bare.node:
            case ast.A_Const(val=ast.String(sval=str(text))):
                if not find_anchors(text):
                    yield Rewrite(bare, _text(rf"\y(?:{text})\y"), f"the pattern {text} matches whole words")
            case _:
                new = _joined(_joined(_text(r"\y(?:"), pattern), _text(r")\y"))
                yield Rewrite(slot, new, f"the pattern {write(pattern)} matches whole words")


def _joined(left: Node, right: Node) -> Node:
    return ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(ast.String(sval="||"),), lexpr=left, rexpr=right)


def _text(value: str) -> Node:
    return ast.A_Const(val=ast.String(sval=value))


def drop_folding(tree: Node) -> Iterator[Rewrite]:
    """Upper and lower case are no longer the same."""
    for slot in slots(tree):
        match slot.node:
            case ast.FuncCall(funcname=(*_, ast.String(sval=name)), args=(argument,)) if name in _FOLDING:
                yield Rewrite(slot, argument)
            case ast.A_Expr(name=(*_, ast.String(sval=str(name)))) as match if name in _SENSITIVE:
                kind = A_Expr_Kind.AEXPR_LIKE if match.kind == A_Expr_Kind.AEXPR_ILIKE else match.kind
                new = copy(match, kind=kind, name=(ast.String(sval=_SENSITIVE[name]),))
                yield Rewrite(slot, new)
