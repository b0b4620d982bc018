"""Where sessions stop inside functions, and who lets them go on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import psycopg
from pglast import parser
from psycopg import sql

from pgassay.catalog.inventory import follow
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, Function, Relation
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.plpgsql.grammar import parse_body
from pgassay.plpgsql.model import InstrumentError, Point
from pgassay.plpgsql.rewriting import own_functions, replace_body, rewrite

SYNC_POINT, PASSED, SKIPPED = "PGSYN", "PGPAS", "PGSKP"
"""The SQLSTATEs by which a function says that it has come to a sync point, has passed it, or did not stop."""

# Sync points: a session stops before each statement of a PL/pgSQL function until it is let go on. One that
# comes to such a point says so, and waits at a gate, an advisory lock that the gatekeeper holds. When that is
# opened it says that it has passed, and waits at a second one while the first is closed behind it.
# One that is told how many points to skip stops once after these, and not again.
_SESSION, _SHARED, _SKIP = "pgassay.session", "pgassay.shared", "pgassay.skip"
NEVER_STOP = 2**31 - 1
"""To skip as many sync points."""
_LOCKS = int.from_bytes(b"pgas")

# The time at a gate is none that the schema's timeouts are about.
_SYNC = f"""
    create schema pgassay_sync;
    create function pgassay_sync.stop(point text, about text[] = null) returns boolean language plpgsql
    set search_path = '' set lock_timeout = 0 as $$
    declare
        gate constant integer := 2 * nullif(current_setting('{_SESSION}', true), '')::integer;
        shared constant text[] := nullif(current_setting('{_SHARED}', true), '')::text[];
        skip constant integer := nullif(current_setting('{_SKIP}', true), '')::integer;
    begin
        if gate is null or not (about is null or shared is null or about && shared) then
            return null;
        elsif skip > 0 then
            raise info '%', point
            using errcode = '{SKIPPED}', detail = coalesce(array_to_json(about)::text, 'null');
            perform set_config('{_SKIP}', (skip - 1)::text, true);
        else
            -- INFO reaches the client whatever client_min_messages says.
            raise info '%', point using errcode = '{SYNC_POINT}';
            perform pg_advisory_lock_shared({_LOCKS}, gate);
            perform pg_advisory_unlock_shared({_LOCKS}, gate);
            raise info '%', point using errcode = '{PASSED}';
            perform pg_advisory_lock_shared({_LOCKS}, gate + 1);
            perform pg_advisory_unlock_shared({_LOCKS}, gate + 1);
            perform set_config('{_SKIP}', '{NEVER_STOP}', true) where skip = 0;
        end if;
        return null;
    end
    $$;
    grant usage on schema pgassay_sync to public;
    grant execute on function pgassay_sync.stop(text, text[]) to public;
