"""Functions whose queries count, take, sort, lock or compare otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.catalog.model import Function
from pgassay.mutation import patterns, queries
from pgassay.mutation.operators.base import Edit, example
from pgassay.mutation.operators.bodies import mutant, plpgsql, rewrite_body, sql

_PICK = "select oid::int from pg_class as c where relkind = 'r' and oid > 9 order by oid limit 1"
_OLDEST = "select oid::int from pg_class as c where relkind = 'r' and oid < 9 order by oid limit 1"
_PICKED = "SELECT CAST(oid AS integer) FROM (SELECT c.* FROM pg_class AS c WHERE"
_WHERE = "WHERE relkind = 'r' AND oid > 9 ORDER BY oid LIMIT 1"
_LOCK = "SELECT 1 FROM pg_class FOR"


@example(
    sql("select sum(oid::int)::int + max(oid::int) from pg_class"),
    mutant(
        "SELECT CAST(COALESCE(max(CAST(oid AS integer)), sum(CAST(oid AS integer))) AS integer)"
        " + max(CAST(oid AS integer)) FROM pg_class",
        language="sql",
    ),
    mutant(
        "SELECT CAST(sum(CAST(oid AS integer)) AS integer) + min(CAST(oid AS integer)) FROM pg_class",
        language="sql",
    ),
)
@example(
    plpgsql("begin return (select count(distinct relkind) from pg_class); end"),
    mutant("begin return (SELECT count(relkind) FROM pg_class); end"),
)
def swap_aggregate_in_body(thing: Function) -> Iterator[Edit]:
    """A sum is a maximum, a maximum a minimum; what is counted once is counted each time."""
    return rewrite_body(thing, queries.swap_extremes)


@example(
    sql(_PICK),
    mutant(f"{_PICKED} oid > 9 ORDER BY oid LIMIT 1) AS c {_WHERE}", language="sql"),
    mutant(f"{_PICKED} relkind = 'r' ORDER BY oid LIMIT 1) AS c {_WHERE}", language="sql"),
)
@example(
    plpgsql("begin return (select oid::int as n from pg_class where ctid > '(0,0)' order by n limit 2); end"),
    mutant(
        "begin return (SELECT CAST(oid AS integer) AS n FROM (SELECT pg_class.ctid, pg_class.* FROM pg_class"
        " ORDER BY CAST(oid AS integer) LIMIT 2) AS pg_class WHERE ctid > '(0,0)' ORDER BY n LIMIT 2); end"
    ),
)
@example(
    sql(_OLDEST),  # of rows that are sorted by what a condition bounds, the first ones are the same
    mutant(f"{_PICKED} oid < 9 ORDER BY oid LIMIT 1) AS c {_WHERE.replace('>', '<')}", language="sql"),
)
@example(sql("select c.oid::int from pg_class as c, pg_proc where c.oid > 9 limit 1"))
def limit_before_filter(thing: Function) -> Iterator[Edit]:
    """LIMIT takes rows that a condition then throws away."""
    return rewrite_body(thing, queries.limit_first)


@example(
    sql("select oid::int from pg_class order by relname desc nulls last, oid for update"),
    mutant(
        "SELECT CAST(oid AS integer) FROM pg_class ORDER BY relname NULLS FIRST, oid DESC FOR UPDATE",
        language="sql",
    ),
)
def reverse_order_in_body(thing: Function) -> Iterator[Edit]:
    """A query gives its rows, and locks them, in the opposite order."""
    return rewrite_body(thing, queries.reverse_orders)


@example(
    plpgsql("begin perform 1 from pg_class for no key update; return a; end"),
    mutant("begin perform 1 FROM pg_class FOR SHARE; return a; end"),
    mutant("begin perform 1 FROM pg_class FOR UPDATE; return a; end"),
)
@example(
    sql("select 1 from pg_class for update; select 1 from pg_class for key share"),
    mutant(f"{_LOCK} NO KEY UPDATE; select 1 from pg_class for key share ", language="sql"),
    mutant(f"select 1 from pg_class for update; {_LOCK} SHARE", language="sql"),
)
def shift_lock(thing: Function) -> Iterator[Edit]:
    """A row lock is one degree weaker or stronger."""
    return rewrite_body(thing, queries.shift_locks)


@example(
    sql("select 1 from pg_class for update"),
    mutant(f"{_LOCK} UPDATE SKIP LOCKED", language="sql"),
    mutant(f"{_LOCK} UPDATE NOWAIT", language="sql"),
)
@example(
    sql("select 1 from pg_class for update nowait"),
    mutant(f"{_LOCK} UPDATE SKIP LOCKED", language="sql"),
)
@example(
    sql("select 1 from pg_class for share skip locked"),
    mutant(f"{_LOCK} SHARE NOWAIT", language="sql"),
)
def change_wait(thing: Function) -> Iterator[Edit]:
    """Rows that others hold are skipped, or refused with an error."""
    return rewrite_body(thing, queries.change_waits)


@example(
    plpgsql("begin return (a in (1, 2) and a <> all(array[3, 4]) and a = any('{5,6}'))::int; end"),
    mutant("begin return CAST(a IN (2) AND a <> ALL(ARRAY[3, 4]) AND a = ANY('{5,6}') AS integer); end"),
    mutant("begin return CAST(a IN (1) AND a <> ALL(ARRAY[3, 4]) AND a = ANY('{5,6}') AS integer); end"),
    mutant("begin return CAST(a IN (1, 2) AND a <> ALL(ARRAY[4]) AND a = ANY('{5,6}') AS integer); end"),
    mutant("begin return CAST(a IN (1, 2) AND a <> ALL(ARRAY[3]) AND a = ANY('{5,6}') AS integer); end"),
)
@example(sql("select 1 where a in (1)"))
def shorten_list(thing: Function) -> Iterator[Edit]:
    """A list of values lacks one, such as a state."""
    return rewrite_body(thing, queries.shorten_lists)


@example(
    plpgsql("begin return case a when 1 then 2 when 2 then 3 else 4 end; end"),
    mutant("begin return CASE a WHEN 2 THEN 3 ELSE 4 END; end"),
    mutant("begin return CASE a WHEN 1 THEN 2 ELSE 4 END; end"),
)
@example(sql("select case when a = 1 then 2 when a = 2 then 3 end"))
def drop_case(thing: Function) -> Iterator[Edit]:
    """A CASE of one value, such as a state, knows one case less."""
    return rewrite_body(thing, queries.drop_arms)


@example(
    plpgsql("begin return (now() < statement_timestamp() or now() < clock_timestamp())::int; end"),
    *(
        mutant(f"begin return CAST({one}() < {two}() OR {three}() < {four}() AS integer); end")
        for one, two, three, four in (
            ("clock_timestamp", "statement_timestamp", "now", "clock_timestamp"),
            ("now", "now", "now", "clock_timestamp"),
            ("now", "statement_timestamp", "clock_timestamp", "clock_timestamp"),
            ("now", "statement_timestamp", "now", "now"),
        )
    ),
)
@example(
    sql("select 1 where current_timestamp > '2000-01-01'"),
    mutant("SELECT 1 WHERE clock_timestamp() > '2000-01-01'", language="sql"),
)
def swap_clock(thing: Function) -> Iterator[Edit]:
    """A time is that of the transaction's beginning; that of the moment, where it was this."""
    return rewrite_body(thing, queries.swap_clocks)


