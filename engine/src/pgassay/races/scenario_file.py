"""Read scenarios from TOML files: docs/races.md describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pgassay.errors import ConfigError
from pgassay.observation import Persona
from pgassay.races.model import ENDINGS, Expectation, Isolation, Scenario, SessionScript, StepKind
from pgassay.toml import Scalar, decode, read_toml, spell

SHARED = "invariants.toml"
"""The file whose invariants hold for every scenario in its folder."""

OWNER = "owner"


@dataclass(frozen=True, kw_only=True)
class _File:
    """A scenario as its file has it."""

    shows: str = ""
    isolation: tuple[str, ...] = (Isolation.READ_COMMITTED.value,)
    setup: str = ""
    sessions: dict[str, Any] = field(default_factory=dict)
    invariants: dict[str, str] = field(default_factory=dict)
    observe: str = ""
    outcomes: tuple[dict[str, Scalar], ...] = ()
    retries: int = 0
    inside: bool = False


@dataclass(frozen=True, kw_only=True)
class _Session:
    """One of `[sessions.NAME]`."""

    persona: str = ""
    role: str = ""
    steps: tuple[str, ...] = ()
    requests: tuple[tuple[str, ...], ...] = ()
    end: str = StepKind.COMMIT.value
    settings: dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """The file SHARED."""

    invariants: dict[str, str] = field(default_factory=dict)


def read_scenarios(paths: Sequence[Path], personas: Mapping[str, Persona]) -> tuple[Scenario, ...]:
    """All scenarios in files and folders, one for each isolation level that a file names.

    Its name is that of its file, and of the level where there are several: `queue-twice@serializable`.
    Raises ConfigError for a file that is no scenario.
    """
    return tuple(
        scenario for path in paths for file in _files(path) for scenario in read_scenario(file, personas)
    )


def read_scenario(path: Path, personas: Mapping[str, Persona]) -> tuple[Scenario, ...]:
    """The scenarios of one file."""
    file = decode(read_toml(path), _File, where=str(path))
    shared = path.with_name(SHARED)
    common = decode(read_toml(shared), _Shared, where=str(shared)) if shared.is_file() else _Shared()
    levels = [
        Isolation(_choose(name, [level.value for level in Isolation], str(path))) for name in file.isolation
    ]
    scenario = Scenario(
        name=path.stem,
        shows=file.shows,
        setup=file.setup,
        sessions=tuple(_session(name, file.sessions[name], path, personas) for name in file.sessions),
        invariants=common.invariants | file.invariants,
        observe=file.observe,
        expected=tuple(
            Expectation(values={name: spell(value) for name, value in outcome.items()})
            for outcome in file.outcomes
        ),
        retries=file.retries,
        inside=file.inside,
        file=path,
    )
    if not scenario.sessions:
        raise _refusal(str(path), "it has no [sessions.NAME]")
    suffixes = [f"@{level.value.replace(' ', '-')}" if len(levels) > 1 else "" for level in levels]
    return tuple(
        replace(scenario, name=scenario.name + suffix, isolation=level)
        for level, suffix in zip(levels, suffixes, strict=True)
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for file in sorted(path.glob("*.toml")) if file.name != SHARED]


def _session(name: str, table: object, path: Path, personas: Mapping[str, Persona]) -> SessionScript:
    where = f"{path}, session {name}"
    session = decode(table, _Session, where=where)
    persona, role = session.persona, session.role
    if bool(persona) == bool(role):
        raise _refusal(
            where, f'it needs either a persona ("{OWNER}" is the schema\'s owner) or a role to log in as'
        )
    if persona not in ("", OWNER, *personas):
        raise _refusal(where, f"there is no persona {persona!r} in [tool.pgassay.personas]")
    requests = session.requests or (session.steps,)
    if not all(requests) or not all(step.strip() for request in requests for step in request):
        raise _refusal(where, "it needs steps: a list of statements; or requests: a list of such lists")
    return SessionScript(
        name=name,
        persona=personas.get(persona),
        role=role or None,
        requests=requests,
        end=StepKind(_choose(session.end, [kind.value for kind in ENDINGS], where)),
        settings={key: spell(value) for key, value in session.settings.items()},
    )


def _choose(value: str, allowed: Sequence[str], where: str) -> str:
    if value not in allowed:
        raise _refusal(where, f"{value!r} is none of {', '.join(allowed)}")
    return value


def _refusal(where: str, why: str) -> ConfigError:
    return ConfigError(f"{where}: {why}", fixes=("see how they are written: pgassay help races",))
