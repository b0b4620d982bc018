"""One line of TAP as Perl's TAP::Parser::Grammar 3.44 reads it, which is how `pg_prove` reads it.

The parser of tap.py differs where it decides a verdict: the result 1234 of a SELECT is a plan to it,
"okay" is a passing test, "# TODO: why" is no directive, and an escaped `\\#` starts one. YAML blocks and
pragmas of TAP 13 are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Directive = Literal["", "todo", "skip"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """`ok` or `not ok`; `number` is None when the line has none."""

    ok: bool
    number: int | None
    description: str
    directive: Directive
    reason: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many tests the file promises; `todo` holds the numbers that the plan itself declares as TODO."""

    count: int
    reason: str = ""
    todo: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A line of diagnostics, with its `#`."""

    text: str


@dataclass(frozen=True, kw_only=True)
class BailOut:
    """The file asks to stop all testing."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Version:
    """`TAP version N`."""

    number: int


Token = Result | Plan | Comment | BailOut | Version

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


def parse_line(line: str) -> Token | None:
    """What a line of TAP says; None when it is not TAP, as the rows of an ordinary SELECT are."""
    if match := _RESULT.fullmatch(line):
        return _result(match)
    if line.startswith("#"):
        return Comment(text=line)
    if match := _PLAN.fullmatch(line):
        return _plan(int(match["count"]), match["rest"])
    if match := _BAIL_OUT.match(line):
        return BailOut(reason=match["reason"].strip())
    if match := _VERSION.fullmatch(line):
        return Version(number=int(match["number"]))
    return None


def _result(match: re.Match[str]) -> Result:
    number = int(match["number"]) if match["number"] else None
    ok = match["ok"] == "ok"
    marked = _DIRECTIVE.match(match["rest"])
    if marked is None:
        return Result(ok=ok, number=number, description=match["rest"].strip(), directive="", reason="")
    directive: Directive = "todo" if marked["name"].lower() == "todo" else "skip"
    return Result(
        ok=ok,
        number=number,
        description=marked["description"].strip(),
        directive=directive,
        reason=marked["reason"].strip(),
    )


def _plan(count: int, rest: str) -> Plan | None:
    if todo := _PLAN_TODO.match(rest):
        return Plan(count=count, todo=tuple(map(int, todo[1].split())))
    if count == 0:
        skip = _PLAN_SKIP.match(rest)
        return Plan(count=0, reason=skip["reason"].strip() if skip else "")
    return None if rest else Plan(count=count)
