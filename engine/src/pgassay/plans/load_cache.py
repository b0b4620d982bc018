"""A load that takes long, kept for later runs: the files of the server that it was loaded into."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pgassay.config import Config
from pgassay.database import ensure_template
from pgassay.database.recipe import read_layers
from pgassay.errors import ServerError
from pgassay.plans.load import plan_loading
from pgassay.server import OwnServer
from pgassay.server.cache import DataCache
from pgassay.workbench import Workbench


def kept_loads(config: Config) -> Path:
    """The folder in which the last load is kept."""
    return config.root / "build" / "plans"


def ensure_kept(bench: Workbench, own: OwnServer, *, scale: float, on_progress: Callable[[str], None]) -> str:
    """Give the server what an earlier run loaded of the same files; else load it, and keep it.

    Says in a sentence what now takes up the disk, or why nothing does; empty where all was there.
    Raises what `loaded` raises, ServerError when the server does not come back with what was kept.
    """
    recipe = plan_loading(bench, scale=scale, on_progress=on_progress)
    key = f"{read_layers(bench.server, recipe)[-1].key[:16]}-{sys.platform}-{platform.machine()}"
    cache = DataCache(folder=kept_loads(bench.config), key=key)
    on_progress("taking the load that was kept")
    if cache.kept.is_dir() and _take(cache, own):
        return ""
    ensure_template(bench.server, recipe)
    on_progress("keeping the load")
    with own.at_rest() as data:
        try:
            size = cache.put(data)
        except OSError as error:
            return f"The load is not kept for later runs: {error}"
    place = cache.kept.relative_to(bench.config.root)
    return f"The load is kept for later runs in {place}: {size / 1e9:.1f} GB."


def _take(cache: DataCache, own: OwnServer) -> bool:
    """Whether the server now has what was kept. It has not where that is not whole, or cannot be read."""
    try:
        with own.at_rest() as data, suppress(OSError):
            return cache.take(data)
    except ServerError as error:
        fix = f"remove {cache.kept}: what was kept of an earlier run may be at fault"
        raise ServerError(error.what, why=error.why, fixes=(fix, *error.fixes)) from error
    return False
