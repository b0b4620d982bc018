"""The command `pgassay`: arguments in, one exit code out. Thin; each feature registers its own command."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import chain

from pgassay import __version__
from pgassay.commands import Command, Extension
from pgassay.errors import CannotJudgeError, ExitCode, PgassayError
from pgassay.render.output import OF_DISKS

INTERRUPTED = 130  # 128 + SIGINT, as shells report it

# Which modules make a command, in the order of the help. A feature whose folder is gone has none.
_MODULES = {
    "init": ("init.command",),
    "audit": ("audit.command",),
    "explain": ("explain.command",),
    "world": ("world.command",),
    "verify": ("verify.command",),
    "matrix": ("matrix.command",),
    "diff": ("diff.command", "migration.command"),
    "coverage": ("coverage.command",),
    "races": ("races.command", "race_search.command"),
    "plans": ("plans.command",),
    "mutate": ("mutation.command",),
    "mcp": ("mcp_server.command",),
    "up": ("up",),
    "config": ("configuration",),
    "doctor": ("doctor",),
    "help": ("manual",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: see `pgassay.errors.ExitCode`."""
    signal.signal(signal.SIGTERM, _leave)
    words = sys.argv[1:] if arguments is None else arguments
    try:
        options = make_parser(next(iter(words), None)).parse_args(words)
        code: int = options.run(options)
    except PgassayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.CANNOT_JUDGE
    except Exception as error:  # noqa: BLE001  exit 1 would blame the schema
        if (interrupted := _find_interruption(error)) is not None:
            return interrupted
        _tell_failure(error)
        return ExitCode.CANNOT_JUDGE
    return code


def _tell_failure(error: Exception) -> None:
    """The machine's fault in a sentence; ours with a traceback."""
    if told := _machines_fault(error):
        print(told, file=sys.stderr)
        return
    print("pgassay itself failed. Please report it, with all that follows:\n", file=sys.stderr)
    traceback.print_exc()


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """A parser of this command, or of all where there is none of that name; `run` of what it parses runs it.

    To import all of them takes a second.
    """
    parser = argparse.ArgumentParser(
        prog="pgassay", description="Executed evidence about PostgreSQL schemas."
    )
    parser.add_argument("--version", action="version", version=f"pgassay {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parsers: dict[str, argparse.ArgumentParser] = {}
    wanted = {command: _MODULES[command]} if command in _MODULES else _MODULES
    for name in filter(_is_there, chain.from_iterable(wanted.values())):
        made: Command | Extension = import_module(f"pgassay.{name}").COMMAND
        if isinstance(made, Command):
            parsers[made.name] = commands.add_parser(made.name, help=made.help, aliases=made.aliases)
            made.add(parsers[made.name])
            parsers[made.name].set_defaults(run=made.run)
        elif made.of in parsers:
            made.add(parsers[made.of])
            parsers[made.of].set_defaults(run=_extended(parsers[made.of].get_default("run"), made))
    return parser


def _is_there(module: str) -> bool:
    feature, _, command = module.partition(".")
    return find_spec(f"pgassay.{feature}") is not None and bool(not command or find_spec(f"pgassay.{module}"))


def _extended(
    run: Callable[[argparse.Namespace], int], extension: Extension
) -> Callable[[argparse.Namespace], int]:
    return lambda options: (extension.run if extension.applies(options) else run)(options)


def _machines_fault(error: Exception) -> CannotJudgeError | None:
    """What to tell where the disk is full, or something may not be written that a run cannot do without."""
    if not isinstance(error, OSError) or error.errno not in OF_DISKS:
        return None
    return CannotJudgeError(
        f"{error.filename or 'A file'} cannot be used: {error.strerror}.",
        fixes=(OF_DISKS[error.errno], "set TMPDIR to another folder, where it is one for temporary files"),
    )


def _find_interruption(error: BaseException | None) -> int | None:
    """The exit code of the signal that came first, where what it broke off then failed to tidy up."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            return error.code
        error = error.__context__
    return None


def _leave(signum: int, _frame: object) -> None:
    """SIGTERM unwinds like an exit, so that servers stop and databases are dropped."""
    sys.exit(128 + signum)


if __name__ == "__main__":
    sys.exit(main())
