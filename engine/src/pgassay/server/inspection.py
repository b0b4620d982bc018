"""What servers this machine offers: for `pgassay doctor`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pgassay.errors import ServerError
from pgassay.server.account import choose_account
from pgassay.server.binaries import find_binaries, system_bin_dirs
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
    installed = [str(bin_dir) for bin_dir in system_bin_dirs()] or [SYSTEM]
    return [_inspect(EMBEDDED, EMBEDDED), *(_inspect(SYSTEM, choice) for choice in installed)]


def _inspect(name: str, choice: str) -> ServerChoice:
    try:
        binaries = find_binaries(choice)
        choose_account(binaries.bin_dir, environ=os.environ)
    except ServerError as error:
        return ServerChoice(name=name, problem=str(error))
    return ServerChoice(name=name, version=binaries.version, bin_dir=binaries.bin_dir)
