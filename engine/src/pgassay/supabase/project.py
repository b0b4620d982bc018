"""The files of a Supabase project, as the Supabase CLI lists them. Its package `migration` is the source."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

from pgassay.supabase.settings_file import Settings, read_settings

_MIGRATION = re.compile(r"([0-9]+)_(.*)\.sql")
# The first file of versions of the CLI before December 2021, which its successors leave out.
_OLD_INIT = re.compile(r"([0-9]{14})_init\.sql")
_OLD_INIT_BEFORE = 20211209000000


@dataclass(frozen=True, kw_only=True)
class SupabaseProject:
    """`schema` is roles.sql and the migrations, or the declared schema; `seeds` follow. Paths are absolute.

    `notes` say what was left out, and what the CLI would stop at.
    """

    settings: Settings = field(default_factory=Settings)
    schema: tuple[Path, ...] = ()
    seeds: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def is_supabase_project(root: Path) -> bool:
    """Whether the folder has a `supabase/config.toml` or a `supabase/migrations`."""
    return (root / "supabase/config.toml").is_file() or (root / "supabase/migrations").is_dir()


def read_supabase_project(root: Path) -> SupabaseProject:
    """List the files of the project in `root` as the CLI orders them. Raises ConfigError for config.toml."""
    folder = root / "supabase"
    settings = read_settings(folder / "config.toml")
    notes: list[str] = []
    migrations = _migrations(folder / "migrations", notes) if settings.migrates else ()
    schema = migrations or _declared(folder, settings, notes)
    roles = folder / "roles.sql"
    seeds = _matches(folder, settings.seeds, notes, optional=Settings().seeds)
    return SupabaseProject(
        settings=settings,
        schema=(*((roles,) if roles.is_file() else ()), *schema),
        seeds=seeds,
        notes=tuple(notes),
    )


def _migrations(folder: Path, notes: list[str]) -> tuple[Path, ...]:
    """The migrations by the bytes of their names, so that 10_b.sql comes before 1_a.sql."""
    if not folder.is_dir():
        return ()
    entries = sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
    kept: list[Path] = []
    for index, path in enumerate(entries):
        if path.is_dir():
            continue
        if index == 0 and _is_old_init(path.name):
            notes.append(
                f'Skipped {path.name}: the Supabase CLI does not apply a first migration "init" of 2021.'
            )
        elif _MIGRATION.fullmatch(path.name):
            kept.append(path)
        elif path.suffix == ".sql":
            notes.append(
                f"Skipped {path.name}: its name is not <number>_name.sql, and so it is no migration."
            )
    notes.extend(_taken_numbers(kept))
    return tuple(kept)


def _is_old_init(name: str) -> bool:
    found = _OLD_INIT.search(name)
    return found is not None and int(found[1]) < _OLD_INIT_BEFORE


def _taken_numbers(migrations: Sequence[Path]) -> Iterator[str]:
    """The CLI records each number once; what the files do to the schema is the same without the record."""
    numbers = [path.name.split("_")[0] for path in migrations]
    for number, count in Counter(numbers).items():
        if count > 1:
            names = [path.name for path, own in zip(migrations, numbers, strict=True) if own == number]
            yield (
                f"{', '.join(names)} have the same number: `supabase db push` stops at the second of them "
                '(23505, "schema_migrations_pkey"). Here they are applied in the order of their names.'
            )


def _declared(folder: Path, settings: Settings, notes: list[str]) -> tuple[Path, ...]:
    """The declared schema: schema_paths, or all of `schemas`."""
    if settings.schema_paths:
        return _matches(folder, settings.schema_paths, notes)
    return tuple(sorted(path for path in (folder / "schemas").rglob("*.sql") if path.is_file()))


def _matches(
    folder: Path, patterns: Sequence[str], notes: list[str], *, optional: Sequence[str] = ()
) -> tuple[Path, ...]:
    """The files of patterns, sorted within each; each file once, at its first place."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        files = _glob(folder, pattern)
        if not files and pattern.removeprefix("./") not in optional:
            notes.append(f"No file matches {pattern!r}, which supabase/config.toml names.")
        found.update(dict.fromkeys(files))
    return tuple(found)


def _glob(folder: Path, pattern: str) -> list[Path]:
    """As Go's `fs.Glob`: `**` is `*`, and never more than one folder."""
    pattern = pattern.replace("\\", "/").replace("[^", "[!")
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    # Names of folders above the project may have brackets in them, which are no pattern.
    path = os.path.normpath(Path(escape(str(folder)), pattern))
    anchor = Path(path).anchor
    try:
        return sorted(file for file in Path(anchor).glob(path.removeprefix(anchor)) if file.is_file())
    except (OSError, ValueError):
        return []
