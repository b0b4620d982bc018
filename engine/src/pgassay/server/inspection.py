"""What servers this machine offers: for `pgassay doctor`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pgassay.errors import ServerError
from pgassay.server.account import choose_account
from pgassay.server.binaries import Binaries, find_binaries, inspect_bin_dir, system_bin_dirs
from pgassay.server.model import EMBEDDED, SYSTEM


@dataclass(frozen=True, kw_only=True)
class ServerChoice:
    """A server that could be started: its version and place, or the `problem` that keeps it from starting."""

    name: str
    version: int | None = None
    bin_dir: Path | None = None
    problem: str = ""


def inspect_server_choices() -> list[ServerChoice]:
    """The embedded server, then every installed one; nothing is started and no error raised."""
    choices = [_inspect(EMBEDDED, lambda: find_binaries(EMBEDDED))]
    installed = system_bin_dirs()
    if not installed:
        return [*choices, _inspect(SYSTEM, lambda: find_binaries(SYSTEM))]
    return choices + [_inspect_installed(bin_dir) for bin_dir in installed]


def _inspect_installed(bin_dir: Path) -> ServerChoice:
    return _inspect(SYSTEM, lambda: inspect_bin_dir(bin_dir, origin=SYSTEM))


def _inspect(name: str, find: Callable[[], Binaries]) -> ServerChoice:
    try:
        found = find()
        choose_account(found.bin_dir, environ=os.environ)
    except ServerError as error:
        return ServerChoice(name=name, problem=str(error))
    return ServerChoice(name=name, version=found.version, bin_dir=found.bin_dir)
