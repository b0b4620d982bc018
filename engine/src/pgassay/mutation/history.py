"""What earlier runs found, kept in build/mutation.json, so that a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pgassay.config import Config
from pgassay.errors import ConfigError
from pgassay.mutation.model import Result, Status
from pgassay.mutation.suites import suite_of

_FORMAT = 8


@dataclass(kw_only=True)
class History:
    """`baseline`: what was noted of each test, by node id; `results` by suites, then by mutant.

    Both are of the project as `key` says it is. `killers`: which test killed a mutant last, whatever has
    changed since. `files`: the hashes of what the tests were noted on.
    """

    key: str
    baseline: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    results: dict[str, dict[str, Result]] = field(default_factory=dict)
    killers: dict[str, str] = field(default_factory=dict)

    def of(self, suites: tuple[str, ...]) -> dict[str, Result]:
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


def _holds(result: Result, *, found_by: Collection[str], suites: Collection[str]) -> bool:
    """Whether other suites would find the same: the killer is among them, or even more of them spared it."""
    if result.is_killed:
        return suite_of(result.by) in suites
    return result.status is not Status.UNJUDGED and set(suites) <= set(found_by)


def history_path(config: Config) -> Path:
    return config.root / "build" / "mutation.json"


def load_history(path: Path, *, key: str) -> History:
    """What is known; nothing where the file is missing, broken or of another format."""
    document = _read(path)
    if document.get("format") != _FORMAT:
        return History(key=key)
    killers = document["killers"]
    if document["key"] != key:
        return History(key=key, killers=killers)
    results = {
        suites: {values["id"]: Result(**values | {"status": Status(values["status"])}) for values in found}
        for suites, found in document["results"].items()
    }
    baseline = _read(_beside(path))
    tests = baseline["tests"] if baseline.get("key") == key else {}
    return History(key=key, baseline=tests, results=results, killers=killers)


def load_notes(path: Path) -> dict[str, Any]:
    """What was last noted: `tests` by node id, and the hashes of the `files` that they ran on."""
    return _read(_beside(path))


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
    history.baseline |= other.baseline
    history.killers |= other.killers


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document


def _beside(path: Path) -> Path:
    """Where the baseline is, which is large and written once."""
    return path.with_suffix(".baseline.json")


def save_baseline(path: Path, history: History) -> None:
    """Write what was noted of the tests beside the history in `path`."""
    _replace(_beside(path), {"key": history.key, "files": history.files, "tests": history.baseline})


def save_history(path: Path, history: History) -> None:
    """Write all but the baseline. The file is the old one or the new one, never a part of it."""
    results = {
        suites: [asdict(result) | {"status": result.status.value} for result in found.values()]
        for suites, found in history.results.items()
    }
    document = {
        "format": _FORMAT,
        "key": history.key,
        "results": results,
        "killers": history.killers,
    }
    _replace(path, document)


def _replace(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.replace(path)
