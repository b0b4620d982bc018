"""The two sides of a comparison: files as they are, or as git keeps them.

A side has its own list of files and its own configuration: a file that HEAD deleted is part of BASE. Who
tries what is HEAD's to say (personas, rows, server …), so that both are asked the same.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from pgassay.config import Config, is_project, load_config
from pgassay.errors import ConfigError, PgassayError, SchemaError
from pgassay.project.find import find_projects_below
from pgassay.supabase.project import is_supabase_project


@dataclass(frozen=True, kw_only=True)
class Side:
    """A schema to compare, as a configuration of its own.

    `notes` say what was taken from elsewhere, and what a person should know of how the files were found.

    The files of a `revision` are copies in `folder`, which stands for `top`, the repository's own.
    """

    label: str
    config: Config
    notes: tuple[str, ...] = ()
    revision: str = ""
    folder: Path | None = None
    top: Path = Path()

    @property
    def is_empty(self) -> bool:
        """There was no schema yet."""
        return not self.config.schema

    def original(self, path: Path) -> Path:
        """The project's file that `path` is, or is a copy of."""
        if self.folder and path.is_relative_to(self.folder):
            return self.top / path.relative_to(self.folder)
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


# What a side says itself; all else is as the working tree has it.
_OWN = (
    *("schema", "companions", "seeds", "environment", "world"),
    *("exposed", "search_path", "major_version", "expose_new_tables", "hooks", "buckets"),
)
_SUFFIXES = (".sql", ".toml")
_SYMLINK = "120000"  # git's mode of one, whose target could lie anywhere


def resolve_side(text: str | None, config: Config, folder: Path) -> Side:
    """A path, `REV:path` or `REV` as a side; None is the working tree as configured.

    The path of a folder is the project in it; that of a file, and `REV:path`, stand for the whole schema.
    Files of a revision are written into `folder`. Raises ConfigError for what names nothing.
    """
    if text is None:
        return Side(label="the working tree", config=config, notes=config.notes)
    path = Path(text)
    if path.is_file():
        return Side(label=text, config=replace(config, schema=(path.absolute(),)))
    if text and path.is_dir() and is_project(path.absolute()):
        return _own_project(text, path.absolute(), config)
    revision, _, name = text.partition(":")
    return _Checkout(revision, config, folder, label=text).side(name)


def _own_project(label: str, root: Path, config: Config) -> Side:
    """The project in a folder: its files and what it says of them, and the rest as `config` has it."""
    if root == config.root:
        return Side(label=label, config=config, notes=config.notes)
    own, notes = _own_config(label, root, config)
    return Side(label=label, config=own, notes=notes)


def _own_config(label: str, root: Path, config: Config) -> tuple[Config, tuple[str, ...]]:
    """What the project in `root` says itself, with the world of `config` if it has none; and what to note.

    Of a project that has no schema yet, nothing.
    """
    found = load_config(root, only=_OWN)
    own = replace(config, **{name: getattr(found, name) for name in _OWN})
    if not own.schema:
        return _without_schema(config), ()
    if own.world or not config.world:
        return own, found.notes
    note = f"{label} has no world: its rows are those of {config.world.name} as it is now."
    return replace(own, world=config.world), (*found.notes, note)