"""


def install_sync_points(owner: psycopg.Connection[Any], *, strict: bool = True) -> tuple[str, ...]:
    """Rewrite the owner's functions, in a clone. Raises InstrumentError.

    Unless `strict`, those that can not be rewritten are left alone, and named; and sessions do not stop
    before the first statement of a function that nothing but a request calls: they have only just begun.
    """
    catalog = read_catalog(owner, Function, Relation, Constraint)
    mentions = Mentions(catalog)
    left_alone: list[str] = []
    with owner.transaction():
        owner.execute(_SYNC.encode())
        for function in own_functions(catalog):
            first = 1 if strict or function.result == "trigger" or function.name in mentions.called else 2
            try:
                owner.execute(rewrite(function, partial(_probe, mentions, first)).encode())
            except InstrumentError:
                if strict:
                    raise
                left_alone.append(function.function)
        for definition in _sql_functions(catalog.of(Function), catalog.user):
            owner.execute(definition.encode())
    return tuple(left_alone)


def _sql_functions(functions: Iterable[Function], owner: str) -> Iterator[str]:
    """Those of several statements, each with a stop before all but the first: that is where a call begins."""
    for function in functions:
        if (function.language, function.owner, function.volatility) != ("sql", owner, "v"):
            continue
        body = function.body
        slices = parser.split(body, only_slices=True) if body else ()
        for number, one in reversed(list(enumerate(slices, start=1))[1:]):
            body = f"{body[: one.start]} select {_stop(f'{function.function}#{number}')}; {body[one.start :]}"
        if body != function.body:
            yield replace_body(function.definition, body)


class Mentions:
    """Which tables a statement of a function may be about: by its words, and those of what it names.

    PL/pgSQL functions have stops of their own.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._functions = {function.function: function for function in catalog.of(Function)}
        self.called = find_literals([f.text for f in own_functions(catalog)]).words
        self._tables: dict[str, set[str]] = defaultdict(set)
        self._means: dict[str, set[str]] = defaultdict(set)
        for relation in catalog.of(Relation):
            if relation.definition:
                self._means[relation.relation] |= find_literals([relation.definition]).words
            else:
                self._tables[relation.relation].add(relation.name)
        for function in catalog.of(Function):
            if function.language == "sql" and not function.is_of_extension:
                self._means[function.name] |= find_literals([function.text]).words
        for key in catalog.of(Constraint):
            if key.acts and key.target_oid in catalog.relations:
                self._means[catalog.relations[key.target_oid].relation].add(key.relation)

    def tables(self, point: Point) -> frozenset[str] | None:
        """None: it can not be told."""
        if point.kind == "dynexecute":
            return None
        body = self._functions[point.function].body
        one = list(parse_body(body).walk())[point.k]
        head = [body[one.start : one.arms[0].start if one.arms else one.end]]
        words = find_literals([*head, *(body[arm.keyword : arm.start] for arm in one.arms)]).words
        words = words.union(*(follow(self._means, word) for word in words if word in self._means))
        return frozenset().union(*(self._tables[word] for word in words if word in self._tables))


def enlist(session: int, shared: Iterable[str] = ()) -> str:
    """The SQL by which a transaction's session stops at sync points; else they do nothing.

    Where tables are `shared`, only at those that may be about one of them.
    """
    tables = sql.Literal(list(shared)).as_string(None) if shared else "''"
    about = f"select pg_catalog.set_config('{_SHARED}', {tables}::text, true)"
    return f"set local {_SESSION} to '{session}'; {about}"


def skip(points: int) -> str:
    """The SQL by which a session that stops at sync points passes so many, stops once, and not again."""
    return f"set local {_SKIP} to '{points}'"


class Gatekeeper:
    """Holds the gates, over a connection to the same database: advisory locks belong to one."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.pid = connection.info.backend_pid
        self._closed: set[int] = set()

    def close(self, session: int) -> None:
        """Let the session stop at its next sync point."""
        if session not in self._closed:
            self._call("lock", 2 * session)
            self._closed.add(session)

    def open(self, session: int) -> None:
        """Let a session go that has stopped: it says that it has passed, and then waits for `let_go`."""
        self._call("lock", 2 * session + 1)
        self._call("unlock", 2 * session)

    def let_go(self, session: int) -> None:
        """Let a session that has passed go on to its next sync point."""
        self._call("lock", 2 * session)
        self._call("unlock", 2 * session + 1)

    def _call(self, action: str, gate: int) -> None:
        self._connection.execute(f"select pg_catalog.pg_advisory_{action}({_LOCKS}, {gate})".encode())


def _probe(mentions: Mentions, first: int, point: Point) -> str:
    if _is_local(point) or point.k < first:
        return ""
    return _stop(point.name, mentions.tables(point))


def _stop(point: str, about: Iterable[str] | None = None) -> str:
    name = sql.Literal(point).as_string(None)
    if about is None:
        return f"pgassay_sync.stop({name})"
    return f"pgassay_sync.stop({name}, {sql.Literal(sorted(about)).as_string(None)}::text[])"


def _is_local(point: Point) -> bool:
    """Whether a statement surely reads and writes variables alone: no other session can tell when it ran.

    Without a bracket an expression has neither a query nor a call in it.
    """
    one_line = point.text.endswith((";", " then"))
    return point.kind in ("assign", "if", "return", "raise", "exit") and one_line and "(" not in point.text
