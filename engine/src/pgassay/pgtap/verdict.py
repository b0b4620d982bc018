"""What a pgTAP file proved, as `pg_prove` would judge it. Pure: the output of psql in, a verdict out.

Lines of TAP are read as Perl's TAP::Parser::Grammar 3.44 reads them. The parser of tap.py differs where it
decides a verdict: the result 1234 of a SELECT is a plan to it, "okay" is a passing test, "# TODO: why" is no
directive, and an escaped `\\#` starts one. YAML blocks and pragmas of TAP 13 are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

# ASCII, because Perl matches the undecoded bytes.
_RESULT = re.compile(r"(?P<ok>(?:not )?ok\b)\s*(?P<number>\d+)?\s*(?P<rest>.*)", re.ASCII)
_DIRECTIVE = re.compile(
    r"(?P<description>[^\\#]*(?:\\.[^\\#]*)*)#\s*(?P<name>SKIP|TODO)\b\s*(?P<reason>.*)",
    re.ASCII | re.IGNORECASE,
)
_PLAN = re.compile(r"1\.\.(?P<count>\d+)\s*(?P<rest>.*)", re.ASCII)
_PLAN_TODO = re.compile(r"todo((?:\s+\d+)+)", re.ASCII)
_PLAN_SKIP = re.compile(r"#\s*SKIP\S*\s+(?P<reason>.*)", re.ASCII | re.IGNORECASE)
_BAIL_OUT = re.compile(r"\s*Bail out!\s*(?P<reason>.*)", re.ASCII)
_VERSION = re.compile(r"TAP\s+version\s+(?P<number>\d+)\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class TapPlan:
    """How many tests the file promises; `todo` holds the numbers that the plan itself declares as TODO."""

    count: int
    reason: str = ""
    todo: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """One test of a file; `ok` is what the line says, before a TODO turns a failure into a pass."""

    number: int
    description: str
    ok: bool
    directive: Literal["", "todo", "skip"] = ""
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
    plan: TapPlan | None
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

    plan: TapPlan | None = None
    plan_ends: bool = False
    started: bool = False
    assertions: list[Assertion] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Take in a line, unless it is not TAP, as the rows of an ordinary SELECT are."""
        if result := _RESULT.fullmatch(line):
            self._read_result(result)
        elif line.startswith("#"):
            self._read_comment(line)
        elif plan := _PLAN.fullmatch(line):
            self._read_plan(int(plan["count"]), plan["rest"])
        elif bail_out := _BAIL_OUT.match(line):
            self.problems.append(f"Bail out! {bail_out['reason'].strip()}".rstrip())
        elif version := _VERSION.fullmatch(line):
            self._read_version(int(version["number"]))

    def _read_result(self, result: re.Match[str]) -> None:
        self.started = True
        if self.plan_ends and self.plan is not None:
            self.problems.append(
                f"Plan (1..{self.plan.count}) must be at the beginning or end of the TAP output"
            )
            self.plan_ends = False
        position = len(self.assertions) + 1
        number = int(result["number"] or position)
        if number != position:
            self.problems.append(f"Tests out of sequence.  Found ({number}) but expected ({position})")
        marked = _DIRECTIVE.match(result["rest"])
        directive: Literal["", "todo", "skip"] = ""
        if marked:
            directive = "todo" if marked["name"].lower() == "todo" else "skip"
        planned_todo = self.plan is not None and number in self.plan.todo
        description = (marked["description"] if marked else result["rest"]).strip()
        self.assertions.append(
            Assertion(
                number=number,
                description=description.removeprefix("- ").replace("\\#", "#"),
                ok=result["ok"] == "ok",
                directive="todo" if planned_todo else directive,
                reason=marked["reason"].strip() if marked else "",
            )
        )

    def _read_plan(self, count: int, rest: str) -> None:
        todo, skip = _PLAN_TODO.match(rest), _PLAN_SKIP.match(rest)
        if rest and count and not todo:  # no plan after all
            return
        self.started = True
        if self.plan is not None:
            self.problems.append("More than one plan found in TAP output")
            return
        numbers = tuple(map(int, todo[1].split())) if todo else ()
        reason = skip["reason"].strip() if skip and not count else ""
        self.plan = TapPlan(count=count, reason=reason, todo=numbers)
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
        self.started = True


def judge(
    file: Path, stdout: str, *, exit_status: int, stderr: str = "", timed_out_after: float | None = None
) -> FileVerdict:
    """The verdict of `pg_prove` on a file whose run wrote `stdout`.

    `exit_status` is psql's, negative for the signal that killed it; `timed_out_after` is in seconds, None
    when psql ended by itself.
    """
    transcript = _Transcript()
    for line in stdout.split("\n"):
        transcript.read(line)
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