@example(
    plpgsql("begin perform 1 where a::text ~ '^[^$]+$'; return a; end"),
    mutant("begin perform 1 WHERE CAST(a AS text) ~ '[^$]+$'; return a; end"),
    mutant("begin perform 1 WHERE CAST(a AS text) ~ '^[^$]+'; return a; end"),
)
@example(
    sql(r"select length(regexp_replace('a', '\mb', ''))"),
    mutant("SELECT length(regexp_replace('a', 'b', ''))", language="sql"),
)
def weaken_pattern(thing: Function) -> Iterator[Edit]:
    """A regular expression is not bound to a beginning, an end or the border of a word any more."""
    return rewrite_body(thing, patterns.weaken_patterns)


@example(
    sql("select 1 where 'ab' ~ 'a|b' or 'ab' !~* lower('A')"),
    mutant(r"SELECT 1 WHERE 'ab' ~ '\y(?:a|b)\y' OR 'ab' !~* lower('A')", language="sql"),
    mutant(r"SELECT 1 WHERE 'ab' ~ 'a|b' OR 'ab' !~* ('\y(?:' || lower('A') || ')\y')", language="sql"),
)
@example(sql("select 1 where 'ab' ~ 'a$'"))
def bound_pattern(thing: Function) -> Iterator[Edit]:
    """A regular expression that matched anywhere matches whole words only."""
    return rewrite_body(thing, patterns.bound_patterns)


@example(
    sql("select 1 where lower('A') = 'a' and 'a' ~* 'A' and 'a' ilike 'A'"),
    mutant("SELECT 1 WHERE 'A' = 'a' AND 'a' ~* 'A' AND 'a' ILIKE 'A'", language="sql"),
    mutant("SELECT 1 WHERE lower('A') = 'a' AND 'a' ~ 'A' AND 'a' ILIKE 'A'", language="sql"),
    mutant("SELECT 1 WHERE lower('A') = 'a' AND 'a' ~* 'A' AND 'a' LIKE 'A'", language="sql"),
)
def drop_folding(thing: Function) -> Iterator[Edit]:
    """Upper and lower case are no longer the same."""
    return rewrite_body(thing, patterns.drop_folding)
