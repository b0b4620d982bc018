"""Keep the caller's PG* variables away from servers and connections that are ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_LOADER = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def program_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """All that initdb and postgres get to see. With TZ set, initdb need not search all time zones."""
    return {name: environ[name] for name in _LOADER if name in environ} | {"LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def libpq_environment_hidden() -> Iterator[None]:
    """Hide PG* and PSQL* variables from this process and its children; restored at the end.

    A conninfo string cannot do it alone: PGSERVICE and PGTZ, for example, win over what it says.
    """
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if _is_libpq(name)}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_libpq(name: str) -> bool:
    return name.startswith(("PG", "PSQL")) and not name.startswith("PGASSAY_")
