"""The pgTAP files of a folder in one database, one after the other, as `supabase test db` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from pgassay.pgtap.run import PgtapDatabase, run_file

PGTAP_SUFFIXES = (".sql", ".pg")


def list_pgtap_files(folder: Path) -> list[Path]:
    """The pgTAP files below a folder, in the order of `pg_prove -r`: that of their paths as text."""
    return sorted((path for path in folder.rglob("*") if path.suffix in PGTAP_SUFFIXES), key=str)


class FolderRun:
    """One database for all files of `folder`: what a file commits, those after it find.

    A file that is asked for alone, or on another worker, finds the same: the files before it run first, and
    are not judged.
    """

    def __init__(self, folder: Path, lend: Callable[[], AbstractContextManager[PgtapDatabase]]) -> None:
        self._folder = folder
        self._files = list_pgtap_files(folder)
        self._lend = lend
        self._resources = ExitStack()
        self._database: PgtapDatabase | None = None
        self._next = 0  # the first file that did not run here

    @contextmanager
    def open(self, file: Path) -> Iterator[PgtapDatabase]:
        """The database as the files before `file` left it."""
        position = self._files.index(file)
        if position < self._next:
            self.close()
        if self._database is None:
            self._database = replace(self._resources.enter_context(self._lend()), folder=self._folder)
        for earlier in self._files[self._next : position]:
            run_file(earlier, self._database)
        self._next = position + 1
        yield self._database

    def close(self) -> None:
        """Drop the database; the next file begins with a new one."""
        self._resources.close()
        self._database, self._next = None, 0
