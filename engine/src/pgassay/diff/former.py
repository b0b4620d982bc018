"""Functions of BASE that HEAD has otherwise, beside HEAD's under other names: one expression asks both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

from pglast import ast, parser
from pglast.visitors import Visitor

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import Function
from pgassay.catalog.names import quoted
from pgassay.catalog.names import spell as spell_relation
from pgassay.database import Session
from pgassay.plpgsql.tokens import Token, UnplacedError, read_tokens
from pgassay.solver.scope import Node, write
from pgassay.world.model import World

SCHEMA = "pgassay_base"


_BEFORE = (
    f"create schema {SCHEMA}",
    f"grant usage on schema {SCHEMA} to public",
    f"alter default privileges in schema {SCHEMA} grant execute on functions to public",
    "set local check_function_bodies = off",
)


@dataclass(frozen=True, kw_only=True)
class Former:
    """The functions of BASE that are there under another name, as schema and name."""

    names: frozenset[tuple[str, str]] = frozenset()

    def rename(self, text: str) -> str:
        """An expression or a definition that calls those of BASE: in dollar quotes, too."""
        try:
            tokens = read_tokens(text)
        except UnplacedError:
            return text
        parts, last = [], 0
        for start, end, new in self._changes(text, tokens):
            parts += [text[last:start], new]
            last = end
        return "".join([*parts, text[last:]])

    def _changes(self, text: str, tokens: tuple[Token, ...]) -> Iterator[tuple[int, int, str]]:
        """From where to where, and what shall be there."""
        words = [_plain(text, token) for token in tokens]
        for number, (word, following) in enumerate(pairwise([*words, ""])):
            token = tokens[number]
            if word.startswith("$") and word.endswith("$") and word.count("$") > 2:
                quote = word[: word.index("$", 1) + 1]
                inner = text[token.start + len(quote) : token.end - len(quote)]
                yield token.start, token.end, f"{quote}{self.rename(inner)}{quote}"
            elif following == "(":
                dotted = number > 1 and words[number - 1] == "."
                schemas = [words[number - 2]] if dotted else [schema for schema, _ in sorted(self.names)]
                found = next((one for one in schemas if (one, word) in self.names), None)
                if found is not None:
                    yield tokens[number - 2].start if dotted else token.start, token.end, spell(found, word)


def _plain(text: str, token: Token) -> str:
    shown = text[token.start : token.end]
    return shown[1:-1].replace('""', '"') if shown.startswith('"') else token.word


def spell(schema: str, name: str) -> str:
    """What a function of BASE is called beside that of HEAD."""
    return f"{SCHEMA}.{quoted(f'{schema}.{name}')}"


def make_former(session: Session, functions: Iterable[Function]) -> Former:
    """Make functions of BASE in a transaction of HEAD's owner. Those that HEAD does not take are left out."""
    former = Former(names=frozenset((one.schema, one.name) for one in functions))
    if not former.names:
        return former
    with session.as_owner():
        if any(session.attempt(statement).sqlstate for statement in _BEFORE):
            return Former()  # an event trigger refuses
        made = [one for one in functions if not session.attempt(former.rename(one.definition)).sqlstate]
    return Former(names=frozenset((one.schema, one.name) for one in made))


def fit_world(world: World, base: Inventory, head: Inventory) -> World:
    """The rows that were made for HEAD as BASE takes them: a column of another name there gets the value."""
    theirs, ours = _read_columns(base), _read_columns(head)
    moved = _find_moved(theirs, ours)
    if not moved and not any(ours[name].keys() - theirs[name].keys() for name in theirs.keys() & ours.keys()):
        return world
    renamed = {
        (name, new): old for name in theirs for new, old in _pair(theirs[name], ours.get(name, {})).items()
    }
    fitted = (
        replace(
            one, statements=tuple(fit_insert(_move(text, moved), theirs, renamed) for text in one.statements)
        )
        for one in world.made
    )
    return replace(world, made=tuple(fitted))


def _find_moved(theirs: Collection[str], ours: Collection[str]) -> dict[str, str]:
    """Tables that BASE has in another schema, by HEAD's names; where one of the name is gone and one came."""
    gone, come = (
        [name for name in some if name not in other] for some, other in ((theirs, ours), (ours, theirs))
    )
    alike = {name: [old for old in gone if _bare(old) == _bare(name)] for name in come}
    return {name: olds[0] for name, olds in alike.items() if len(olds) == 1}


def _bare(name: str) -> str:
    return name.partition(".")[2]


def _move(statement: str, moved: Mapping[str, str]) -> str:
    """A statement about BASE's tables in place of HEAD's, in texts that name them, too."""
    if not any(name in statement for name in moved):
        return statement
    [raw] = parser.parse_sql(statement)
    _Moving(moved)(raw)
    return write(raw.stmt)


class _Moving(Visitor):
    def __init__(self, moved: Mapping[str, str]) -> None:
        self._moved = moved

    def visit_RangeVar(self, _: object, node: Node) -> None:  # noqa: N802 - pglast's name
        if node.schemaname and (name := self._moved.get(spell_relation(node.schemaname, node.relname))):
            node.schemaname = name.partition(".")[0].strip('"')

    def visit_A_Const(self, _: object, node: Node) -> None:  # noqa: N802
        name = self._moved.get(node.val.sval or "") if isinstance(node.val, ast.String) else None
        if name:
            node.val = ast.String(sval=name)


def _read_columns(schema: Inventory) -> dict[str, dict[str, str]]:
    """By table the columns and their types."""
    found: dict[str, dict[str, str]] = {}
    for key, said in schema.objects.items():
        if key.kind == "column":
            found.setdefault(key.object, {})[key.name] = said.get("type", "")
    return found


def _pair(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Columns that are no more and columns that are new, by their new names, where only one has the type."""
    gone, come = (
        {name: type_ for name, type_ in some.items() if name not in other}
        for some, other in ((theirs, ours), (ours, theirs))
    )
    alike = {new: [old for old in gone if gone[old] == come[new]] for new in come}
    counts = Counter(come.values())
    return {new: olds[0] for new, olds in alike.items() if len(olds) == 1 and counts[come[new]] == 1}


def fit_insert(
    statement: str,
    columns: Mapping[str, Collection[str]],
    renamed: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> str:
    """An INSERT of one row as BASE takes it, without the columns that it lacks; others as they are.

    `renamed`: what columns are called there that it does not lack, by table and name.
    """
    [raw] = parser.parse_sql(statement)
    if not isinstance(raw.stmt, ast.InsertStmt) or not raw.stmt.cols:
        return statement
    insert: Node = raw.stmt
    table = spell_relation(insert.relation.schemaname or "public", insert.relation.relname)
    there = columns.get(table)
    names = [renamed.get((table, column.name), column.name) for column in insert.cols]
    is_renamed = names != [column.name for column in insert.cols]
    for column, name in zip(insert.cols, names, strict=True):
        column.name = name
    pairs = list(zip(insert.cols, insert.selectStmt.valuesLists[0], strict=True))
    kept = [pair for pair in pairs if there is None or pair[0].name in there]
    if not kept or (len(kept) == len(pairs) and not is_renamed):
        return statement
    insert.cols = tuple(column for column, _ in kept)
    insert.selectStmt.valuesLists = (tuple(value for _, value in kept),)
    return write(insert)
