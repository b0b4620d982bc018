"""Run the calls of a file of functions, and note all that can be seen of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

MARK = "-- call: "
FILES = tuple(sorted(Path(__file__).parent.glob("functions/*.sql")))
"""Each holds functions named after it, and the calls that reach all that does not say "never"."""


def read_calls(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]


def observe(connection: psycopg.Connection[Any], call: str) -> dict[str, Any]:
    """The rows or the whole error of a call, and its notices."""
    notices: list[tuple[str | None, ...]] = []

    def note(diag: psycopg.errors.Diagnostic) -> None:
        notices.append((diag.severity, diag.message_primary, diag.context))

    connection.add_notice_handler(note)
    try:
        cursor = connection.execute(call.encode())
        seen: dict[str, Any] = {"rows": cursor.fetchall() if cursor.description else cursor.statusmessage}
    except psycopg.Error as error:
        diag = error.diag
        parts = ("sqlstate", "message_primary", "message_detail", "message_hint", "context")
        seen = {part: getattr(diag, part) for part in parts}
    finally:
        connection.remove_notice_handler(note)
    return {"call": call, "notices": notices, **seen}
