"""Keep one PostgreSQL server alive exactly as long as its owner.

Run as `python -I -S supervisor.py`, so with the standard library only. Standard input brings the job as one
line of JSON and ends when the owner is gone; further lines are "crash" (the server is killed and starts anew
on its data), "rest" (it shuts down) and "wake" (it starts again). Standard output answers each line with one
line, {"ready": {…}} or {"failed": {…}}. After the end of its input it stops the server and removes every
directory that it made.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import locale
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

PREFIX = "pgassay-"
PROGRAMS = "@programs@"
_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _IPC_RMID = 1, 36, 0
_START_SECONDS, _REST_SECONDS, _STOP_SECONDS, _POLL_SECONDS = 60, 60, 10, 0.002
_libc = ctypes.CDLL(None)


class Job(NamedTuple):
    """What the owner asks for.

    `copies`, `links` and `texts` are each (source or text, path below a folder that is made for them);
    `bin_dir` is below that folder too, unless it is absolute. PROGRAMS in `configuration` is the folder.
    """

    bin_dir: str
    copies: list[tuple[str, str]]
    links: list[tuple[str, str]]
    texts: list[tuple[str, str]]
    data_base: str
    socket_base: str
    programs_base: str
    user: int | None
    group: int | None
    environment: dict[str, str]
    initdb: list[str]
    configuration: str
    port: int
    log_name: str


class Failure(Exception):  # noqa: N818  a reply, not a defect
    """The server cannot be had: the step that failed and what it printed."""

    def __init__(self, step: str, output: str) -> None:
        super().__init__(step)
        self.step = step
        self.output = output


def main() -> None:
    """Serve one job."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)
    if not (line := sys.stdin.readline()):
        return
    job = Job(**json.loads(line))
    watched = _watch_owner()
    if _LINUX:  # Children of a postmaster that was killed become ours to end.
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with ExitStack() as stack:
        try:
            cluster = _create(job, stack)
            cluster.start(watched)
            while wish := _await_wish(watched):
                if wish != "wake":
                    cluster.crash() if wish == "crash" else cluster.rest()
                if wish != "rest":
                    cluster.start(watched)
        except Failure as failure:
            _reply_failed(job, failure.step, failure.output)
        except (OSError, subprocess.SubprocessError) as error:
            _reply_failed(job, "setup", str(error))
        _ignore_signals()


