"""The arguments of the command `pgassay`."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from pgassay import __version__
from pgassay.coverage.report import COVERAGE_FORMATS
from pgassay.diff.report import REVIEW_FORMATS
from pgassay.diff.review import SEARCH_SECONDS
from pgassay.matrix.report import MATRIX_FORMATS
from pgassay.mutation.report import MUTATION_FORMATS
from pgassay.mutation.suites import SUITES
from pgassay.plans.report import PLANS_FORMATS
from pgassay.races.report import SCHEDULE_FORMATS
from pgassay.verify import STAGES
from pgassay.verify.report import FORMATS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of one command, whose name is `command`. Exits with 2 for what cannot be understood."""
    parser = argparse.ArgumentParser(
        prog="pgassay", description="Executed evidence about PostgreSQL schemas."
    )
    parser.add_argument("--version", action="version", version=f"pgassay {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for add in (_add_verify, _add_matrix, _add_diff, _add_coverage, _add_races, _add_plans, _add_mutate):
        add(commands)
    _add_up(commands)
    _add_doctor(commands)
    return parser.parse_args(arguments)


def _add_verify(commands: Commands) -> None:
    parser = commands.add_parser("verify", help="the gate: load, lint, matrix, plans, suites; one verdict")
    _add_reporting(parser, formats=tuple(FORMATS))
    parser.add_argument(
        "--only", choices=STAGES, action="append", metavar="STAGE",
        help=f"run only this stage ({', '.join(STAGES)}); may be repeated. "
        "Without matrix, plans and suites the schema is judged alone, without companions and world",
    )  # fmt: skip
    parser.add_argument(
        "--since", default="", metavar="BASE",
        help="leave out tests that what is not the same in BASE cannot touch: a path, REV:path or REV",
    )  # fmt: skip
    _add_jobs(parser)


def _add_matrix(commands: Commands) -> None:
    parser = commands.add_parser("matrix", help="who can do what, as executed, against the accepted baseline")
    _add_reporting(parser, formats=tuple(MATRIX_FORMATS))
    parser.add_argument("--accept", action="store_true", help="write the baseline anew")


def _add_diff(commands: Commands) -> None:
    parser = commands.add_parser("diff", help="who can do what they could not do before, as executed")
    _add_reporting(parser, formats=tuple(REVIEW_FORMATS))
    parser.add_argument("base", metavar="BASE", help="a schema to compare with: a path, REV:path or REV")
    parser.add_argument(
        "head", metavar="HEAD", nargs="?", help="the same (default: the schema as it is here)"
    )
    parser.add_argument("--witness", type=Path, metavar="DIR", help="write a psql script for each gain here")
    parser.add_argument(
        "--search", type=_seconds, default=SEARCH_SECONDS, metavar="SECONDS",
        help="where nothing is gained, try other rows and claims for so long (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--migration", type=Path, metavar="FILE", action="append", default=[],
        help="the change of a live BASE that should make it HEAD: rehearse it, say what it locks and loses; "
        "may be repeated",
    )  # fmt: skip


def _add_coverage(commands: Commands) -> None:
    parser = commands.add_parser("coverage", help="what of functions and policies the suites never ran")
    _add_reporting(parser, formats=tuple(COVERAGE_FORMATS))
    _add_jobs(parser)


def _add_races(commands: Commands) -> None:
    parser = commands.add_parser(
        "races", aliases=["schedule"], help="every order of the steps of concurrent sessions"
    )
    _add_reporting(parser, formats=tuple(SCHEDULE_FORMATS))
    parser.add_argument("scenario", metavar="SCENARIO", nargs="*", help="only these (default: all)")
    parser.add_argument("--replay", metavar="A,B,…", default="", help="run this one schedule, step by step")
    parser.add_argument(
        "--inside",
        action="store_true",
        help="let sessions also interrupt each other inside PL/pgSQL functions",
    )


def _add_plans(commands: Commands) -> None:
    parser = commands.add_parser("plans", help="plan contracts of the hot queries; which index is needed")
    _add_reporting(parser, formats=tuple(PLANS_FORMATS))
    parser.add_argument(
        "--scale", default="hundredth", metavar="SIZE",
        help="how much to load: hundredth, full, or a number such as 0.1 (default: %(default)s)",
    )  # fmt: skip


def _add_mutate(commands: Commands) -> None:
    parser = commands.add_parser("mutate", help="break the schema in every small way; does a test notice?")
    _add_reporting(parser, formats=tuple(MUTATION_FORMATS))
    _add_jobs(parser)
    parser.add_argument("--since", default="", metavar="REV", help="mutate only what is not the same there")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME",
        help="only mutants of this operator, object or id; * and ? match; may be repeated",
    )  # fmt: skip
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="only the I-th of N parts")
    parser.add_argument(
        "--suite", choices=SUITES, action="append", help="only these tests may notice; may be repeated"
    )
    parser.add_argument("--fresh", action="store_true", help="do not go on where the last run stopped")
    parser.add_argument(
        "--merge", type=Path, action="append", default=[], metavar="PATH",
        help="go on from the build/mutation.json of another run, such as a shard; may be repeated",
    )  # fmt: skip
    parser.add_argument("--guard-map", type=Path, metavar="PATH", help="write which tests guard what here")


def _add_up(commands: Commands) -> None:
    parser = commands.add_parser("up", help="an ephemeral server with schema and world loaded, until Ctrl-C")
    _add_common(parser, formats=("text", "json"))
    parser.add_argument("--port", type=int, help="also listen on 127.0.0.1 at this port, with a password")


def _add_doctor(commands: Commands) -> None:
    parser = commands.add_parser("doctor", help="what was found, what is missing, how to get it")
    _add_common(parser, formats=("text", "json"))


def _add_common(parser: argparse.ArgumentParser, *, formats: tuple[str, ...]) -> None:
    parser.add_argument(
        "--schema", type=Path, action="append", metavar="PATH",
        help="this file instead of the schema that pyproject.toml names; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--server", metavar="CHOICE",
        help="embedded, system, a bin directory or a connection URL "
        "(default: PGASSAY_SERVER, then pyproject.toml)",
    )  # fmt: skip
    parser.add_argument("--format", choices=formats, default="text")
    parser.add_argument("--output", type=Path, metavar="PATH", help="write the report here")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="run the suites in N processes, where pytest-xdist is installed (default: %(default)s)",
    )  # fmt: skip


def _add_reporting(parser: argparse.ArgumentParser, *, formats: tuple[str, ...]) -> None:
    _add_common(parser, formats=formats)
    parser.add_argument(
        "--report", type=partial(_report, formats), action="append", default=[], metavar="FORMAT=PATH",
        help="write this report too; may be repeated, so that one run serves all readers",
    )  # fmt: skip


def _seconds(text: str) -> float:
    """Not `nan`, which no time is ever later than."""
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _report(formats: tuple[str, ...], text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name in formats and path:
        return name, Path(path)
    raise argparse.ArgumentTypeError(f"{text!r} is not FORMAT=PATH, of the formats {', '.join(formats)}")
