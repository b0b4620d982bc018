"""What a pgTAP file proved, as `pg_prove` would judge it. Pure: the output of psql in, a verdict out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pgassay.pgtap.grammar import BailOut, Comment, Directive, Plan, Result, Token, Version, parse_line


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """One test of a file; `ok` is what the line says, before a TODO turns a failure into a pass."""

    number: int
    description: str
    ok: bool
    directive: Directive = ""
    reason: str = ""
    diagnostics: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the run may go on: a failing TODO may, a failing SKIP may not."""
        return self.ok or self.directive == "todo"


@dataclass(frozen=True, kw_only=True)
class FileVerdict:
    """All that is known of one run of one file.

    `problems` are the faults of the file as a whole, in TAP::Parser's words where it has some; `plan` is the
    first plan, None when there was none; `stderr` is what psql wrote there.
    """

    file: Path
    plan: Plan | None
    assertions: tuple[Assertion, ...]
    problems: tuple[str, ...]
    stderr: str = ""

    @property
    def passed(self) -> bool:
        """Whether `pg_prove` of this file exits with 0."""
        return not self.problems and all(assertion.passed for assertion in self.assertions)

    @property
    def skipped(self) -> bool:
        """Whether the file declared that it has nothing to test here (`1..0`)."""
        return self.passed and not self.assertions


@dataclass
class _Transcript:
    """The state of TAP::Parser between two lines."""

    plan: Plan | None = None
    plan_ends: bool = False
    started: bool = False
    assertions: list[Assertion] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def read(self, token: Token) -> None:
        match token:
            case Result():
                self._read_result(token)
            case Plan():
                self._read_plan(token)
            case Comment(text=text):
                self._read_comment(text)
            case BailOut(reason=reason):
                self.problems.append(f"Bail out! {reason}".rstrip())
            case Version(number=number):
                self._read_version(number)
        self.started = self.started or not isinstance(token, (Comment, BailOut))

    def _read_result(self, result: Result) -> None:
        if self.plan_ends and self.plan is not None:
            self.problems.append(
                f"Plan (1..{self.plan.count}) must be at the beginning or end of the TAP output"
            )
            self.plan_ends = False
        position = len(self.assertions) + 1
        number = position if result.number is None else result.number
        if number != position:
            self.problems.append(f"Tests out of sequence.  Found ({number}) but expected ({position})")
        planned_todo = self.plan is not None and number in self.plan.todo
        self.assertions.append(
            Assertion(
                number=number,
                description=result.description.removeprefix("- ").replace("\\#", "#"),
                ok=result.ok,
                directive="todo" if planned_todo else result.directive,
                reason=result.reason,
            )
        )

    def _read_plan(self, plan: Plan) -> None:
        if self.plan is not None:
            self.problems.append("More than one plan found in TAP output")
            return
        self.plan = plan
        self.plan_ends = bool(self.assertions)

    def _read_comment(self, text: str) -> None:
        # finish() of pgTAP sums up the file after its last test, and that test has no part in it.
        if self.assertions and not text.startswith("# Looks like you"):
            last = self.assertions[-1]
            self.assertions[-1] = replace(last, diagnostics=(*last.diagnostics, text))

    def _read_version(self, number: int) -> None:
        if self.started:
            self.problems.append("If TAP version is present it must be the first line of output")
        elif number < 13:
            self.problems.append(f"Explicit TAP version must be at least 13. Got version {number}")
        elif number > 13:
            self.problems.append(
                f"TAP specified version {number} but we don't know about versions later than 13"
            )


def judge(
    file: Path, stdout: str, *, exit_status: int, stderr: str = "", timed_out_after: float | None = None
) -> FileVerdict:
    """The verdict of `pg_prove` on a file whose run wrote `stdout`.

    `exit_status` is psql's, negative for the signal that killed it; `timed_out_after` is in seconds, None
    when psql ended by itself.
    """
    transcript = _Transcript()
    for line in stdout.split("\n"):
        token = parse_line(line)
        if token is not None:
            transcript.read(token)
    ending = (*_plan_problems(transcript), *_exit_problems(exit_status, timed_out_after))
    return FileVerdict(
        file=file,
        plan=transcript.plan,
        assertions=tuple(transcript.assertions),
        problems=(*transcript.problems, *ending),
        stderr=stderr,
    )


def _plan_problems(transcript: _Transcript) -> Iterator[str]:
    ran = len(transcript.assertions)
    if transcript.plan is None:
        yield "No plan found in TAP output"
    elif transcript.plan.count != ran:
        yield f"Bad plan.  You planned {transcript.plan.count} tests but ran {ran}."


def _exit_problems(exit_status: int, timed_out_after: float | None) -> Iterator[str]:
    if timed_out_after is not None:
        yield f"psql did not finish within {timed_out_after:g} s and was stopped"
    elif exit_status < 0:
        yield f"psql was killed by signal {-exit_status}"
    elif exit_status > 0:
        yield f"psql exited with status {exit_status}"
