"""The command `pgassay`: arguments in, one exit code out. Thin; the work is elsewhere."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape

from pgassay.arguments import parse_arguments
from pgassay.config import Config, find_root, load_config
from pgassay.coverage import read_exemptions
from pgassay.coverage.command import measure_coverage
from pgassay.coverage.report import COVERAGE_FORMATS
from pgassay.database import read_script
from pgassay.diff.command import Request, show_difference
from pgassay.doctor import examine, render_examination
from pgassay.errors import ConfigError, ExitCode, PgassayError
from pgassay.matrix.command import show_matrix
from pgassay.migration.command import UpgradeRequest, show_upgrade
from pgassay.mutation.command import Request as MutationRequest
from pgassay.mutation.command import show_mutants
from pgassay.mutation.plan import Selection, parse_shard
from pgassay.mutation.run import Options as MutationOptions
from pgassay.mutation.suites import SUITES
from pgassay.plans.command import open_loaded_server, parse_scale, show_plans
from pgassay.project.revisions import Side, resolve_side
from pgassay.races.command import ScheduleRequest, show_schedules
from pgassay.render.output import Output, check_writable, publish, write_report
from pgassay.server import open_server
from pgassay.up import hold_up
from pgassay.verify import STAGES, verify
from pgassay.verify.report import FORMATS

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: see `pgassay.errors.ExitCode`."""
    options = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        code = COMMANDS[options.command](options)
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
    with _progress() as show, _base(options, config) as since, open_server(config.server) as server:
        verdict = verify(
            config, server, only=tuple(options.only or STAGES), jobs=options.jobs, since=since, on_stage=show
        )
    publish(verdict, FORMATS, _output(options))
    return verdict.exit_code


@contextmanager
def _base(options: argparse.Namespace, config: Config) -> Iterator[Side | None]:
    """What `--since` names, with copies of its files until the end of the block."""
    if not options.since:
        yield None
        return
    with TemporaryDirectory(prefix="pgassay-") as folder:
        yield resolve_side(options.since, config, Path(folder))


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
            search_seconds=options.search,
        )  # fmt: skip
        if options.migration:
            upgrade = UpgradeRequest(difference=request, migration=tuple(options.migration))
            return show_upgrade(config, upgrade, on_stage=show)
        return show_difference(config, request, on_stage=show)


def _coverage(options: argparse.Namespace) -> int:
    config = _prepare(options)
    exemptions = read_exemptions(config.uncovered)
    with _progress() as show, open_server(config.server) as server:
        found = measure_coverage(config, server, exemptions, jobs=options.jobs, on_stage=show)
    publish(found, COVERAGE_FORMATS, _output(options))
    return found.exit_code


def _races(options: argparse.Namespace) -> int:
    config = _prepare(options)
    request = ScheduleRequest(
        names=tuple(options.scenario), replay=options.replay, inside=options.inside, output=_output(options)
    )  # fmt: skip
    with _progress() as show, open_server(config.server) as server:
        return show_schedules(config, server, request, on_progress=show)


def _plans(options: argparse.Namespace) -> int:
    config, scale = _prepare(options), parse_scale(options.scale)
    with _progress() as show, open_loaded_server(config, scale=scale, on_stage=show) as server:
        return show_plans(config, server, scale=scale, output=_output(options), on_stage=show)


def _mutate(options: argparse.Namespace) -> int:
    config = _prepare(options)
    chosen = options.suite or SUITES
    mutation = MutationOptions(
        selection=Selection(only=tuple(options.only), shard=parse_shard(options.shard)),
        suites=tuple(suite for suite in SUITES if suite in chosen), fresh=options.fresh, jobs=options.jobs,
        merge=tuple(options.merge),
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


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "verify": _verify,
    "matrix": _matrix,
    "diff": _diff,
    "coverage": _coverage,
    "races": _races,
    "schedule": _races,  # its name before
    "plans": _plans,
    "mutate": _mutate,
    "up": _up,
    "doctor": _doctor,
}


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal which stage is going on; stay quiet in a pipe."""
    console = Console(stderr=True)
    with console.status("starting PostgreSQL") as status:
        yield lambda stage: status.update(escape(stage))


if __name__ == "__main__":
    sys.exit(main())
