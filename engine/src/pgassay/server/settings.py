"""What initdb and postgresql.conf are told. Speed first: the data is thrown away with the server."""

from __future__ import annotations

from collections.abc import Mapping

SUPERUSER = "supabase_admin"

_SETTINGS = {
    "cluster_name": "pgassay",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # In the data directory: Docker's /dev/shm has 64 MB, and a killed server would leave its segments there.
    "dynamic_shared_memory_type": "mmap",
    # As on Supabase; with less, `create publication` warns.
    "wal_level": "logical",
    "max_wal_size": "256MB",
    "checkpoint_timeout": "1h",
    "log_checkpoints": "off",
    # Statistics change when a test says `analyze`; no worker stands in the way of cloning a template.
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


def initdb_arguments(version: int) -> list[str]:
    """Options of initdb for a server_version_num; its supervisor adds the directory and the locale."""
    arguments = [
        f"--username={SUPERUSER}",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--no-sync",
        "--no-instructions",
    ]
    if version >= 170000:
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if version >= 180000:
        arguments.append("--no-data-checksums")
    return arguments


def configuration(*, tcp: bool, durable: bool, settings: Mapping[str, str]) -> str:
    """Lines for postgresql.conf; `tcp` listens on 127.0.0.1 too, `durable` survives a crash.

    `settings` are the caller's own, and win.
    """
    changing = dict.fromkeys(_DURABILITY, "on" if durable else "off")
    return render({**_SETTINGS, **changing, "listen_addresses": "127.0.0.1" if tcp else "", **settings})


def render(settings: Mapping[str, str]) -> str:
    """Settings as postgresql.conf reads them, every value quoted."""
    return "".join(f"{name} = '{_escape(value)}'\n" for name, value in settings.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
