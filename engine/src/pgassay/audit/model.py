"""What an audit is made of. Pure values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from pgassay.catalog.model import ObjectKey
from pgassay.errors import ExitCode, Place, SchemaError
from pgassay.matrix.model import Matrix
from pgassay.matrix.statements import literal
from pgassay.observation import Persona
from pgassay.world.model import NO_ROWS, World


class Severity(IntEnum):
    """How bad a finding is; the worst first."""

    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3
    INFO = 4

    @property
    def word(self) -> str:
        return self.name.lower()


OF_VALUES = ("22", "23")
"""Classes of SQLSTATE of a refusal that is about values, and no condition's."""
ROWS = "rows"
NO_ROWS_SHOWN = "no rows"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One statement of a witness: by a persona, or by the schema's owner where `who` is None.

    `shows` is what must come of it: ROWS that it returns or touches, NO_ROWS_SHOWN, the SQLSTATE of an
    error; "" where it need only run. `headers` are those of the request, in JSON.
    """

    statement: str
    who: Persona | None = None
    shows: str = ""
    headers: str = ""

    @property
    def said(self) -> tuple[str, ...]:
        """What makes the headers out of a transaction, after `who` is somebody."""
        text = f"select set_config('request.headers', {literal(self.headers)}, true)"
        return (text,) if self.headers else ()


Steps = tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Statements that close a finding; `tried`: what was run says that they do, and take nothing away.

    `summary` says what they do where they are long.
    """

    statements: tuple[str, ...]
    tried: str = ""
    summary: str = ""

    def __str__(self) -> str:
        return self.summary or "; ".join(self.statements)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, by one cause; `object` is spelled as in SQL.

    `actions` are verbs such as `select`, the worst first; `who` are names of personas. `cause`: findings with
    the same one are one. `others` are witnesses of what else it says. `about` says where to look for the
    place, `candidates` which repairs to try (`exact`: no others), `kept` what has to go after these.
    `schedule` is the witness where two sessions are needed: what each of them does, in this order.
    """

    rule: str
    object: str
    actions: tuple[str, ...]
    who: tuple[str, ...]
    severity: Severity
    sentence: str
    steps: Steps = ()
    others: tuple[Steps, ...] = field(default=(), repr=False)
    schedule: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cause: str = ""
    about: tuple[ObjectKey, ...] = ()
    weight: int = 0
    candidates: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    exact: bool = False
    kept: tuple[Steps, ...] = field(default=(), repr=False)
    repair: Repair | None = None
    place: Place | None = None
    fingerprint: str = ""
    accepted: str = ""

    @property
    def id(self) -> str:
        """The same in every run, for as long as the same is wrong."""
        columns = f".{'+'.join(self.columns)}" if self.columns else ""
        return f"{self.rule}:{self.object}{columns}:{'+'.join(self.actions)}:{'+'.join(self.who)}"


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All findings, best first; `untried`: what could not be tried, in sentences.

    `expired`: acceptances whose object has changed, or that nothing is found for. `fault`: the schema does
    not load.
    """

    findings: tuple[Finding, ...] = ()
    untried: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    matrix: Matrix | None = None
    world: World = NO_ROWS
    fault: SchemaError | None = None
    about: str = ""
    seconds: float = 0.0

    @property
    def open(self) -> Sequence[Finding]:
        """What nobody accepted."""
        return [finding for finding in self.findings if not finding.accepted]

    @property
    def exit_code(self) -> ExitCode:
        bad = any(finding.severity <= Severity.MEDIUM for finding in self.open)
        return ExitCode.SCHEMA_PROBLEM if bad or self.fault else ExitCode.GOOD
