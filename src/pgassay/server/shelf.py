"""The data of servers that were shut down, kept in a folder for later runs: whole, or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CONFIGURATION = "postgresql.conf"


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A folder that holds one data directory, under a key that stands for all that is in it."""

    folder: Path
    key: str

    @property
    def kept(self) -> Path:
        """Where the data are; a directory of this name is whole."""
        return self.folder / self.key

    def take(self, data: Path) -> bool:
        """Replace the data directory of a server at rest; False where nothing is kept under this key.

        Its configuration stays. Raises OSError, and then leaves it as it was.
        """
        if not self.kept.is_dir():
            return False
        copy = data.with_name("kept")
        try:
            with _locked(self.folder, fcntl.LOCK_SH):
                shutil.copytree(self.kept, copy)
            shutil.copyfile(data / _CONFIGURATION, copy / _CONFIGURATION)
            _give(copy, data.stat())
        except BaseException:
            shutil.rmtree(copy, ignore_errors=True)
            raise
        shutil.rmtree(data)
        copy.rename(data)
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
                shutil.copytree(data, partial, copy_function=_copy_for_good)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            partial.rename(self.kept)
        return sum(file.stat().st_size for file in self.kept.rglob("*") if file.is_file())


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)


def _copy_for_good(source: str, target: str) -> None:
    """To the disk itself: a name that outlives a loss of power must not stand for data that did not."""
    shutil.copy2(source, target)
    with Path(target).open("rb") as file:
        os.fsync(file.fileno())


def _give(root: Path, owner: os.stat_result) -> None:
    for path in (root, *root.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
