"""PL/pgSQL functions whose statements run in another order, or once instead of again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pglast import ast

from pgassay.catalog.model import Function
from pgassay.mutation.bodies import Piece, pieces_of
from pgassay.mutation.operators.base import Edit, example
from pgassay.mutation.operators.bodies import edit_body, list_statements, mutant, parse_block, plpgsql
from pgassay.mutation.trees import Node, Rewrite, Slot, is_a, slots
from pgassay.plpgsql.grammar import BodyStatement
from pgassay.plpgsql.tokens import read_tokens

_SHOWN = 60  # characters of a statement
_LOOPS = ("for", "while", "loop")
_NAMES = "for n in select relname from pg_class loop"
_FOUND = "end loop; if found then"


@dataclass(frozen=True, kw_only=True)
class _Step:
    """A statement of a body, up to behind those that ask whether it FOUND anything."""

    body: str
    statement: BodyStatement
    end: int

    @property
    def start(self) -> int:
        return self.statement.start

    @property
    def text(self) -> str:
        return self.body[self.start : self.end]

    @property
    def shown(self) -> str:
        return " ".join(self.text.split())[:_SHOWN]

    @cached_property
    def trees(self) -> list[tuple[Piece, Node]]:
        return [(piece, piece.parse()) for piece in pieces_of(self.body, self.statement)]

    @cached_property
    def nodes(self) -> list[Node]:
        found = ((tree, *(slot.node for slot in slots(tree))) for _, tree in self.trees)
        return [node for nodes in found for node in nodes]

    @property
    def reads(self) -> bool:
        return any(is_a(node, ast.SelectStmt) and node.fromClause for node in self.nodes)

    @property
    def gives(self) -> bool:
        """Whether it puts what it reads into variables."""
        return any(piece.into for piece, _ in self.trees)

    @property
    def is_return(self) -> bool:
        return self.statement.kind == "return"

    @property
    def calls(self) -> bool:
        """Whether it is a bare call, which may lock whatever it likes."""
        return self.statement.kind == "perform" and not self.reads

    @property
    def locks(self) -> bool:
        """Whether it takes row locks, be it as it writes, or calls what may."""
        writes = any(is_a(node, ast.UpdateStmt, ast.DeleteStmt) for node in self.nodes)
        return writes or self.only_locks or self.calls

    @property
    def only_locks(self) -> bool:
        """Whether it is there for its row locks: by its clause, or by writing what they hold already."""
        trees = [tree for _, tree in self.trees]
        queries = any(is_a(node, ast.LockingClause) for node in self.nodes)
        if queries and not any(is_a(tree, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt) for tree in trees):
            return True
        updates = [tree for tree in trees if is_a(tree, ast.UpdateStmt)]
        return any(all(map(_is_itself, update.targetList)) for update in updates)


def _is_itself(target: Node) -> bool:
    """SET a = t.a."""
    return is_a(target.val, ast.ColumnRef) and getattr(target.val.fields[-1], "sval", "") == target.name


def _runs(function: Function) -> Iterator[list[_Step]]:
    """The statements that follow each other, in each arm of a body."""
    for block in parse_block(function):
        for statement in block.walk():
            for arm in statement.arms:
                yield _steps(function.body, arm.statements)


def _steps(body: str, run: Sequence[BodyStatement]) -> list[_Step]:
    steps: list[_Step] = []
    for one in run:
        if steps and _asks_found(body, one):
            steps[-1] = _Step(body=body, statement=steps[-1].statement, end=one.end)
        else:
            steps.append(_Step(body=body, statement=one, end=one.end))
    return steps


def _asks_found(body: str, statement: BodyStatement) -> bool:
    if statement.kind == "getdiag":
        return True
    return statement.kind == "if" and "found" in _words(body[statement.keyword : statement.arms[0].start])


def _words(text: str) -> list[str]:
    return [token.word for token in read_tokens(text)]


def _swapped(function: Function, what: str, one: _Step, other: _Step) -> Edit:
    """Two neighbours in each other's place."""
    body = function.body
    between = body[one.end : other.start]
    new = f"{body[: one.start]}{other.text}{between}{one.text}{body[other.end :]}"
    return edit_body(function, what, new, at=one.statement.keyword)


