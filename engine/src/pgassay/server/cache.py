"""The data of servers that were shut down, kept in a folder for later runs: whole, or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CONFIGURATION, _SIZE = "postgresql.conf", "pgassay.size"


@dataclass(frozen=True, kw_only=True)
class DataCache:
    """A folder that holds one data directory, under a key that stands for all that is in it."""

    folder: Path
    key: str

    @property
    def kept(self) -> Path:
        """Where the data are."""
        return self.folder / self.key

    def take(self, data: Path) -> bool:
        """Replace the data directory of a server at rest; False where nothing whole is kept under this key.

        Its configuration stays. Raises OSError, and then leaves it as it was.
        """
        if not self.kept.is_dir():
            return False
        copy = data.with_name("kept")
        try:
            with _locked(self.folder, fcntl.LOCK_SH):
                shutil.copytree(self.kept, copy)
            if not _is_whole(copy):
                return False
            shutil.copyfile(data / _CONFIGURATION, copy / _CONFIGURATION)
            _give(copy, data.stat())
            shutil.rmtree(data)
            copy.rename(data)
        finally:
            shutil.rmtree(copy, ignore_errors=True)
        return True

    def put(self, data: Path) -> int:
        """Keep a copy of the data of a server at rest, in place of all that was kept; its size in bytes.

        Raises OSError, and then keeps nothing.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{self.key}"
        with _locked(self.folder, fcntl.LOCK_EX):
            for former in self.folder.iterdir():  # also what a run left that was killed here
                shutil.rmtree(former)
            try:
                shutil.copytree(data, partial)
                size = _measure(partial)
                (partial / _SIZE).write_text(str(size), encoding="ascii")
                partial.rename(self.kept)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return size


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)


def _is_whole(copy: Path) -> bool:
    """Whether all is there that was: a loss of power, or who tidies up old files, may have left less."""
    marker = copy / _SIZE
    size = int(marker.read_text(encoding="ascii") or 0) if marker.is_file() else 0
    marker.unlink(missing_ok=True)
    return size == _measure(copy) > 0


def _measure(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _give(root: Path, owner: os.stat_result) -> None:
    for path in (root, *root.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
