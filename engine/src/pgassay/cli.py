"""The command `pgassay`: arguments in, one exit code out. Thin; each feature registers its own command."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.resources import files

from pgassay import __version__
from pgassay.commands import Command, Extension
from pgassay.errors import CannotJudgeError, ExitCode, PgassayError
from pgassay.render.output import OF_DISKS

INTERRUPTED = 130  # 128 + SIGINT, as shells report it

# In the order of the help. A feature whose folder is gone has no command.
_FEATURES = (
    *("init", "audit", "explain", "world", "verify", "matrix", "diff", "migration"),
    *("coverage", "races", "race_search", "plans", "mutation", "mcp_server"),
)
_COMMANDS = [f"{name}.command" for name in _FEATURES if (files("pgassay") / name / "command.py").is_file()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: see `pgassay.errors.ExitCode`."""
    options = make_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        code = run(options)
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


def make_parser() -> argparse.ArgumentParser:
    """A parser of all commands; `run` of what it parses carries one out."""
    parser = argparse.ArgumentParser(
        prog="pgassay", description="Executed evidence about PostgreSQL schemas."
    )
    parser.add_argument("--version", action="version", version=f"pgassay {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parsers: dict[str, argparse.ArgumentParser] = {}
    for name in (*_COMMANDS, "up", "configuration", "doctor", "manual"):
        command: Command | Extension = import_module(f"pgassay.{name}").COMMAND
        if isinstance(command, Command):
            parsers[command.name] = commands.add_parser(
                command.name, help=command.help, aliases=command.aliases
            )
            command.add(parsers[command.name])
            parsers[command.name].set_defaults(run=command.run)
        elif command.of in parsers:
            command.add(parsers[command.of])
            run = _extended(parsers[command.of].get_default("run"), command)
            parsers[command.of].set_defaults(run=run)
    return parser


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
