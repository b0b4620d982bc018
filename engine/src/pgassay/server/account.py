"""As root, choose the unprivileged account that the server runs as: initdb and postgres refuse root."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgassay.errors import ServerError
from pgassay.server.binaries import ATTACH_FIX

_USUAL = ("postgres", "nobody")
_LOADER = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account of the operating system."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class AccountChoice:
    """Who runs the server (None: we ourselves), and whether it must get a copy of the programs."""

    account: Account | None
    needs_copy: bool = False


def choose_account(bin_dir: Path, *, environ: Mapping[str, str]) -> AccountChoice:
    """As root PGASSAY_OS_USER, else postgres, else nobody, proven by trial; an ordinary user stays himself.

    Raises ServerError when no account can be used.
    """
    if os.geteuid() != 0:
        return AccountChoice(account=None)
    named = environ.get("PGASSAY_OS_USER")
    accounts = {name: _look_up(name) for name in ((named,) if named else _USUAL)}
    refusals = {name: _refusal(bin_dir, account) for name, account in accounts.items()}
    for needs_copy, accepted in ((False, 0), (True, errno.EACCES)):
        for name, account in accounts.items():
            if account and refusals[name][0] == accepted:
                return AccountChoice(account=account, needs_copy=needs_copy)
    raise ServerError(
        "Could not start PostgreSQL: initdb refuses to run as root.",
        why="Looked for an unprivileged account: "
        + ", ".join(f"{name} ({why})" for name, (_, why) in refusals.items()),
        fixes=("set PGASSAY_OS_USER to an account that this process may switch to", ATTACH_FIX),
    )


def can_traverse(folder: Path, account: Account | None) -> bool:
    """Whether `account` may pass through `folder` and all above it, by their permission bits."""
    if account is None:
        return True
    return all(_may_enter(step.stat(), account) for step in (folder, *folder.parents))


def _may_enter(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    return bool(status.st_mode & (0o010 if status.st_gid == account.gid else 0o001))


def _look_up(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _refusal(bin_dir: Path, account: Account | None) -> tuple[int, str]:
    """An errno (0: none) and the reason why `account` cannot run the server's programs."""
    if account is None:
        return errno.ENOENT, "missing"
    if account.uid == 0:
        return errno.EPERM, "is root itself"
    try:
        for program in ("postgres", "initdb"):  # initdb also loads libpq, which may lie elsewhere.
            subprocess.run(
                [bin_dir / program, "--version"],
                user=account.uid,
                group=account.gid,
                extra_groups=[],
                cwd="/",
                env=program_environment(os.environ),
                capture_output=True,
                text=True,
                check=True,
            )
    except subprocess.CalledProcessError as error:
        return errno.EACCES, f"cannot run {bin_dir / program}: {error.stderr.strip()}"
    except OSError as error:
        denied = error.errno == errno.EACCES
        return (
            error.errno or -1,
            f"cannot run {bin_dir / program}" if denied else f"cannot switch to it: {error.strerror}",
        )
    return 0, "usable"


def program_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """All that initdb and postgres get to see. With TZ set, initdb need not search all time zones."""
    return {name: environ[name] for name in _LOADER if name in environ} | {"LC_ALL": "C", "TZ": "UTC"}
