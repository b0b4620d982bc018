"""Faults: an error raised before any statement that one chooses, to see what is left behind."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from pgassay.plpgsql.model import Point
from pgassay.plpgsql.rewriting import read_functions, rewrite

SQLSTATE = "PF000"
ARM = "select set_config('pgassay.fault', %s, true)"
"""Arms the point of that name for this transaction; `*` arms none, and announces each point in a notice."""

_ANNOUNCED = "reached "

_STRIKE = f"""
    create schema pgassay_faults;
    create function pgassay_faults.strike(point text) returns boolean language plpgsql
    set search_path = '' as $$
    begin
        if current_setting('pgassay.fault') <> '*' then
            raise exception 'fault before %', point using errcode = '{SQLSTATE}';
        end if;
        raise notice '{_ANNOUNCED}%', point;
        return null;
    end
    $$;
    grant usage on schema pgassay_faults to public;
    grant execute on function pgassay_faults.strike(text) to public;
"""


def install_faults(connection: psycopg.Connection[Any]) -> None:
    """Rewrite every PL/pgSQL function of the connection's role so that it can fail before each statement.

    Raises InstrumentError for a function in which probes cannot be placed.
    """
    functions = read_functions(connection)
    with connection.transaction():
        connection.execute(_STRIKE.encode())
        for function in functions:
            connection.execute(rewrite(function, _strike).encode())


def read_announced(notices: tuple[str, ...]) -> tuple[str, ...]:
    """The points that a statement reached, by name, each once: from its notices while `*` was armed."""
    found = (text.removeprefix(_ANNOUNCED) for text in notices if text.startswith(_ANNOUNCED))
    return tuple(dict.fromkeys(found))


def _strike(point: Point) -> str:
    name = sql.Literal(point.name).as_string()
    armed = f"pg_catalog.current_setting('pgassay.fault', true) in ('*', {name})"
    return f"case when {armed} then pgassay_faults.strike({name}) end"
