"""The two sides of a comparison: files as they are, or as git keeps them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pgassay.config import Config
from pgassay.errors import ConfigError, PgassayError, SchemaError


@dataclass(frozen=True, kw_only=True)
class Side:
    """A schema to compare, as a configuration of its own; `notes` say what was taken from elsewhere.

    The files of a `revision` are copies in `folder`.
    """

    label: str
    config: Config
    notes: tuple[str, ...] = ()
    revision: str = ""
    folder: Path | None = None

    def original(self, path: Path) -> Path:
        """The project's file that `path` is, or is a copy of."""
        if self.folder and path.is_relative_to(self.folder):
            return self.config.root / path.relative_to(self.folder)
        return path

    def retell(self, error: PgassayError) -> None:
        """Name the revision's files in an error as git does, and its place as the project's own file."""
        if self.folder is None:
            return
        for shown in (str(self.folder), os.path.relpath(self.folder)):
            error.what = error.what.replace(f"{shown}/", f"{self.revision}:")
            error.why = error.why.replace(f"{shown}/", f"{self.revision}:")
        if isinstance(error, SchemaError) and error.place:
            file = self.original(error.place.file.absolute())
            error.place = replace(error.place, file=file)


@contextmanager
def named_by_revision(*sides: Side) -> Iterator[None]:
    """Let no error name the copies that revisions were written to."""
    try:
        yield
    except PgassayError as error:
        for side in sides:
            side.retell(error)
        raise


def resolve_side(text: str | None, config: Config, folder: Path) -> Side:
    """A path, `REV:path` or `REV` as a side; None is the working tree as configured.

    Files of a revision are written into `folder`. A path or `REV:path` stands for the whole schema. World and
    companions are the revision's own, as far as it has them. Raises ConfigError for what names nothing.
    """
    if text is None:
        return Side(label="the working tree", config=config)
    path = Path(text)
    if path.is_file():
        return Side(label=text, config=replace(config, schema=(path.absolute(),)))
    revision, _, name = text.partition(":")
    _Repository(config.root).check(revision, text)
    return _Checkout(revision, config, folder).side(name, label=text)


@dataclass(frozen=True)
class _Repository:
    root: Path

    def check(self, revision: str, text: str) -> None:
        """Raises ConfigError when there is no such revision."""
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if not revision or found.returncode:
            why = found.stderr.decode("utf-8", "replace").strip()
            raise ConfigError(
                f"{text} is neither a file nor a revision that git knows.",
                why=why or f"Asked git in {self.root}.",
                fixes=("give a path to a schema", "give a revision, or REV:path; is it fetched?"),
            )

    def read(self, revision: str, name: str) -> bytes | None:
        """A file of a revision; None where it has none."""
        found = self._git("cat-file", "blob", f"{revision}:{name}")
        return None if found.returncode else found.stdout

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(["git", "-C", str(self.root), *arguments], capture_output=True, check=False)
        except OSError as error:
            raise ConfigError(f"Cannot run git: {error}", fixes=("install git", "compare files")) from error


class _Checkout:
    """Files of one revision, written where a server's loader can read them."""

    def __init__(self, revision: str, config: Config, folder: Path) -> None:
        self._revision = revision
        self._repository = _Repository(config.root)
        self._config = config
        self._folder = folder / "".join(c if c.isalnum() else "-" for c in revision)
        self._notes: list[str] = []

    def side(self, name: str, *, label: str) -> Side:
        config = self._config
        schema = self._named(name, label) if name else self._all(config.schema)
        if not schema:
            raise ConfigError(
                f"{label} has none of the schema's files.",
                why="Looked for " + ", ".join(map(self._relative, config.schema)),
                fixes=("name the file: REV:path",),
            )
        changed = replace(
            config,
            schema=schema,
            companions=self._all(config.companions),
            world=next(iter(self._all((config.world,) if config.world else ())), None),
        )
        return Side(
            label=label,
            config=changed,
            notes=tuple(self._notes),
            revision=self._revision,
            folder=self._folder,
        )

    def _named(self, name: str, label: str) -> tuple[Path, ...]:
        found = self._repository.read(self._revision, name)
        if found is None:
            raise ConfigError(
                f"There is no file {label}.", fixes=("write the path from the repository's root",)
            )
        return (self._write(name, found),)

    def _all(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        return tuple(found for path in paths if (found := self._fetch(path)))

    def _fetch(self, path: Path) -> Path | None:
        name = self._relative(path)
        found = self._repository.read(self._revision, f"./{name}")
        if found is None:
            self._notes.append(f"{self._revision} has no {name}.")
            return None
        return self._write(name, found)

    def _relative(self, path: Path) -> str:
        root = self._config.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def _write(self, name: str, content: bytes) -> Path:
        inside = [part for part in Path(name).parts if part not in (Path(name).anchor, "..")]
        target = self._folder.joinpath(*inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target
