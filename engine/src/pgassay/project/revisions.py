"""The two sides of a comparison: files as they are, or as git keeps them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
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

    def spell(self, text: str) -> str:
        """`text` with the revision's files as git names them."""
        shown = (str(self.folder), os.path.relpath(self.folder)) if self.folder else ()
        return reduce(lambda told, folder: told.replace(f"{folder}/", f"{self.revision}:"), shown, text)


def _renamed(error: PgassayError, side: Side) -> PgassayError:
    told = error.retold(what=side.spell(error.what), why=side.spell(error.why))
    if isinstance(told, SchemaError) and told.place and side.folder:
        place = replace(told.place, file=side.original(told.place.file.absolute()))
        return told.retold(place=place)
    return told


@contextmanager
def named_by_revision(*sides: Side) -> Iterator[None]:
    """Let no error name the copies that revisions were written to; a place is in the project's own file."""
    try:
        yield
    except PgassayError as error:
        raise reduce(_renamed, sides, error) from error


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
    return _Checkout(revision, config, folder, label=text).side(name)


class _Checkout:
    """Files of one revision, written where a server's loader can read them.

    Raises ConfigError when there is no such revision.
    """

    def __init__(self, revision: str, config: Config, folder: Path, *, label: str) -> None:
        self._revision = revision
        self._label = label
        self._config = config
        self._folder = folder / "".join(c if c.isalnum() else "-" for c in revision)
        self._notes: list[str] = []
        known = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if not revision or known.returncode:
            why = known.stderr.decode("utf-8", "replace").strip()
            raise ConfigError(
                f"{label} is neither a file nor a revision that git knows.",
                why=why or f"Asked git in {config.root}.",
                fixes=("give a path to a schema", "give a revision, or REV:path; is it fetched?"),
            )

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self._config.root), *arguments]
        try:
            return subprocess.run(command, capture_output=True, check=False)
        except OSError as error:
            raise ConfigError(f"Cannot run git: {error}", fixes=("install git", "compare files")) from error

    def side(self, name: str) -> Side:
        """With the file `name`, from the repository's root, as the schema; "" is the schema as configured."""
        config = self._config
        schema = self._named(name) if name else self._all(config.schema)
        if not schema:
            raise ConfigError(
                f"{self._label} has none of the schema's files.",
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
            label=self._label,
            config=changed,
            notes=tuple(self._notes),
            revision=self._revision,
            folder=self._folder,
        )

    def _named(self, name: str) -> tuple[Path, ...]:
        if copy := self._fetch(name, name):
            return (copy,)
        raise ConfigError(
            f"There is no file {self._label}.", fixes=("write the path from the repository's root",)
        )

    def _all(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        """Copies of those of the project's files that the revision has; a note about each other one."""
        copies = {name: self._fetch(f"./{name}", name) for name in map(self._relative, paths)}
        self._notes += [f"{self._revision} has no {name}." for name, copy in copies.items() if copy is None]
        return tuple(copy for copy in copies.values() if copy)

    def _relative(self, path: Path) -> str:
        root = self._config.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def _fetch(self, wanted: str, name: str) -> Path | None:
        """A copy of what git calls `wanted`, at `name` below our folder; None where there is no such file."""
        blob = self._git("cat-file", "blob", f"{self._revision}:{wanted}")
        if blob.returncode:
            return None
        inside = [part for part in Path(name).parts if part not in (Path(name).anchor, "..")]
        target = self._folder.joinpath(*inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(blob.stdout)
        return target
