"""What a server's programs are made of: found where they are, or copied, with our extensions among its own.

PostgreSQL 18 looks for extensions wherever `extension_control_path` says. Older ones know only the folder
that lies beside their programs: they run from a tree of links, in which that folder has our files too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from os.path import commonpath
from pathlib import Path

from pgassay.errors import CannotJudgeError
from pgassay.extensions.catalogue import stands_in
from pgassay.extensions.folder import list_files
from pgassay.server.binaries import Binaries
from pgassay.server.fetch import UnavailableError
from pgassay.server.npm import fetch_modules
from pgassay.server.supervisor import PROGRAMS

_OURS = "extensions"
_SELF_LOCATING = ("initdb", "postgres")  # they look for their files from where they are, links resolved


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Programs as their supervisor makes them; see `supervisor.Job`. `settings` make it find extensions."""

    bin_dir: str
    copies: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    settings: Mapping[str, str] = field(default_factory=dict)


def fingerprint(texts: list[tuple[str, str]]) -> str:
    """A hash of the extensions that a server got from us."""
    return hashlib.sha256(repr(texts).encode()).hexdigest()


def plan_installation(binaries: Binaries, *, needs_copy: bool) -> Installation:
    """The programs of `binaries`, copied where they cannot be read where they are, with our extensions."""
    plain = _copied(binaries.bin_dir) if needs_copy else Installation(bin_dir=str(binaries.bin_dir))
    share = find_share(binaries.bin_dir)
    if share is None:
        return plain
    modules = _modules_if_any(binaries)
    texts = list_files(share / "extension", modules and modules / "extension")
    if binaries.version >= 180000:
        return _with_path(plain, texts, modules)
    root = Path(commonpath([binaries.bin_dir.parents[2], share]))
    if needs_copy:
        installation = plain if root == binaries.bin_dir.parents[2] else None
    else:
        installation = _linked(binaries.bin_dir, share, root, without=texts.keys())
    if installation is None:  # its parts lie where we do not know them: it has its own extensions only
        return plain
    folder = (share / "extension").relative_to(root)
    return replace(installation, texts=[(text, str(folder / name)) for name, text in texts.items()])


def find_share(bin_dir: Path) -> Path | None:
    """The folder with a server's own SQL files, seen from its programs: as built, or as Debian keeps it."""
    prefix = bin_dir.parent
    debian = Path(*prefix.parts[:2], "share", "postgresql", prefix.name)
    candidates = (prefix / "share", prefix / "share" / "postgresql", debian)
    return next((folder for folder in candidates if (folder / "postgres.bki").is_file()), None)


def find_modules(binaries: Binaries) -> Path | None:
    """A folder with pgcrypto and uuid-ossp, for a server that has neither; None where it needs none.

    Raises UnavailableError where it cannot be had.
    """
    share = find_share(binaries.bin_dir)
    if share is None or (share / "extension" / "pgcrypto.control").exists():
        return None
    if binaries.version // 10000 != 18:
        raise UnavailableError(f"npm has them for PostgreSQL 18, and this is {binaries.version // 10000}")
    try:
        return fetch_modules()
    except (OSError, CannotJudgeError) as error:
        raise UnavailableError(str(error)) from error


def name_stand_ins(binaries: Binaries, names: Iterable[str]) -> tuple[str, ...]:
    """Which of these extensions are stand-ins on a server of these programs, in order."""
    share, modules = find_share(binaries.bin_dir), _modules_if_any(binaries)
    folders = [folder for folder in (share, modules) if folder]
    have = {file.stem for folder in folders for file in (folder / "extension").glob("*.control")}
    return tuple(name for name in sorted(names) if share and stands_in(name, server_has_it=name in have))


def _modules_if_any(binaries: Binaries) -> Path | None:
    try:
        return find_modules(binaries)
    except UnavailableError:
        return None  # stand-ins serve; `pgassay doctor` tells why


def _with_path(plain: Installation, texts: Mapping[str, str], modules: Path | None) -> Installation:
    settings = {"extension_control_path": f"{PROGRAMS}/{_OURS}:$system"}
    copies = list(plain.copies)
    if modules:
        copies.append((str(modules / "lib"), f"{_OURS}/lib"))
        # $libdir first: modules of another minor version must not stand in front of the server's own.
        settings["dynamic_library_path"] = f"$libdir:{PROGRAMS}/{_OURS}/lib/postgresql"
    below = [(text, f"{_OURS}/extension/{name}") for name, text in texts.items()]
    return replace(plain, copies=copies, texts=below, settings=settings)


def _copied(bin_dir: Path) -> Installation:
    """All of an installation, in the same relative places: PostgreSQL finds its files from there."""
    prefix = bin_dir.parent
    parts = [prefix / name for name in (bin_dir.name, "lib", "share")]
    # A wheel keeps its shared libraries beside the package: rpath $ORIGIN/../../../<package>.libs.
    parts.append(prefix.parent.with_name(f"{prefix.parent.name}.libs"))
    root = bin_dir.parents[2]
    copies = [(str(part), str(part.relative_to(root))) for part in parts if part.is_dir()]
    return Installation(bin_dir=str(bin_dir.relative_to(root)), copies=copies)


def _linked(bin_dir: Path, share: Path, root: Path, *, without: Collection[str]) -> Installation | None:
    """An installation of links, but for what looks for its own place; None where its parts lie elsewhere."""
    lib = bin_dir.parent / "lib"
    if not [*lib.glob("plpgsql.*"), *lib.glob("postgresql/plpgsql.*")]:
        return None
    extensions = [file for file in (share / "extension").iterdir() if file.name not in without]
    others = [folder for folder in share.iterdir() if folder.name != "extension"]
    programs = [file for file in bin_dir.iterdir() if file.name not in _SELF_LOCATING]
    return Installation(
        bin_dir=str(bin_dir.relative_to(root)),
        copies=[(str(bin_dir / name), str((bin_dir / name).relative_to(root))) for name in _SELF_LOCATING],
        links=[(str(file), str(file.relative_to(root))) for file in (lib, *programs, *others, *extensions)],
    )
