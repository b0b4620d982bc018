"""What the platform tells the caller beside the rows: settings of the response. Pure."""

from __future__ import annotations

from dataclasses import replace

from pgassay.database.pipeline import Answer

_SETTINGS = ("response.headers", "response.status")
"""What PostgREST makes headers and the status of, as a transaction leaves them."""
HEAR = "select current_setting('response.headers', true), current_setting('response.status', true)"
"""What ends a segment whose response is of interest."""
FORGET = "select set_config('response.headers', '', true), set_config('response.status', '', true)"
"""What the owner did before is no answer to a persona."""


def hear(answer: Answer) -> Answer:
    """The answer to a segment that ends so, with what the response says among its notices.

    What is refused is answered with the error alone.
    """
    if answer.sqlstate:
        return answer
    [said] = answer.rows[-1]
    told = (f"{name}: {text}" for name, text in zip(_SETTINGS, said, strict=True) if text)
    return replace(answer, rows=answer.rows[:-1], counts=answer.counts[:-1], notices=(*answer.notices, *told))
