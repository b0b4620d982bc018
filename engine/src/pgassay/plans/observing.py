"""Run a query as its persona, or only plan it, and see what became of it. Nothing of it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

from psycopg import sql

from pgassay.database import Session
from pgassay.plans.calls import Fault, Functions, read_checks
from pgassay.plans.model import Contract, Plan, Scans, Sighting, read_plan

_MODES = ("custom", "generic")

# Of this transaction; what a rollback to a savepoint undid counts too.
_COUNTERS: LiteralString = """
    select
        c.relname::text,
        c.relkind::text,
        pg_catalog.pg_stat_get_xact_numscans(c.oid),
        pg_catalog.pg_stat_get_xact_tuples_updated(c.oid),
        pg_catalog.pg_stat_get_xact_tuples_hot_updated(c.oid)
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where
        c.relkind in ('r', 'i') and n.nspname <> 'information_schema'
        and not pg_catalog.starts_with(n.nspname, 'pg_')
"""
# What reads the request, or takes nothing from the row, is the same for every row.
_FUNCTIONS: LiteralString = """
    select n.nspname::text, p.proname::text, pg_catalog.bool_and(p.provolatile = 'v')
    from pg_catalog.pg_proc as p inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
    group by n.nspname, p.proname
    having
        pg_catalog.bool_and(p.provolatile = 'v')
        or n.nspname = 'auth'
        or p.proname = 'current_setting'
        or (n.nspname <> 'pg_catalog' and pg_catalog.bool_and(p.pronargs = 0 and p.provolatile = 's'))
"""


def read_functions(session: Session) -> Functions:
    """The functions of the database that a plan should not call for each row."""
    return {
        (schema, name): Fault.VOLATILE if volatile else Fault.UNWRAPPED
        for schema, name, volatile in session.connection.execute(_FUNCTIONS)
    }


def watch(session: Session, contract: Contract) -> tuple[Sighting, ...]:
    """Execute the query for whom the session acts as, by its custom and its generic plan.

    Those of the statements in functions and triggers too, which keep their plans across calls. Raises
    psycopg.Error as the server reports it.
    """
    if contract.hot is None:  # each execution uses up room in the pages, though it is undone
        _sight(session, contract, "custom")  # the first one reads catalogs too, as none does later
    return tuple(_sight(session, contract, mode) for mode in _MODES)


def foresee(session: Session, contract: Contract) -> tuple[Sighting, ...]:
    """As `watch`, from the plan alone: nothing is executed, and nothing seen inside functions."""
    sightings = []
    for mode in _MODES:
        with _prepared(session, contract, mode) as execution:
            plan = _explain(session, f"explain (format json) {execution}")
        sightings.append(Sighting(mode=mode, plan=plan))
    return tuple(sightings)


def _sight(session: Session, contract: Contract, mode: str) -> Sighting:
    with _prepared(session, contract, mode) as execution:
        before = _count(session)
        plan = _explain(session, f"explain (analyze, buffers, timing off, format json) {execution}")
        done = _count(session) - before
        checks = [
            check
            for node in plan.nodes
            if node.writes
            for check in read_checks(session, node.relation, node.writes)
        ]
    return Sighting(mode=mode, plan=plan, scans=_scans(done), checks=tuple(checks))


@contextmanager
def _prepared(session: Session, contract: Contract, mode: str) -> Iterator[str]:
    """The query as a prepared statement, planned in `mode`; what it did is undone."""
    send = session.connection.execute
    send("savepoint pgassay_plan")
    try:
        send(f"set local plan_cache_mode = force_{mode}_plan".encode())
        send(f"prepare pgassay_plan as {contract.query}".encode())
        arguments = sql.SQL(", ").join(map(sql.Literal, contract.parameters))
        call = sql.SQL("({})").format(arguments) if contract.parameters else sql.SQL("")
        yield (sql.SQL("execute pgassay_plan ") + call).as_string(session.connection)
    finally:
        send("rollback to savepoint pgassay_plan; release savepoint pgassay_plan")
        send("deallocate all")


def _explain(session: Session, statement: str) -> Plan:
    row = session.connection.execute(statement.encode()).fetchone()
    assert row
    return read_plan(row[0])


def _count(session: Session) -> Counter[tuple[str, str]]:
    """How often each index and table was scanned, and rows updated, so far in this transaction."""
    counts: Counter[tuple[str, str]] = Counter()
    for name, kind, scans, updated, hot in session.connection.execute(_COUNTERS):
        counts[kind, name] += scans
        counts["updated", ""] += updated
        counts["hot", ""] += hot
    return counts


def _scans(done: Counter[tuple[str, str]]) -> Scans:
    return Scans(
        indexes=frozenset(name for kind, name in done if kind == "i"),
        whole=frozenset(name for kind, name in done if kind == "r"),
        updated=done["updated", ""],
        hot=done["hot", ""],
    )