class Cluster:
    """A data directory, and the postmaster that works on it."""

    def __init__(self, job: Job, bin_dir: Path, data: Path, run: Path) -> None:
        self._job = job
        self._bin_dir = bin_dir
        self._data = data
        self._run = run
        self._postmaster: subprocess.Popen[bytes] | None = None

    def start(self, watched: list[int]) -> None:
        """Start a postmaster, and tell the owner when it takes connections."""
        log_path = self._run / self._job.log_name
        with log_path.open("ab") as log:
            self._postmaster = subprocess.Popen(
                [self._bin_dir / "postgres", "-D", self._data, "-k", self._run, "-p", str(self._job.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_child_options(self._job, signal.SIGQUIT),
            )
        _await_ready(self._postmaster, self._data, log_path, watched)
        _reply({"ready": {"host": str(self._run), "bin_dir": str(self._bin_dir)}})

    def crash(self) -> None:
        """Kill the postmaster and all its processes, which get to write nothing any more."""
        if self._postmaster:
            self._postmaster.kill()
            self._postmaster.wait()
        while pids := _children():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def rest(self) -> None:
        """Shut down in order, so that the data directory is whole, and tell the owner where that is."""
        if self._postmaster:
            self._postmaster.send_signal(signal.SIGINT)
            self._postmaster.wait(_REST_SECONDS)
        _reply({"ready": {"data": str(self._data)}})

    def stop(self) -> None:
        """Immediate shutdown: nothing is to be kept."""
        _ignore_signals()
        if self._postmaster:
            self._postmaster.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                self._postmaster.wait(_STOP_SECONDS)
        self.crash()
        # The file outlives only a killed postmaster, and so does this.
        if segment := _pid_file_line(self._data, 7).split():
            _libc.shmctl(int(segment[1]), _IPC_RMID, None)


def _await_wish(watched: list[int]) -> str:
    """Wait for another line of input; empty when the owner is gone."""
    while not (ready := select.select(watched, [], [], 1)[0]):
        pass  # a signal that came just before the call is noticed after it
    return sys.stdin.readline().strip() if ready == watched[:1] else ""


def _create(job: Job, stack: ExitStack) -> Cluster:
    root = _make_directory(job.data_base, stack)
    home = root if job.socket_base == job.data_base else _make_directory(job.socket_base, stack)
    data, run = root / "data", home / "run"
    for folder in (data, run):
        folder.mkdir(mode=0o700)
        if job.user is not None:
            os.chown(folder, job.user, job.group or 0)
    shelf = root if job.programs_base == job.data_base else _make_directory(job.programs_base, stack)
    programs = _make_programs(job, shelf / "programs")
    bin_dir = programs / job.bin_dir
    quoted = str(programs).replace("\\", r"\\").replace("'", "''")
    _initialise(job, bin_dir, data, job.configuration.replace(PROGRAMS, quoted))
    cluster = Cluster(job, bin_dir, data, run)
    stack.callback(cluster.stop)
    return cluster


def _make_directory(base: str, stack: ExitStack) -> Path:
    """A new directory, locked as long as this process lives; it gets its name only when it is locked."""
    name = PREFIX + os.urandom(6).hex()
    unborn, folder = Path(base, f".{name}"), Path(base, name)
    unborn.mkdir()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    stack.callback(shutil.rmtree, unborn, ignore_errors=True)
    unborn.chmod(0o711)
    fcntl.flock(os.open(unborn, os.O_RDONLY), fcntl.LOCK_EX)
    return unborn.rename(folder)


def _make_programs(job: Job, root: Path) -> Path:
    """Copy, link and write what the job says below `root`, for every account to read."""
    root.mkdir()
    for source, below in job.copies:
        _parents(root / below)
        if Path(source).is_dir():
            shutil.copytree(source, root / below, ignore=shutil.ignore_patterns("*.a", "pgxs"))
        else:
            shutil.copy(source, root / below)
    for text, below in job.texts:
        _parents(root / below).write_text(text, encoding="utf-8")
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
    for source, below in job.links:
        _parents(root / below).symlink_to(source)
    return root


def _parents(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _initialise(job: Job, bin_dir: Path, data: Path, configuration: str) -> None:
    command = [str(bin_dir / "initdb"), *job.initdb, f"--locale={_neutral_locale()}", "-D", str(data)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_START_SECONDS,
        check=False,
        **_child_options(job, signal.SIGKILL),
    )
    if done.returncode:
        raise Failure("initdb", done.stdout)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(configuration)


def _await_ready(postmaster: subprocess.Popen[bytes], data: Path, log: Path, watched: list[int]) -> None:
    """Until line 8 of postmaster.pid says "ready" (src/include/utils/pidfile.h), or the owner is gone.

    Line 1 is looked at too: a postmaster that was killed leaves its file behind.
    """
    deadline = time.monotonic() + _START_SECONDS
    while (_pid_file_line(data, 1), _pid_file_line(data, 8)) != (str(postmaster.pid), "ready"):
        if postmaster.poll() is not None or time.monotonic() > deadline:
            raise Failure("postgres", log.read_text(encoding="utf-8", errors="replace"))
        if select.select(watched, [], [], _POLL_SECONDS)[0]:
            return


def _child_options(job: Job, last_signal: int) -> dict[str, Any]:
    options: dict[str, Any] = {"cwd": "/", "env": job.environment, "preexec_fn": _die_with_us(last_signal)}
    if job.user is not None:
        options |= {"user": job.user, "group": job.group, "extra_groups": []}
    return options


def _die_with_us(number: int) -> Callable[[], None] | None:
    """Runs in the child after it changed its ids, which would clear the setting."""
    supervisor = os.getpid()

    def arm() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)

    return arm if _LINUX else None


def _watch_owner() -> list[int]:
    """Readable when the owner is gone. Not the pipe alone: a child that the owner forked may hold it open."""
    watched = [sys.stdin.fileno()]
    if _LINUX:
        with suppress(OSError):
            watched.append(os.pidfd_open(os.getppid()))
    return watched


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def _neutral_locale() -> str:
    """C.UTF-8 knows letters beyond ASCII and sorts by code point; not every system has it."""
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    return "C.UTF-8"


def _pid_file_line(data: Path, number: int) -> str:
    try:
        return (data / "postmaster.pid").read_text().split("\n")[number - 1].strip()
    except (OSError, IndexError):
        return ""


def _reply_failed(job: Job, step: str, output: str) -> None:
    """Tells the bytes free before cleaning up: on a full disk not even the log could be written."""
    _reply({"failed": {"step": step, "output": output, "free": shutil.disk_usage(job.data_base).free}})


def _reply(message: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


def _leave(*_: object) -> NoReturn:
    raise SystemExit


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
