"""The files that a server finds extensions in: modules that were fetched, and stand-ins. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pgassay.extensions.catalogue import ALLOWED, stand_ins, stands_in


def list_files(server: Path, modules: Path | None) -> dict[str, str]:
    """The names and texts of what goes before a server's own files in its folder `server` (…/extension).

    These are stand-ins, what is in the folder `modules`, and extensions of the server's own that the schema's
    owner may create on the platform, marked as trusted.
    """
    return dict(_files(server, modules))


def _files(server: Path, modules: Path | None) -> Iterator[tuple[str, str]]:
    have = {file.stem for folder in (server, modules) if folder for file in folder.glob("*.control")}
    for name, stand_in in stand_ins().items():
        if stands_in(name, server_has_it=name in have):
            yield f"{name}.control", stand_in.control
            yield from ((f"{name}--{version}.sql", stand_in.script) for version in stand_in.versions)
        elif name in ALLOWED:
            yield from _trusted(server, name)
    for name in sorted((ALLOWED & have) - stand_ins().keys()):
        yield from _trusted(server, name)
    if modules:
        yield from ((file.name, _read(file)) for file in sorted(modules.iterdir()))


def _trusted(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    """An extension's files; of two lines of a control file that contradict each other, the last counts."""
    yield f"{name}.control", _read(folder / f"{name}.control") + "\ntrusted = true\n"
    yield from ((file.name, _read(file)) for file in sorted(folder.glob(f"{name}--*.sql")))


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