@example(
    plpgsql(f"declare n text; begin {_NAMES} a := a + 1; perform n; end loop; return a; end"),
    mutant(f"declare n text; begin {_NAMES}  perform n; {_FOUND} a := a + 1; end if; return a; end"),
    mutant(f"declare n text; begin a := a + 1; {_NAMES}  perform n; end loop; return a; end"),
    mutant(f"declare n text; begin {_NAMES} a := a + 1;  {_FOUND} perform n; end if; return a; end"),
)
@example(
    plpgsql("begin for i in 1..9 loop a := a + i; exit when a = 7; end loop; return a; end"),
)
@example(
    plpgsql("begin while a < 9 loop a := a + 1; end loop; return a; end"),
    mutant("begin while a < 9 loop  end loop; a := a + 1; return a; end"),
    mutant("begin a := a + 1; while a < 9 loop  end loop; return a; end"),
)
def move_out_of_loop(thing: Function) -> Iterator[Edit]:
    """A statement runs only for the last turn of its loop; or once, before it."""
    body = thing.body
    for loop in list_statements(thing):
        if loop.kind in _LOOPS:
            variables, survives = _loop_variables(body, loop)
            for one in loop.arms[0].statements:
                text = body[one.start : one.end]
                if any(inner.kind in ("exit", "return") for inner in one.walk()):
                    continue
                used = variables & set(_words(text))
                shown = " ".join(text.split())[:_SHOWN]
                left = f"{body[loop.start : one.start]}{body[one.end : loop.end]}"
                if survives or not used:
                    last = f"if found then {text} end if;" if loop.kind == "for" else text
                    new = f"{body[: loop.start]}{left} {last}{body[loop.end :]}"
                    yield edit_body(thing, f"runs after its loop: {shown}", new, at=one.keyword)
                if not used:
                    new = f"{body[: loop.start]}{text} {left}{body[loop.end :]}"
                    yield edit_body(thing, f"runs before its loop: {shown}", new, at=one.keyword)


def _loop_variables(body: str, loop: BodyStatement) -> tuple[frozenset[str], bool]:
    """The variables of a FOR or FOREACH, and whether they have their last value behind it."""
    words = _words(body[loop.keyword : loop.arms[0].start])
    if loop.kind != "for":
        return frozenset(), True
    names = words[1 : words.index("slice" if "slice" in words else "in")]
    return frozenset(names) - {","}, ".." not in words


@example(
    plpgsql(
        "declare b int; begin perform 1 from pg_class for update; if not found then return 1; end if;"
        " select max(oid::int) into b from pg_class; return b; end"
    ),
    mutant(
        "declare b int; begin select max(oid::int) into b from pg_class;"
        " perform 1 from pg_class for update; if not found then return 1; end if; return b; end"
    ),
)
@example(
    plpgsql("declare b int; begin select oid into b from pg_class where oid = a for update; return b; end"),
    mutant(
        "declare b int; begin SELECT oid FROM pg_class WHERE oid = a into b;"
        " perform oid FROM pg_class WHERE oid = a FOR UPDATE; return b; end"
    ),
)
@example(
    "create table public.t (a int);"
    + plpgsql("begin update public.t as x set a = x.a; return (select max(x.a) from public.t as x); end")
)
def read_before_lock(thing: Function) -> Iterator[Edit]:
    """What a row says is read before the row is locked: somebody may change it in between."""
    for run in _runs(thing):
        for step in run:
            yield from _read_first(thing, step)
        for lock, read in pairwise(run):
            is_lock = lock.calls or (lock.only_locks and not lock.gives)
            if is_lock and read.reads and not (read.locks or read.is_return):
                yield _swapped(thing, f"reads first, then runs: {lock.shown}", lock, read)


def _read_first(function: Function, step: _Step) -> Iterator[Edit]:
    """SELECT … INTO … FOR UPDATE becomes two statements."""
    for piece, tree in step.trees:
        if piece.into and is_a(tree, ast.SelectStmt) and tree.lockingClause and not tree.withClause:
            unlocked = Rewrite(Slot(tree, "lockingClause"), None).render(tree)
            locked = Rewrite(Slot(tree, "intoClause"), None).render(tree).removeprefix("SELECT ")
            body = function.body
            new = f"{unlocked} into {piece.into}; perform {locked}"
            what = f"reads first, then locks: {step.shown}"
            yield edit_body(function, what, f"{body[: piece.start]}{new}{body[piece.end :]}", at=piece.start)


@example(
    plpgsql(
        "begin perform 1 from pg_class for update; if not found then return 1; end if;"
        " perform 1 from pg_type for share; a := 2; perform public.f(a); perform public.f(1); return a; end"
    ),
    mutant(
        "begin perform 1 from pg_type for share; perform 1 from pg_class for update;"
        " if not found then return 1; end if; a := 2; perform public.f(a); perform public.f(1); return a; end"
    ),
)
@example(
    "create table public.t (a int); create table public.u (a int);"
    + plpgsql(
        "begin update public.t set a = 1; update public.u set a = 2; delete from public.t; return a; end"
    )
)
def swap_locks(thing: Function) -> Iterator[Edit]:
    """Two statements that lock, one of them for that alone, lock in the other order."""
    for run in _runs(thing):
        for one, other in pairwise(run):
            if one.locks and other.locks and (one.only_locks or other.only_locks):
                yield _swapped(thing, f"locks later: {one.shown}", one, other)
