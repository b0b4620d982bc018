"""What earlier runs found, kept in build/mutation.json, so that a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from pgassay.config import Config
from pgassay.errors import ConfigError
from pgassay.mutation.model import MutantResult, MutantStatus, Noted, suite_of

T = TypeVar("T")


@dataclass(kw_only=True)
class ReferenceRun:
    """What the reference run noted of each test, by node id, and the hashes of the `files` that it ran on."""

    key: str = ""
    files: dict[str, str] = field(default_factory=dict)
    tests: dict[str, Noted] = field(default_factory=dict)


@dataclass(kw_only=True)
class History:
    """`results` by suites, then by mutant, of the project as `key` says it is, and the `reference` run.

    `killers`: which test killed a mutant last, whatever has changed since.
    """

    key: str
    results: dict[str, dict[str, MutantResult]] = field(default_factory=dict)
    killers: dict[str, str] = field(default_factory=dict)
    reference: ReferenceRun = field(default_factory=ReferenceRun)
    format: Literal[10] = 10

    def of(self, suites: tuple[str, ...]) -> dict[str, MutantResult]:
        """What is known of mutants when only these suites may kill them, also from runs of other suites."""
        found = self.results.setdefault("+".join(suites), {})
        known = tuple(self.results.items())
        for others, results in known:
            found |= {
                mutant: result
                for mutant, result in results.items()
                if mutant not in found and _holds(result, found_by=others.split("+"), suites=suites)
            }
        return found


def _holds(result: MutantResult, *, found_by: Collection[str], suites: Collection[str]) -> bool:
    """Whether other suites would find the same: the killer is among them, or even more of them spared it."""
    if result.is_killed:
        return suite_of(result.by) in suites
    return result.status is not MutantStatus.UNJUDGED and set(suites) <= set(found_by)


def history_path(config: Config) -> Path:
    return config.root / "build" / "mutation.json"


def load_history(path: Path, *, key: str) -> History:
    """What is known; nothing where the file is missing, broken or of another format.

    What was found on other files is not, but for who killed; nor what was noted of tests on others.
    """
    history, reference = _read(path, History) or History(key=key), load_reference(path)
    if history.key != key:
        history = History(key=key, killers=history.killers)
    return replace(history, reference=reference if reference.key == key else ReferenceRun(key=key))


def load_reference(path: Path) -> ReferenceRun:
    """What the last reference run noted, whatever has changed since."""
    return _read(_beside(path), ReferenceRun) or ReferenceRun()


def unite(history: History, path: Path) -> None:
    """Add what another run found, such as a shard. Raises ConfigError when it was not of the same project."""
    other = load_history(path, key=history.key)
    if not other.results:
        raise ConfigError(
            f"{path} is not a run over this schema, with these suites, on this version of PostgreSQL.",
            fixes=("run the shards again, of the same commit and server",),
        )
    for suites, results in other.results.items():
        history.results[suites] = history.results.get(suites, {}) | results
    history.reference.tests |= other.reference.tests
    history.killers |= other.killers


def save_reference(path: Path, history: History) -> None:
    """Write what was noted of the tests beside the history in `path`: it is large, and written once."""
    _write(_beside(path), replace(history.reference, key=history.key))


def save_history(path: Path, history: History) -> None:
    """Write all but the reference run. The file is the old one or the new one, never a part of it."""
    _write(path, replace(history, reference=ReferenceRun()))


def _beside(path: Path) -> Path:
    return path.with_suffix(".reference.json")


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, ValueError):
        return None


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_bytes(msgspec.json.encode(document))
    draft.replace(path)