def _without_schema(config: Config) -> Config:
    """The platform alone, with the personas and the server of `config`."""
    platform = ("environment", "major_version", "expose_new_tables")
    return replace(config, **{name: getattr(Config(), name) for name in _OWN if name not in platform})


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
            fetch = "give a revision, or REV:path; `git fetch` (or `git fetch --unshallow`) brings more"
            raise ConfigError(
                f"{label} is neither a file nor a revision that git knows.",
                why=why or f"Asked git in {config.root}.",
                fixes=("give a path to a schema", *(() if why else (fetch,))),  # where git fails it says why
            )
        self._commit = known.stdout.decode().strip()
        prefix = os.fsdecode(self._git("rev-parse", "--show-prefix").stdout.rstrip(b"\n"))
        self._prefix = Path(prefix)
        self._top = (
            config.root.joinpath(*([".."] * len(self._prefix.parts))).resolve() if prefix else config.root
        )

    def _git(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self._config.root), *arguments]
        try:
            return subprocess.run(command, capture_output=True, check=False, input=given)
        except OSError as error:
            raise ConfigError(f"Cannot run git: {error}", fixes=("install git", "compare files")) from error

    def side(self, name: str) -> Side:
        """With the file `name`, from the repository's root, as the schema; "" is the project's own schema."""
        self._write_files()
        config = self._configured(self._named(name) if name else ())
        return Side(
            label=self._label,
            config=config,
            notes=tuple(self._notes),
            revision=self._revision,
            folder=self._folder,
            top=self._top,
        )

    def _configured(self, named: tuple[Path, ...]) -> Config:
        """As the revision itself is configured; as the working tree is, where it says nothing.

        A schema that is not the project's, as by --schema, is that of the revision, too.
        What is `named` wins.
        """
        root = self._folder / self._prefix
        usual = load_config(self._config.root, only=_OWN).schema == self._config.schema
        if usual and is_project(root):
            own, notes = _own_config(self._revision, root, self._config)
            self._notes += notes
            return replace(own, schema=named or own.schema)
        has_some = any(self._copy(path).is_file() for path in self._config.schema)
        if usual and is_supabase_project(self._config.root) and not has_some:
            return replace(self._before_project(), schema=named)
        return self._as_now(named)

    def _as_now(self, named: tuple[Path, ...]) -> Config:
        """Those of the files that the working tree's configuration names."""
        config = self._config
        schema = named or self._all(config.schema)
        if not schema:
            raise ConfigError(
                f"{self._label} has none of the schema's files.",
                why="Looked for " + ", ".join(map(self._relative, config.schema)),
                fixes=(f"name the file that was it: {self._revision}:path",),
            )
        world = next(iter(self._all((config.world,) if config.world else ())), config.world)
        companions, seeds = self._all(config.companions), self._all(config.seeds)
        return replace(config, schema=schema, companions=companions, seeds=seeds, world=world)

    def _before_project(self) -> Config:
        """The project is younger than this revision, or was elsewhere."""
        top = self._folder
        if others := [*filter(is_project, [top]), *sorted(find_projects_below(top))]:
            where = ", ".join(f"{path.relative_to(top).as_posix()}/" for path in others)
            self._notes.append(f"{self._revision} has projects in other folders: {where}")
        return _without_schema(self._config)

    def _named(self, name: str) -> tuple[Path, ...]:
        copy = self._folder / os.path.normpath(name)
        if not copy.is_file():
            self._write({os.path.normpath(name)})
        if copy.is_file() and copy.resolve().is_relative_to(self._folder.resolve()):
            return (copy,)
        raise ConfigError(
            f"There is no file {self._label}.", fixes=("write the path from the repository's root",)
        )

    def _all(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        """Copies of those of the project's files that the revision has; a note about each other one."""
        copies = {self._relative(path): self._copy(path) for path in paths}
        self._notes += [
            f"{self._revision} has no {name}." for name, copy in copies.items() if not copy.is_file()
        ]
        return tuple(copy for copy in copies.values() if copy.is_file())

    def _copy(self, path: Path) -> Path:
        """Where the copy of a file is, if the revision has it."""
        return (
            self._folder / path.relative_to(self._top)
            if path.is_relative_to(self._top)
            else self._folder / "-"
        )

    def _relative(self, path: Path) -> str:
        root = self._config.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def _write_files(self) -> None:
        """Write what can be SQL or configuration, and what else the working tree's configuration names."""
        config = self._config
        named = (*config.schema, *config.companions, *config.seeds, *config.environment, config.world)
        tops = {
            path.relative_to(self._top).as_posix()
            for path in named
            if path and path.is_relative_to(self._top)
        }
        self._write(tops)

    def _write(self, names: Collection[str]) -> None:
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", self._commit).stdout
        wanted: dict[str, str] = {}
        for entry in filter(None, listed.split(b"\0")):
            about, _, name = os.fsdecode(entry).partition("\t")
            mode, kind, blob = about.split()
            if kind == "blob" and mode != _SYMLINK and (name.endswith(_SUFFIXES) or name in names):
                wanted[name] = blob
        self._unpack(wanted)

    def _unpack(self, blobs: Mapping[str, str]) -> None:
        """Write what git keeps for each file: `cat-file --batch` answers in the order of the questions."""
        answers = self._git(
            "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs.values()).encode()
        ).stdout
        at = 0
        self._folder.mkdir(parents=True, exist_ok=True)
        for name in blobs:
            end = answers.index(b"\n", at)
            size = int(answers[at:end].split()[-1])
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(answers[end + 1 : end + 1 + size])
            at = end + 1 + size + 1
