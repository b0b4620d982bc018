"""Where each statement of a PL/pgSQL body begins and ends, from its tokens alone. Pure.

PostgreSQL's parser tells lines, which several statements share; these are offsets. The rules are those of
pl_gram.y: an expression ends at the first terminator outside brackets, whatever it says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pgassay.plpgsql.tokens import Reader, Token, UnplacedError

_KINDS = {
    **{word: word for word in ("if", "case", "loop", "while", "for", "exit", "return", "raise", "assert")},
    **{word: word for word in ("perform", "call", "open", "fetch", "close", "null", "commit", "rollback")},
    "foreach": "for",
    "continue": "exit",
    "execute": "dynexecute",
    "do": "call",
    "get": "getdiag",
    "move": "fetch",
    "declare": "block",
    "begin": "block",
}
_ASSIGNS = (":=", "=", "[", ".")  # after the first token of an assignment, even to a variable named `exit`


@dataclass(frozen=True, kw_only=True)
class BodyStatement:
    """One statement from its label or first word to behind its semicolon, as offsets (from 0) in the body.

    `keyword` is the offset whose line PostgreSQL reports. NULL is no statement: PostgreSQL keeps none.
    `may_miss`: it is a loop whose body may never run.
    """

    kind: str
    start: int
    keyword: int
    end: int
    arms: tuple[Arm, ...] = ()
    may_miss: bool = False

    def walk(self) -> Iterator[BodyStatement]:
        """This statement and all inside it, in the order of the text."""
        yield self
        for arm in self.arms:
            for inner in arm.statements:
                yield from inner.walk()


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Statements that run together: `start` is behind the word that opens them, `end` before the next word.

    `keyword` is the offset of the word that begins the arm: IF, ELSIF, ELSE, WHEN, LOOP …
    """

    kind: str
    keyword: int
    start: int
    end: int
    statements: tuple[BodyStatement, ...]


def parse_body(text: str) -> BodyStatement:
    """The outermost block of a body. Raises UnplacedError when the tokens make no sense."""
    reader = Reader(text)
    while reader.word() == "#":  # options: two words each, such as #variable_conflict use_column
        for _ in range(3):
            reader.next()
    block = _statement(reader)
    if block is None or block.kind != "block" or not reader.is_done:
        raise UnplacedError("it is not one block")
    return block


def _statements(reader: Reader, ends: Collection[str]) -> tuple[BodyStatement, ...]:
    found = []
    while reader.word() not in ends or reader.word(1) in _ASSIGNS:
        if statement := _statement(reader):
            found.append(statement)
    return tuple(found)


def _statement(reader: Reader) -> BodyStatement | None:
    """Read one statement; None for NULL."""
    start = reader.peek().start
    if reader.word() == "<<":
        reader.take("<<")
        reader.next()
        reader.take(">>")
    opening = keyword = reader.next()
    kind = "assign" if reader.word() in _ASSIGNS else _KINDS.get(opening.word, "execsql")
    arms: tuple[Arm, ...] = ()
    may_miss = kind == "while" or (kind == "for" and not _is_counted(reader))
    match kind:
        case "block":
            keyword = _skip_declarations(reader, opening)
            arms = _block(reader, keyword)
        case "if":
            arms = _if(reader, opening)
        case "case":
            arms = _case(reader)
        case "loop" | "while" | "for":
            arms = _loop(reader, opening)
        case _:
            return _simple(reader, kind, opening)
    end = _skip_end(reader)
    return BodyStatement(kind=kind, start=start, keyword=keyword.start, end=end, arms=arms, may_miss=may_miss)


def _simple(reader: Reader, kind: str, opening: Token) -> BodyStatement | None:
    _skip_semicolon(reader, opening)
    start, end = opening.start, reader.last.end
    return None if kind == "null" else BodyStatement(kind=kind, start=start, keyword=start, end=end)


def _skip_semicolon(reader: Reader, opening: Token) -> None:
    """Take the rest of a statement without arms; a BEGIN ATOMIC … END in it has semicolons of its own."""
    routine = {"function", "procedure"} & {reader.word(), reader.word(2)}  # also after `or replace`
    atomic = opening.word == "create" and routine
    depth = 0
    while True:
        word = reader.skip_past((";", "begin", "case", "end") if atomic else (";",)).word
        depth += (word in ("begin", "case")) - (word == "end")
        if word == ";" and not depth:
            return


def _skip_declarations(reader: Reader, opening: Token) -> Token:
    """Take what DECLARE declares; the BEGIN after it."""
    token = opening
    while token.word != "begin":
        token = reader.next()
        if token.word not in ("begin", "declare"):
            reader.skip_past((";",))
    return token


def _block(reader: Reader, begin: Token) -> tuple[Arm, ...]:
    arms = [_arm(reader, "block", begin, begin, ("exception", "end"))]
    if reader.word() == "exception":
        reader.next()
        while reader.word() == "when":
            keyword = reader.next()
            arms.append(_arm(reader, "handler", keyword, reader.skip_past(("then",)), ("when", "end")))
    reader.take("end")
    return tuple(arms)


def _if(reader: Reader, opening: Token) -> tuple[Arm, ...]:
    ends = ("elsif", "elseif", "else", "end")
    arms = [_arm(reader, "then", opening, reader.skip_past(("then",)), ends)]
    while reader.word() in ("elsif", "elseif"):
        keyword = reader.next()
        arms.append(_arm(reader, "elsif", keyword, reader.skip_past(("then",)), ends))
    arms += _else(reader)
    reader.take("end", "if")
    return tuple(arms)


def _case(reader: Reader) -> tuple[Arm, ...]:
    keyword = reader.skip_past(("when",))
    arms = []
    while keyword.word == "when":
        arms.append(_arm(reader, "when", keyword, reader.skip_past(("then",)), ("when", "else", "end")))
        keyword = reader.next() if reader.word() == "when" else reader.peek()
    arms += _else(reader)
    reader.take("end", "case")
    return tuple(arms)


def _else(reader: Reader) -> list[Arm]:
    if reader.word() != "else":
        return []
    keyword = reader.next()
    return [_arm(reader, "else", keyword, keyword, ("end",))]


def _is_counted(reader: Reader) -> bool:
    """Whether a FOR counts upwards between two numbers that are written out: its body runs."""
    words = [reader.word(ahead) for ahead in range(1, 6)]
    match words:
        case ["in", first, "..", last, "loop"] if first.isdecimal() and last.isdecimal():
            return int(first) <= int(last)
    return False


def _loop(reader: Reader, opening: Token) -> tuple[Arm, ...]:
    loop = opening if opening.word == "loop" else reader.skip_past(("loop",))
    arm = _arm(reader, "loop", opening, loop, ("end",))
    reader.take("end", "loop")
    return (arm,)


def _arm(reader: Reader, kind: str, keyword: Token, last: Token, ends: Collection[str]) -> Arm:
    """Read the statements behind `last`, up to one of the words that may follow them."""
    statements = _statements(reader, ends)
    end = reader.peek().start
    return Arm(kind=kind, keyword=keyword.start, start=last.end, end=end, statements=statements)


def _skip_end(reader: Reader) -> int:
    """Take the label and the semicolon behind an END; the outermost block needs none."""
    if reader.word() != ";" and not reader.is_done:
        reader.next()
    if not reader.is_done:
        reader.take(";")
    return reader.last.end
