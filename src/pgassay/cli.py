"""The command `pgassay`: arguments in, one exit code out. Thin; the work is elsewhere."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from pgassay import __version__
from pgassay.access.review import SEARCH_SECONDS
from pgassay.config import Config, find_root, load_config
from pgassay.coverage_command import measure_coverage
from pgassay.database import read_script
from pgassay.diff_command import Request, show_difference
from pgassay.doctor import examine, render_examination
from pgassay.errors import ConfigError, ExitCode, PgassayError
from pgassay.instrument import read_exemptions
from pgassay.matrix_command import show_matrix
from pgassay.mutate_command import Request as MutationRequest
from pgassay.mutate_command import show_mutants
from pgassay.mutation.plan import Selection, parse_shard
from pgassay.mutation.run import Options as MutationOptions
from pgassay.mutation.runner import SUITES
from pgassay.output import Output, check_writable, publish, write_report
from pgassay.plans_command import parse_scale, show_plans
from pgassay.report import FORMATS
from pgassay.report.coverage import COVERAGE_FORMATS
from pgassay.report.matrix import MATRIX_FORMATS
from pgassay.report.mutation import MUTATION_FORMATS
from pgassay.report.plans import PLANS_FORMATS
from pgassay.report.review import REVIEW_FORMATS
from pgassay.report.schedule import SCHEDULE_FORMATS
from pgassay.schedule_command import ScheduleRequest, show_schedules
from pgassay.server import open_server
from pgassay.up import hold_up
from pgassay.verify import STAGES, verify

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: see `pgassay.errors.ExitCode`."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        code: int = options.run(options)
    except PgassayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.CANNOT_JUDGE
    except Exception:  # noqa: BLE001  exit 1 would blame the schema
        print("pgassay itself failed. Please report it, with all that follows:\n", file=sys.stderr)
        traceback.print_exc()
        return ExitCode.CANNOT_JUDGE
    return code


def _leave(signum: int, _frame: object) -> None:
    """SIGTERM unwinds like an exit, so that servers stop and databases are dropped."""
    raise SystemExit(128 + signum)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pgassay", description="Executed evidence about PostgreSQL schemas."
    )
    parser.add_argument("--version", action="version", version=f"pgassay {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("verify", help="the gate: load, lint, matrix, plans, suites; one verdict")
    _add_reporting(check, formats=tuple(FORMATS))
    check.add_argument(
        "--only", choices=STAGES, action="append", metavar="STAGE",
        help=f"run only this stage ({', '.join(STAGES)}); may be repeated. "
        "Without matrix, plans and suites the schema is judged alone, without companions and world",
    )  # fmt: skip
    _add_jobs(check)
    check.set_defaults(run=_verify)

    matrix = commands.add_parser("matrix", help="who can do what, as executed, against the accepted baseline")
    _add_reporting(matrix, formats=tuple(MATRIX_FORMATS))
    matrix.add_argument("--accept", action="store_true", help="write the baseline anew")
    matrix.set_defaults(run=_matrix)

    diff = commands.add_parser("diff", help="who can do what they could not do before, as executed")
    _add_reporting(diff, formats=tuple(REVIEW_FORMATS))
    diff.add_argument("base", metavar="BASE", help="a schema to compare with: a path, REV:path or REV")
    diff.add_argument("head", metavar="HEAD", nargs="?", help="the same (default: the schema as it is here)")
    diff.add_argument("--witness", type=Path, metavar="DIR", help="write a psql script for each gain here")
    diff.add_argument(
        "--search", type=float, default=SEARCH_SECONDS, metavar="SECONDS",
        help="where nothing is gained, try other rows and claims for so long (default: %(default)s)",
    )  # fmt: skip
    diff.add_argument(
        "--migration", type=Path, metavar="FILE", action="append", default=[],
        help="the change of a live BASE that should make it HEAD: rehearse it, say what it locks and loses; "
        "may be repeated",
    )  # fmt: skip
    diff.set_defaults(run=_diff)

    coverage = commands.add_parser("coverage", help="what of functions and policies the suites never ran")
    _add_reporting(coverage, formats=tuple(COVERAGE_FORMATS))
    _add_jobs(coverage)
    coverage.set_defaults(run=_coverage)

    schedule = commands.add_parser("schedule", help="every order of the steps of concurrent sessions")
    _add_reporting(schedule, formats=tuple(SCHEDULE_FORMATS))
    schedule.add_argument("scenario", metavar="SCENARIO", nargs="*", help="only these (default: all)")
    schedule.add_argument("--replay", metavar="A,B,…", default="", help="run this one schedule, step by step")
    schedule.add_argument(
        "--inside",
        action="store_true",
        help="let sessions also interrupt each other inside PL/pgSQL functions",
    )
    schedule.set_defaults(run=_schedule)

    plans = commands.add_parser("plans", help="plan contracts of the hot queries; which index is needed")
    _add_reporting(plans, formats=tuple(PLANS_FORMATS))
    plans.add_argument(
        "--scale", default="hundredth", metavar="SIZE",
        help="how much to load: hundredth, full, or a number such as 0.1 (default: %(default)s)",
    )  # fmt: skip
    plans.set_defaults(run=_plans)

    _add_mutation(
        commands.add_parser("mutate", help="break the schema in every small way; does a test notice?")
    )

    up = commands.add_parser("up", help="an ephemeral server with schema and world loaded, until Ctrl-C")
    _add_common(up, formats=("text", "json"))
    up.add_argument("--port", type=int, help="also listen on 127.0.0.1 at this port, with a password")
    up.set_defaults(run=_up)

    doctor = commands.add_parser("doctor", help="what was found, what is missing, how to get it")
    _add_common(doctor, formats=("text", "json"))
    doctor.set_defaults(run=_doctor)
    return parser


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


def _add_mutation(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--guard-map", type=Path, metavar="PATH", help="write which tests guard what here")
    parser.set_defaults(run=_mutate)


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


def _report(formats: tuple[str, ...], text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name in formats and path:
        return name, Path(path)
    raise argparse.ArgumentTypeError(f"{text!r} is not FORMAT=PATH, of the formats {', '.join(formats)}")


def _config(options: argparse.Namespace) -> Config:
    config = load_config(find_root(Path.cwd()))
    server = options.server or os.environ.get("PGASSAY_SERVER") or config.server
    schema = tuple(path.absolute() for path in options.schema) if options.schema else config.schema
    return replace(config, server=server, schema=schema)


def _prepare(options: argparse.Namespace) -> Config:
    """Refuse at once what cannot be read or written, before a server is started for it."""
    config = _config(options)
    for path in _paths(options):
        check_writable(path)
    for path in config.schema:
        read_script(path)
    if config.schema:
        return config
    raise ConfigError(
        "There is no schema to look at.",
        why=f"{config.root / 'pyproject.toml'} names none in [tool.pgassay].",
        fixes=("give one: --schema PATH", 'add schema = ["schema.sql"] to [tool.pgassay]'),
    )


def _paths(options: argparse.Namespace) -> list[Path]:
    """All that is to be written."""
    reports = [path for _, path in getattr(options, "report", ())]
    return [options.output, *reports] if options.output else reports


def _output(options: argparse.Namespace) -> Output:
    """With `--output` the chosen format goes there, and the terminal shows the text."""
    if options.output:
        return Output(files=((options.format, options.output), *options.report))
    return Output(shown=options.format, files=tuple(options.report))


def _verify(options: argparse.Namespace) -> int:
    config = _prepare(options)
    with _progress() as show, open_server(config.server) as server:
        verdict = verify(config, server, only=tuple(options.only or STAGES), jobs=options.jobs, on_stage=show)
    publish(verdict, FORMATS, _output(options))
    return verdict.exit_code


def _matrix(options: argparse.Namespace) -> int:
    config = _prepare(options)
    with _progress() as show, open_server(config.server) as server:
        show("matrix")
        return show_matrix(config, server, accept=options.accept, output=_output(options))


def _diff(options: argparse.Namespace) -> int:
    config = _prepare(options)
    with _progress() as show:
        request = Request(
            base=options.base, head=options.head, output=_output(options), witness=options.witness,
            search_seconds=options.search, migration=tuple(options.migration),
        )  # fmt: skip
        return show_difference(config, request, on_stage=show)


def _coverage(options: argparse.Namespace) -> int:
    config = _prepare(options)
    exemptions = read_exemptions(config.uncovered)
    with _progress() as show, open_server(config.server) as server:
        found = measure_coverage(config, server, exemptions, jobs=options.jobs, on_stage=show)
    publish(found, COVERAGE_FORMATS, _output(options))
    return found.exit_code


def _schedule(options: argparse.Namespace) -> int:
    config = _prepare(options)
    request = ScheduleRequest(
        names=tuple(options.scenario), replay=options.replay, inside=options.inside, output=_output(options)
    )  # fmt: skip
    with _progress() as show, open_server(config.server) as server:
        return show_schedules(config, server, request, on_progress=show)


def _plans(options: argparse.Namespace) -> int:
    config, scale = _prepare(options), parse_scale(options.scale)
    with _progress() as show, open_server(config.server) as server:
        show("loading, and judging plans")
        return show_plans(config, server, scale=scale, output=_output(options))


def _mutate(options: argparse.Namespace) -> int:
    config = _prepare(options)
    chosen = options.suite or SUITES
    mutation = MutationOptions(
        selection=Selection(only=tuple(options.only), shard=parse_shard(options.shard)),
        suites=tuple(suite for suite in SUITES if suite in chosen), fresh=options.fresh, jobs=options.jobs,
    )  # fmt: skip
    request = MutationRequest(
        options=mutation, since=options.since, output=_output(options), guard_map=options.guard_map
    )
    with _progress() as show:
        return show_mutants(config, request, on_stage=show)


def _up(options: argparse.Namespace) -> int:
    config = _prepare(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to stop, as by Ctrl-C
    hold_up(config, port=options.port, as_json=options.format == "json", output=options.output)
    return ExitCode.GOOD


def _doctor(options: argparse.Namespace) -> int:
    if options.output:
        check_writable(options.output)
    examination = examine(_config(options))
    report = render_examination(examination, as_json=options.format == "json")
    print(report, end="", flush=True)
    if options.output:
        write_report(options.output, report)
    return ExitCode.GOOD if examination.can_judge else ExitCode.CANNOT_JUDGE


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal which stage is going on; stay quiet in a pipe."""
    console = Console(stderr=True)
    with console.status("starting PostgreSQL") as status:
        yield status.update


if __name__ == "__main__":
    sys.exit(main())
