"""Repairs of races: candidates, each tried in a database of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise

import psycopg
from psycopg import sql

from pgassay.audit.acts import Act, reach_of
from pgassay.audit.model import Repair
from pgassay.audit.rules.races.concurrency import Budget, Race, compare
from pgassay.audit.scene import Scene
from pgassay.catalog.model import Function
from pgassay.catalog.names import quoted
from pgassay.errors import PgassayError
from pgassay.plpgsql.grammar import BodyStatement, parse_body
from pgassay.plpgsql.rewriting import replace_body
from pgassay.plpgsql.tokens import UnplacedError, read_tokens
from pgassay.races.anomaly import Kind
from pgassay.races.effects import NO_SHAPE, Lines, Shapes

_MOST = 6
_STRENGTHS = ("update", "no", "share", "key")
_LOCK = "pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended({}, 0))"


def find_repair(scene: Scene, race: Race, budget: Budget) -> Repair | None:
    """The first candidate with which no schedule shows anything, and the serial order does as before."""
    for number, candidate in enumerate(_candidates(scene, race)):
        if number == _MOST:
            return None
        try:
            compared = compare(scene, race.pair, budget, repairs=candidate.statements)
        except (PgassayError, psycopg.Error):
            continue
        is_closed = compared and not compared.why and not compared.anomaly
        if is_closed and compared.serial[:1] == race.serial[:1] and _keeps(scene, race, budget, candidate):
            return candidate
    return None


def _keeps(scene: Scene, race: Race, budget: Budget, candidate: Repair) -> bool:
    """Whether one after the other both go on to do what they do where there is room for both."""
    roomy = replace(race.pair, setup=race.pair.first.setup)
    if roomy == race.pair:
        return True
    short = replace(budget, of_pair=1)
    try:
        before, after = (compare(scene, roomy, short, repairs=some) for some in ((), candidate.statements))
    except (PgassayError, psycopg.Error):
        return False
    return before.serial[:1] == after.serial[:1]


def _candidates(scene: Scene, race: Race) -> Iterator[Repair]:
    unique = list(_unique(race))
    if race.anomaly.kind is Kind.PHANTOM:
        yield from unique
    functions = _functions(scene, race)
    yield from _row_locks(functions)
    if race.anomaly.kind is not Kind.PHANTOM:
        yield from unique
    yield from _checks(race)
    yield from _advisory(race, functions)


def _tried(summary: str, *statements: str) -> Repair:
    return Repair(statements=statements, summary=summary, tried="tried: no schedule shows this any more")


def _functions(scene: Scene, race: Race) -> list[Function]:
    """Those that both sessions run, beginning with what is called."""
    found: dict[str, Function] = {}
    for act in (race.pair.first, race.pair.second):
        for name in _run_by(scene, act):
            function = scene.functions.get(name)
            if function and scene.is_ours(function) and function.volatility == "v" and function.body:
                found[name] = function
    return list(found.values())


def _run_by(scene: Scene, act: Act) -> list[str]:
    if act.verb == "execute":
        return [act.object, *sorted(scene.inventory.reach(act.object))]
    return sorted(reach_of(scene, scene.surface.by_name[act.object]))


def _row_locks(functions: list[Function]) -> Iterator[Repair]:
    """Locks on all that a function reads. The server says where there can be none.

    The weaker one goes with the lock that foreign keys take on the row, with which the other would deadlock.
    """
    for function in functions:
        reads = [one for one in _statements(function) if _is_read(function, one)]
        for lock in ("for update", "for no key update") if reads else ():
            body = function.body
            for one in reversed(reads):
                body = f"{body[: one.start]}{_locked(body[one.start : one.end], lock)}{body[one.end :]}"
            summary = f"{lock} on what {function.function} reads"
            yield _tried(summary, replace_body(function.definition, body))


def _statements(function: Function) -> list[BodyStatement]:
    if function.language != "plpgsql":
        return []
    try:
        return list(parse_body(function.body).walk())
    except UnplacedError:
        return []


def _is_read(function: Function, one: BodyStatement) -> bool:
    words = [token.word for token in read_tokens(function.body[one.start : one.end])]
    return not one.arms and words[0] in ("select", "perform") and "from" in words


def _locked(statement: str, lock: str) -> str:
    """With a lock at its end, in place of what it says of locks."""
    tokens = read_tokens(statement)
    clauses = [one for one, other in pairwise(tokens) if one.word == "for" and other.word in _STRENGTHS]
    end = (clauses or tokens)[-1].start
    return f"{statement[:end].rstrip()} {lock};"


def _unique(race: Race) -> Iterator[Repair]:
    """An index over what two new rows have in common."""
    for lines in race.anomaly.result.effects:
        shape = race.shapes.get(lines.table, NO_SHAPE)
        for columns in _in_common(lines, race.shapes):
            referring = [name for name in columns if name in shape.referring]
            for names in dict.fromkeys((tuple(referring), tuple(columns))):
                if names:
                    listed = ", ".join(map(quoted, names))
                    text = f"create unique index on {lines.table} ({listed})"
                    yield _tried(text, text)
        return


def _in_common(lines: Lines, shapes: Shapes) -> Iterator[list[str]]:
    shape = shapes.get(lines.table, NO_SHAPE)
    rows = [json.loads(line) for line in lines.new]
    for one, other in combinations(rows, 2):
        yield [
            name
            for name, value in one.items()
            if value is not None and value == other[name] and name not in shape.drawn | shape.moments
        ]


def _checks(race: Race) -> Iterator[Repair]:
    """Numbers that no serial order takes below zero."""
    for one in race.anomaly.differences:
        if one.column and one.found.startswith("-") and not one.serial.startswith("-"):
            text = f"alter table {one.table} add check ({quoted(one.column)} >= 0)"
            yield _tried(text, text)


def _advisory(race: Race, functions: list[Function]) -> Iterator[Repair]:
    """One lock before all else."""
    key = sql.Literal(" and ".join(race.pair.objects)).as_string(None)
    lock = _LOCK.format(key)
    entries = {act.object for act in (race.pair.first, race.pair.second)}
    chosen = [f for f in functions if f.function in entries or f.result == "trigger"]
    texts = [text for function in chosen if (text := _with_first(function, lock))]
    if texts:
        names = " and ".join(function.function for function in chosen)
        yield _tried(f"an advisory lock at the beginning of {names}", *texts)


def _with_first(function: Function, lock: str) -> str:
    body = function.body
    if function.language == "sql":
        return replace_body(function.definition, f" select {lock}; {body}")
    if not (statements := _statements(function)):
        return ""
    start = statements[0].arms[0].start
    return replace_body(function.definition, f"{body[:start]} perform {lock};{body[start:]}")
